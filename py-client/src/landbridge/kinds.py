"""Values of the contract for which Python has no type of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landbridge.errors import ValueCannotCross

Json = dict[str, Any]

TYPES = (
    *("bool", "int", "float", "complex", "str", "bytes"),
    *("date", "time", "datetime", "duration", "decimal", "factor"),
)


@dataclass(frozen=True)
class Missing:
    """A missing scalar of one type, R's typed ``NA``. ``type`` is a type of the contract, such as ``"int"``."""

    type: str
    tags: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"{self.type!r} is not a type; there are: {', '.join(TYPES)}")


class NamedList(list[tuple[str | None, Any]]):
    """R's named list when its keys repeat or are missing: a list of pairs of a key (or None) and a value."""

    def __init__(self, pairs: Iterable[tuple[str | None, Any]] = ()) -> None:
        super().__init__((key, value) for key, value in pairs)

    def keys(self) -> list[str | None]:
        return [key for key, _ in self]

    def values(self) -> list[Any]:
        return [value for _, value in self]

    def first(self, key: str | None) -> Any:
        """The value under the first such key; ``KeyError`` if there is none."""
        for name, value in self:
            if name == key:
                return value
        raise KeyError(key)

    def __repr__(self) -> str:
        return f"NamedList({super().__repr__()})"


class Native:
    """A handle of an object that only its own language can open: held, shown, and handed on to another job."""

    def __init__(self, node: Json) -> None:
        self._node = node

    @property
    def language(self) -> str:
        return str(self._node["language"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The object's classes, its own first."""
        return tuple(self._node.get("class") or ())

    @property
    def summary(self) -> str:
        """What the object prints in its own language."""
        return str((self._node.get("summary") or {}).get("text") or "")

    @property
    def facts(self) -> Json:
        """What is known of the object without opening it: a model's parameters and coefficients, sizes, labels."""
        return dict((self._node.get("summary") or {}).get("facts") or {})

    def __landbridge_node__(self) -> Json:
        return self._node

    def __repr__(self) -> str:
        kind = self.classes[0] if self.classes else "object"
        return f"<Native {self.language} {kind}>\n{self.summary}".rstrip()


@dataclass(frozen=True)
class SentFile:
    """A file that is sent as it is; made by :func:`as_file`."""

    path: Path
    name: str


def as_file(path: str | Path, name: str | None = None) -> SentFile:
    """Send the file itself as an argument or a result, under ``name`` (its own when None).

    Raises :class:`~landbridge.errors.ValueCannotCross` when there is no such file.
    """
    found = Path(path)
    if not found.is_file():
        raise ValueCannotCross("path", f"there is no file `{path}`", "Give the path of one existing file.")
    return SentFile(found, name or found.name)


class RemoteWarning(UserWarning):
    """A warning that the job's code gave, issued again at home when its result is taken."""


class LossWarning(UserWarning):
    """A column crosses with loss, and the task's ``on_loss`` is ``"warn"``."""
