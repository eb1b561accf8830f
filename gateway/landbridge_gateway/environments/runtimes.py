"""The runtimes that the gateway offers, read from ``runtimes.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.errors import InvalidField, UnknownRuntime

_LANGUAGE, _VERSION = r"[a-z][a-z0-9]{0,19}", r"[0-9]+(\.[0-9]+){0,2}"
_DEBIAN_PACKAGE = r"[a-z0-9][a-z0-9.+-]+(=[A-Za-z0-9.+:~-]+)?"
_PINNED = r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+"


@dataclass(frozen=True)
class Base:
    """What every image stands on: ``image`` is pulled where a registry answers, else made from ``suite``."""

    image: str
    suite: str
    apt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runtime:
    """A language at a version, and the packages that its image carries.

    ``apt`` and ``pip`` are in the finished image; ``apt_build`` and ``pip_build`` only install the client.
    """

    language: str
    version: str
    default: bool = False
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    apt_build: tuple[str, ...] = ()
    pip_build: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.language}:{self.version}"


class Runtimes:
    """All runtimes in the file's order: iterable, and indexable by name (``"r:4.6"``)."""

    def __init__(self, base: Base, runtimes: tuple[Runtime, ...]) -> None:
        self.base = base
        self._by_name = {runtime.name: runtime for runtime in runtimes}

    @classmethod
    def load(cls, folder: Path) -> Runtimes:
        """Read ``runtimes.toml`` in ``folder``. Raises InvalidField naming the file, the entry and what is wrong."""
        return _Reader(folder / "runtimes.toml").read()

    def __iter__(self) -> Iterator[Runtime]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Runtime:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownRuntime(f"There is no runtime `{name}`.", f"There are: {', '.join(self._by_name)}.") from None


class _Reader:
    """Reads one file and says where it is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Runtimes:
        document = self._document()
        self._only(document, {"base", "runtime"}, "the file")
        base = self._base(self._table(document.get("base"), "[base]"))
        entries = document.get("runtime")
        if not isinstance(entries, list) or not entries:
            raise self._wrong("there is no [[runtime]]", "Name at least one runtime.")
        runtimes = tuple(self._runtime(entry, number) for number, entry in enumerate(entries, 1))
        self._check_together(runtimes)
        return Runtimes(base, runtimes)

    def _document(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._wrong(f"it cannot be read: {error.strerror}", "Install landbridge-gateway again.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self._wrong(str(error), "Mend the file.") from error

    def _base(self, entry: Mapping[str, Any]) -> Base:
        self._only(entry, {"image", "suite", "apt"}, "[base]")
        image = self._text(entry, "image", r"[a-z0-9][a-zA-Z0-9./:@_-]+", "[base]")
        suite = self._text(entry, "suite", r"[a-z]+", "[base]")
        return Base(image, suite, self._list(entry, "apt", _DEBIAN_PACKAGE, "[base]"))

    def _runtime(self, raw: Any, number: int) -> Runtime:
        where = f"[[runtime]] number {number}"
        entry = self._table(raw, where)
        lists = {"apt": _DEBIAN_PACKAGE, "pip": _PINNED, "apt_build": _DEBIAN_PACKAGE, "pip_build": _PINNED}
        self._only(entry, {"language", "version", "default", *lists}, where)
        if not isinstance(entry.get("default", False), bool):
            raise self._wrong(f"`default` in {where} is not true or false", "Mend the entry.")
        return Runtime(
            self._text(entry, "language", _LANGUAGE, where),
            self._text(entry, "version", _VERSION, where),
            entry.get("default", False),
            **{key: self._list(entry, key, pattern, where) for key, pattern in lists.items()},
        )

    def _check_together(self, runtimes: tuple[Runtime, ...]) -> None:
        names = [runtime.name for runtime in runtimes]
        for name in names:
            if names.count(name) > 1:
                raise self._wrong(f"`{name}` stands twice", "Keep one of the two.")
        for language in dict.fromkeys(runtime.language for runtime in runtimes):
            defaults = sum(runtime.default for runtime in runtimes if runtime.language == language)
            if defaults != 1:
                raise self._wrong(
                    f"`{language}` has {defaults} default runtimes", "Mark exactly one with default = true."
                )

    def _table(self, value: Any, where: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"{where} is missing or no table", "Mend the entry.")
        return value

    def _only(self, entry: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in entry:
            if key not in known:
                raise self._wrong(f"`{key}` in {where} is unknown", f"Known are: {', '.join(sorted(known))}.")

    def _text(self, entry: Mapping[str, Any], key: str, pattern: str, where: str) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self._wrong(f"`{key}` in {where} is missing or cannot be `{value}`", "Mend the entry.")
        return value

    def _list(self, entry: Mapping[str, Any], key: str, pattern: str, where: str) -> tuple[str, ...]:
        values = entry.get(key, [])
        if not isinstance(values, list):
            raise self._wrong(f"`{key}` in {where} is no list", "Mend the entry.")
        for value in values:
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                hint = "Python packages stand with an exact version: `pandas==3.1.1`." if pattern == _PINNED else ""
                raise self._wrong(f"`{key}` in {where} cannot hold `{value}`", hint or "Mend the entry.")
        return tuple(values)

    def _wrong(self, what: str, hint: str) -> InvalidField:
        return InvalidField(f"{self._path.name}: {what}.", hint, file=str(self._path))
