"""Names and versions of packages as people write them, in one spelling for each language. No IO."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from landbridge_gateway.errors import InvalidField

FIELD = "task.environment"
_ADDRESS = re.compile(r"://|^\s*git\+|^\s*[\w.-]+\s*(\[[^]]*\])?\s*@")
_PATH = re.compile(r"^\s*(\.{0,2}/|~|[A-Za-z]:\\)|[/\\]")
_R_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9.]*[A-Za-z0-9])?")
_R_BOUND = re.compile(r"(==|>=|<=|!=|>|<) *([0-9]+(?:[.-][0-9]+)*)")
_NAMES_AND_VERSIONS = "Packages are named with their versions alone: `{}`."
_EXAMPLES = {"python": 'scikit-learn>=1.5", "polars==1.35.0', "r": 'ranger", "dplyr>=1.1.0'}


@dataclass(frozen=True)
class RRequirement:
    """An R package and what its version must fulfil: ``(("ranger", ((">=", "0.16.0"),))``."""

    name: str
    bounds: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name + ",".join(f"{sign}{version}" for sign, version in self.bounds)


def normal(language: str, packages: Iterable[str]) -> tuple[str, ...]:
    """Each requirement in the language's one spelling, sorted, without repeats.

    Raises InvalidField naming the one that is none: only names, versions, extras and markers are taken from a job,
    never an address, a path or an option.
    """
    one = python_requirement if language == "python" else r_requirement
    return tuple(sorted({str(one(text)) for text in packages}))


def python_requirement(text: str) -> Requirement:
    """``Scikit_Learn >= 1.5`` is ``scikit-learn>=1.5``."""
    _check("python", text)
    try:
        found = Requirement(text)
    except (InvalidRequirement, InvalidMarker) as problem:
        raise _wrong("python", text, f"cannot be read: {str(problem).splitlines()[0].rstrip('.')}") from None
    if found.url:
        raise _wrong("python", text, "names an address")
    found.name = canonicalize_name(found.name)
    return found


def r_requirement(text: str) -> RRequirement:
    """``dplyr >= 1.1.0`` is ``dplyr>=1.1.0``."""
    _check("r", text)
    name = _R_NAME.match(text.strip(" "))
    rest = text.strip(" ")[name.end() :].strip(" ") if name else ""
    bounds = rest.split(",") if rest else []
    read = [_R_BOUND.fullmatch(bound.strip(" ")) for bound in bounds]
    if name is None or not all(read):
        raise _wrong("r", text, "cannot be read")
    return RRequirement(name.group(), tuple(sorted((bound[1], bound[2]) for bound in read if bound)))


def _check(language: str, text: str) -> None:
    if text.lstrip().startswith("-"):
        raise _wrong(language, text, "is an option")
    if _ADDRESS.search(text):
        raise _wrong(language, text, "names an address")
    if _PATH.search(text.partition(";")[0]):
        raise _wrong(language, text, "is a path")


def _wrong(language: str, text: str, what: str) -> InvalidField:
    shown = text if len(text) <= 100 else text[:97] + "..."
    hint = _NAMES_AND_VERSIONS.format(_EXAMPLES[language])
    return InvalidField(f"The package `{shown}` {what}.", hint, field=f"{FIELD}.packages", package=shown)
