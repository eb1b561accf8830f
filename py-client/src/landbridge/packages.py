"""Names of packages as the requirements of the contract: what people write, and what is refused with the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from landbridge.errors import InvalidField

LANGUAGES = {"python": "Python", "r": "R"}
# What every R has.
R_BASE = frozenset(
    (
        *("base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats"),
        *("stats4", "tcltk", "tools", "utils"),
    )
)
_MOST, _LONGEST = 500, 300
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMES = {"python": re.compile(_WORD), "r": re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")}
_HEAD = re.compile(rf"({_WORD})\s*(?:\[([^\]]*)\])?\s*(.*)")
_COMPARISON = re.compile(r"(==|>=|<=|!=|~=|>|<)\s*([^\s=<>!~].*)")
_VERSIONS = {
    "python": re.compile(
        r"v?(?:\d+!)?\d+(?:\.\d+)*(?:[._-]?(?:a|b|c|rc|alpha|beta|pre|preview)[._-]?\d*)?(?:[._-]?(?:post|rev|r)[._-]?\d*)?"
        r"(?:[._-]?dev[._-]?\d*)?(?:\+[a-z0-9]+(?:[._-][a-z0-9]+)*)?(?:\.\*)?",
        re.IGNORECASE,
    ),
    "r": re.compile(r"\d+(?:[.-]\d+)*"),
}
_VARIABLE = (
    r"(?:python_version|python_full_version|os_name|sys_platform|platform_release|platform_system|platform_version"
    r"|platform_machine|platform_python_implementation|implementation_name|implementation_version|extra)"
)
_ATOM = rf"(?:{_VARIABLE}|\"[A-Za-z0-9_.+ *-]*\"|'[A-Za-z0-9_.+ *-]*')"
_TEST = rf"[( ]*{_ATOM}\s*(?:===?|~=|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b)\s*{_ATOM}[ )]*"
_MARKER = re.compile(rf"{_TEST}(?:\b(?:and|or)\b{_TEST})*")
_ODD = re.compile(r"""[^A-Za-z0-9._\[\](),=<>!~+*@; '"-]""")
_PATH = re.compile(r"[/\\]|^[.~]|\.(?:txt|toml|lock|whl|zip|gz|tgz|ya?ml|cfg|ipynb|rmd|qmd)$", re.IGNORECASE)
_FORMS = {
    "python": 'Write it as "polars", "polars>=1.0" or "polars[numpy]==1.2".',
    "r": 'Write it as "dplyr", "dplyr>=1.1.0" or "dplyr==1.1.0".',
}
_BY_NAME = "Packages come by their names from where the gateway gets them."
_BY_ITSELF = 'A file of them is given by itself, such as packages = "{}".'
_FILES = {"python": "requirements.txt", "r": "renv.lock"}


class Unusable(Exception):
    """One item that is no requirement: ``reason`` goes on after "it" in a sentence, ``hint`` is the way out."""

    def __init__(self, item: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.item, self.reason, self.hint = item, reason, hint


def requirements(given: Iterable[Any] | Mapping[Any, Any], language: str) -> list[str]:
    """The requirements of a list of names, or of a dict of names with their versions, each once.

    Raises ``InvalidField`` that names the item and the way out.
    """
    items = [_with_version(name, version) for name, version in given.items()] if isinstance(given, Mapping) else given
    found: list[str] = []
    for item in items:
        try:
            found.append(requirement(item, language))
        except Unusable as problem:
            message = f"`packages` cannot name `{problem.item}`: it {problem.reason}."
            raise InvalidField(message, problem.hint, field="packages", item=problem.item) from None
    return counted(list(dict.fromkeys(found)), "`packages`")


def counted(found: list[str], where: str) -> list[str]:
    if not found:
        raise InvalidField(f"{where} names no packages.", "Leave it out, or name one.", field="packages")
    if len(found) > _MOST:
        message = f"{where} names {len(found):,} packages, and {_MOST} are the most."
        raise InvalidField(message, "Give a lockfile.", field="packages")
    return found


def _with_version(name: Any, version: Any) -> Any:
    """``{"polars": ">=1.0"}``; a version alone is exact, and None, "" and "*" are any."""
    if not isinstance(name, str):
        return name
    if version is None:
        return name
    if not isinstance(version, str):
        return version
    plain = version.strip()
    if plain in ("", "*"):
        return name
    return f"{name} {plain}" if plain[0] in "=<>!~(@" else f"{name} =={plain}"


def requirement(item: Any, language: str) -> str:
    """One requirement without spaces: ``dplyr>=1.1.0`` of ``dplyr (>= 1.1.0)``, ``dplyr==1.1.0`` of ``dplyr@1.1.0``.

    Raises :class:`Unusable`.
    """
    if not isinstance(item, str):
        raise Unusable(_shown(item), "is not text", _FORMS[language])
    text = item.strip(" \t")
    _refuse_foreign(text, language)
    head, has_marker, marker = text.partition(";")
    match = _HEAD.fullmatch(head.strip())
    if match is None or not _NAMES[language].fullmatch(match[1]):
        raise Unusable(text, f"is no name of a package of {LANGUAGES[language]}", _FORMS[language])
    name, extras, rest = match.groups()
    if language == "r" and name in R_BASE:
        raise Unusable(text, "comes with R itself", "Leave it out.")
    if language == "r" and (has_marker or extras is not None):
        what = "a marker" if has_marker else "extras"
        raise Unusable(text, f"has {what}, which only packages of Python have", _FORMS["r"])
    made = name + _extras(text, extras) + _comparisons(text, rest, language) + _marker(text, has_marker, marker)
    if len(made) > _LONGEST:
        raise Unusable(f"{text[:40]}...", f"is longer than {_LONGEST} characters", _FORMS[language])
    return made


def _shown(item: Any) -> str:
    return repr(item)[:50]


def _refuse_foreign(text: str, language: str) -> None:
    """What is no name at all: each kind by what it is."""
    by_itself = _BY_ITSELF.format(_FILES[language])
    if not text:
        raise Unusable(text, "is empty", _FORMS[language])
    if "://" in text or re.match(r"(?:git|hg|svn|bzr)\+", text) or re.search(r"@\s*(?:git|file|https?)\b", text):
        raise Unusable(text[:100], "is an address", _BY_NAME)
    if text.startswith("-"):
        raise Unusable(text, "is an option", f"{_BY_NAME} {by_itself}")
    if _PATH.search(text.partition(";")[0].strip()):
        raise Unusable(text[:100], "is a path", f"{_BY_NAME} {by_itself}")
    odd = _ODD.search(text)
    if odd:
        shown = odd[0] if odd[0].isprintable() else repr(odd[0])[1:-1]
        raise Unusable(text.splitlines()[0][:100], f"has the character `{shown}`", _FORMS[language])


def _extras(text: str, extras: str | None) -> str:
    names = [one.strip() for one in (extras or "").split(",") if one.strip()]
    for name in names:
        if not re.fullmatch(_WORD, name):
            raise Unusable(text, f"has `{name}` among its extras", _FORMS["python"])
    return f"[{','.join(names)}]" if names else ""


def _comparisons(text: str, rest: str, language: str) -> str:
    rest = rest.strip()
    if rest.startswith("@"):
        # The name of a version, as npm and renv have it; addresses were refused before.
        rest = f"=={rest[1:].strip()}"
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    found = [one.strip() for one in rest.split(",")]
    return ",".join(_comparison(text, one, language) for one in found if one)


def _comparison(text: str, comparison: str, language: str) -> str:
    match = _COMPARISON.fullmatch(comparison)
    if match is None:
        single = comparison.startswith("=") and not comparison.startswith("==")
        reason = "compares by `=`, which is `==`" if single else f"has `{comparison}` in the place of a version"
        raise Unusable(text, reason, _FORMS[language])
    sign, version = match.groups()
    if sign == "~=" and (language == "r" or "." not in version):
        reason = "compares by `~=`, which only packages of Python do" if language == "r" else f"has `{comparison}`"
        raise Unusable(text, reason, _FORMS[language])
    wild = version.endswith(".*") and sign not in ("==", "!=")
    if wild or not _VERSIONS[language].fullmatch(version):
        raise Unusable(text, f"has `{version}` in the place of a version", _FORMS[language])
    return sign + version


def _marker(text: str, has_marker: str, marker: str) -> str:
    if not has_marker:
        return ""
    plain = marker.strip()
    if not _MARKER.fullmatch(plain):
        raise Unusable(text, f"has `{plain}` in the place of a marker", 'A marker is such as python_version < "3.12".')
    return f"; {plain}"
