"""The runtimes that the gateway offers, read from ``runtimes.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from landbridge_gateway.errors import InvalidField, UnknownRuntime

_LANGUAGE, _VERSION = r"[a-z][a-z0-9]{0,19}", r"[0-9]+(\.[0-9]+){0,2}"
_RUNTIME = rf"{_LANGUAGE}(:{_VERSION})?"
_DEBIAN_PACKAGE = r"[a-z0-9][a-z0-9.+-]+(=[A-Za-z0-9.+:~-]+)?"
_PINNED = r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+"

_LISTS = {
    "apt": _DEBIAN_PACKAGE,
    "pip": _PINNED,
    "apt_build": _DEBIAN_PACKAGE,
    "pip_build": _PINNED,
    "apt_unstable": _DEBIAN_PACKAGE,
}

# How each language's worker is started where an image has more than one; the job folder follows as the only argument.
WORKERS: Mapping[str, tuple[str, ...]] = {
    "python": ("python3", "-m", "landbridge.worker"),
    "r": ("sh", "/usr/lib/R/site-library/landbridge/worker.sh"),
}


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
    A runtime that unites others is of several languages: ``language`` is then its own name and ``version`` empty,
    ``united`` has the version of each language, and ``apt_unstable`` what only Debian's sid carries.
    """

    language: str
    version: str
    default: bool = False
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    apt_build: tuple[str, ...] = ()
    pip_build: tuple[str, ...] = ()
    apt_unstable: tuple[str, ...] = ()
    united: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.language}:{self.version}" if self.version else self.language

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of each language that tasks for this runtime may be of."""
        return self.united or {self.language: self.version}

    def start(self, language: str) -> tuple[str, ...] | None:
        """The command that starts the language's worker; None where the image's own entry point does."""
        return WORKERS[language] if self.united else None


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
        runtimes: list[Runtime] = []
        for number, entry in enumerate(entries, 1):
            runtimes.append(self._runtime(entry, number, runtimes))
        self._check_together(runtimes)
        return Runtimes(base, tuple(runtimes))

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

    def _runtime(self, raw: Any, number: int, above: Sequence[Runtime]) -> Runtime:
        where = f"[[runtime]] number {number}"
        entry = self._table(raw, where)
        if "unites" in entry:
            return self._united(entry, where, above)
        keys = _LISTS.keys() - {"apt_unstable"}
        self._only(entry, {"language", "version", "default", *keys}, where)
        if not isinstance(entry.get("default", False), bool):
            raise self._wrong(f"`default` in {where} is not true or false", "Mend the entry.")
        runtime = Runtime(
            self._text(entry, "language", _LANGUAGE, where),
            self._text(entry, "version", _VERSION, where),
            entry.get("default", False),
        )
        return replace(runtime, **self._lists(entry, where))

    def _united(self, entry: Mapping[str, Any], where: str, above: Sequence[Runtime]) -> Runtime:
        """A runtime with everything that those it unites have, and its own packages behind theirs."""
        self._only(entry, {"name", "unites", *_LISTS}, where)
        name = self._text(entry, "name", _LANGUAGE, where)
        parts = [self._above(part, above, where) for part in self._list(entry, "unites", _RUNTIME, where)]
        united = {part.language: part.version for part in parts}
        if len(united) < 2 or len(united) < len(parts):
            raise self._wrong(f"`unites` in {where} names no two languages", "Name one runtime of each.")
        if name in {runtime.language for runtime in above}:
            raise self._wrong(f"`name` in {where} is that of a language", "Choose another name.")
        own = self._lists(entry, where)
        lists: dict[str, Any] = {key: _joined([*(getattr(part, key) for part in parts), own[key]]) for key in own}
        return replace(Runtime(name, "", united=united), **lists)

    def _lists(self, entry: Mapping[str, Any], where: str) -> dict[str, Any]:
        return {key: self._list(entry, key, pattern, where) for key, pattern in _LISTS.items()}

    def _above(self, name: str, above: Sequence[Runtime], where: str) -> Runtime:
        found = next((runtime for runtime in above if runtime.name == name and not runtime.united), None)
        if found is None or found.language not in WORKERS:
            raise self._wrong(f"`{name}` in {where} is no runtime that stands above it", "Mend the entry.")
        return found

    def _check_together(self, runtimes: Sequence[Runtime]) -> None:
        names = [runtime.name for runtime in runtimes]
        for name in names:
            if names.count(name) > 1:
                raise self._wrong(f"`{name}` stands twice", "Keep one of the two.")
        for language in dict.fromkeys(runtime.language for runtime in runtimes if not runtime.united):
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


def _joined(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in lists for word in words))
