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
_ABILITY = r"[A-Za-z][A-Za-z0-9._ -]{0,59}"

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
    """What images of one Debian suite stand on: pulled as ``image`` where a registry answers, else made."""

    image: str
    suite: str
    apt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runtime:
    """A language at a version, and the packages that its image carries.

    ``suite`` is that of the base it stands on. ``on_demand`` leaves the image to the first job that names the runtime,
    or to who builds it by name. ``without`` says what others of its language can do and this one cannot.

    ``apt`` and ``pip`` are in the finished image; ``apt_build`` and ``pip_build`` only install the client.
    A runtime that unites others is of several languages: ``language`` is then its own name and ``version`` empty,
    ``united`` has the version of each language, and ``apt_unstable`` what only Debian's sid carries.
    """

    language: str
    version: str
    suite: str
    default: bool = False
    on_demand: bool = False
    without: tuple[str, ...] = ()
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
    """All runtimes in the file's order: iterable, and indexable by name (``"r:4.6"``).

    ``bases`` has the base of each suite; the first is that of runtimes which name none.
    """

    def __init__(self, bases: Mapping[str, Base], runtimes: tuple[Runtime, ...]) -> None:
        self.bases = bases
        self._by_name = {runtime.name: runtime for runtime in runtimes}

    @classmethod
    def load(cls, folder: Path) -> Runtimes:
        """Read ``runtimes.toml`` in ``folder``. Raises InvalidField naming the file, the entry and what is wrong."""
        return _Reader(folder / "runtimes.toml").read()

    @property
    def base(self) -> Base:
        """The default base."""
        return next(iter(self.bases.values()))

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
        self._bases: dict[str, Base] = {}

    def read(self) -> Runtimes:
        document = self._document()
        self._only(document, {"base", "runtime"}, "the file")
        self._bases = self._all_bases(self._entries(document, "base"))
        runtimes: list[Runtime] = []
        for number, entry in enumerate(self._entries(document, "runtime"), 1):
            runtimes.append(self._runtime(entry, number, runtimes))
        self._check_together(runtimes)
        return Runtimes(self._bases, tuple(runtimes))

    def _entries(self, document: Mapping[str, Any], name: str) -> list[Any]:
        entries = document.get(name)
        if not isinstance(entries, list) or not entries:
            raise self._wrong(f"there is no [[{name}]]", f"Name at least one, under [[{name}]].")
        return entries

    def _document(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._wrong(f"it cannot be read: {error.strerror}", "Install landbridge-gateway again.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise self._wrong(str(error), "Mend the file.") from error

    def _all_bases(self, entries: Sequence[Any]) -> dict[str, Base]:
        bases: dict[str, Base] = {}
        for number, raw in enumerate(entries, 1):
            where = f"[[base]] number {number}"
            entry = self._table(raw, where)
            self._only(entry, {"image", "suite", "apt"}, where)
            image = self._text(entry, "image", r"[a-z0-9][a-zA-Z0-9./:@_-]+", where)
            suite = self._text(entry, "suite", r"[a-z]+", where)
            if suite in bases:
                raise self._wrong(f"the suite `{suite}` has two bases", "Keep one of the two.")
            bases[suite] = Base(image, suite, self._list(entry, "apt", _DEBIAN_PACKAGE, where))
        return bases

    def _runtime(self, raw: Any, number: int, above: Sequence[Runtime]) -> Runtime:
        where = f"[[runtime]] number {number}"
        entry = self._table(raw, where)
        if "unites" in entry:
            return self._united(entry, where, above)
        keys = _LISTS.keys() - {"apt_unstable"}
        self._only(entry, {"language", "version", "suite", "default", "on_demand", "without", *keys}, where)
        runtime = Runtime(
            self._text(entry, "language", _LANGUAGE, where),
            self._text(entry, "version", _VERSION, where),
            self._suite(entry, where),
            self._flag(entry, "default", where),
            self._flag(entry, "on_demand", where),
            self._list(entry, "without", _ABILITY, where),
        )
        return replace(runtime, **self._lists(entry, where))

    def _suite(self, entry: Mapping[str, Any], where: str) -> str:
        if "suite" not in entry:
            return next(iter(self._bases))
        suite = self._text(entry, "suite", r"[a-z]+", where)
        if suite not in self._bases:
            raise self._wrong(f"`suite` in {where} is `{suite}`, which has no [[base]]", self._known_suites())
        return suite

    def _known_suites(self) -> str:
        return f"There are: {', '.join(self._bases)}."

    def _united(self, entry: Mapping[str, Any], where: str, above: Sequence[Runtime]) -> Runtime:
        """A runtime with everything that those it unites have, and its own packages behind theirs."""
        self._only(entry, {"name", "unites", "on_demand", *_LISTS}, where)
        name = self._text(entry, "name", _LANGUAGE, where)
        parts = [self._above(part, above, where) for part in self._list(entry, "unites", _RUNTIME, where)]
        united = {part.language: part.version for part in parts}
        if len(united) < 2 or len(united) < len(parts):
            raise self._wrong(f"`unites` in {where} names no two languages", "Name one runtime of each.")
        if name in {runtime.language for runtime in above}:
            raise self._wrong(f"`name` in {where} is that of a language", "Choose another name.")
        if len({part.suite for part in parts}) > 1:
            told = " and ".join(f"`{part.name}` on {part.suite}" for part in parts)
            raise self._wrong(f"`unites` in {where} names {told}", "Unite runtimes of one suite: an image has one.")
        own = self._lists(entry, where)
        lists: dict[str, Any] = {key: _joined([*(getattr(part, key) for part in parts), own[key]]) for key in own}
        on_demand, without = self._flag(entry, "on_demand", where), _joined(part.without for part in parts)
        return replace(Runtime(name, "", parts[0].suite, on_demand=on_demand, without=without, united=united), **lists)

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

    def _flag(self, entry: Mapping[str, Any], key: str, where: str) -> bool:
        value = entry.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(f"`{key}` in {where} is not true or false", "Mend the entry.")
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
