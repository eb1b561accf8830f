"""Files in which versions were written down, read for what is built from them: names and versions, nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from landbridge_gateway.environments.requirements import FIELD, python_requirement, r_requirement
from landbridge_gateway.errors import InvalidField

LANGUAGES = {"requirements.txt": "python", "uv.lock": "python", "renv.lock": "r"}
_HASH = re.compile(r"\s--hash=([a-z0-9]+:[0-9a-f]+)(?=\s|$)")
_UV_VERSION = 1
_R_BASE = frozenset(
    {
        *("base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats"),
        *("stats4", "tcltk", "tools", "utils"),
    }
)


def requirements_in(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """The requirements of a ``requirements.txt``, and the digests that it gives by name.

    Raises InvalidField naming the line.
    """
    packages: list[str] = []
    digests: dict[str, list[str]] = {}
    for number, line in _lines(text):
        hashes = _HASH.findall(f" {line}")
        bare = _HASH.sub(" ", f" {line}").strip()
        if bare.startswith("-") or " -" in bare.partition(";")[0]:
            raise _wrong("requirements.txt", f"line {number} has the option `{_option(bare)}`", "Leave it out.")
        try:
            found = python_requirement(bare)
        except InvalidField as problem:
            raise _wrong("requirements.txt", f"line {number}: {problem.message}", problem.hint) from None
        packages.append(str(found))
        if hashes:
            digests[found.name] = sorted(hashes)
    if not packages:
        raise _wrong("requirements.txt", "it names no package", "Leave it out.")
    return packages, digests


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first: comments are left out, and what a backslash continues is joined."""
    joined, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        began = began or number
        if bare.endswith("\\"):
            joined += bare[:-1] + " "
            continue
        if joined + bare:
            yield began, (joined + bare).strip()
        joined, began = "", 0
    if joined.strip():
        yield began, joined.strip()


def _option(line: str) -> str:
    return next(word for word in line.split() if word.startswith("-"))[:60]


def renv_packages(text: str, version: str) -> list[str]:
    """The packages of an ``renv.lock``, each at its version. ``version`` is that of the runtime's R."""
    document = _json(text)
    told = document.get("R")
    written = str(told.get("Version", "")) if isinstance(told, dict) else ""
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", written):
        raise _wrong("renv.lock", "it has no `R$Version`", "Write it anew with renv::snapshot().")
    minor = ".".join(written.split(".")[:2])
    if minor != version:
        raise _wrong(
            "renv.lock",
            f"it is for R {minor}, and the task runs in R {version}",
            f'Use runtime = "r:{minor}", or write it anew with R {version}.',
        )
    packages = document.get("Packages")
    if not isinstance(packages, dict) or not packages:
        raise _wrong("renv.lock", "it has no `Packages`", "Write it anew with renv::snapshot().")
    return [_renv_package(name, about) for name, about in packages.items() if name not in _R_BASE]


def _renv_package(name: str, about: Any) -> str:
    if not isinstance(about, dict) or not isinstance(about.get("Version"), str):
        raise _wrong("renv.lock", f"its entry `{name[:60]}` has no version", "Write it anew with renv::snapshot().")
    source = str(about.get("Source", "Repository"))
    if source not in ("Repository", "CRAN", "Bioconductor"):
        raise _wrong(
            "renv.lock", f"`{name[:60]}` comes from {source[:60]}", "Only packages of repositories can be installed."
        )
    return str(r_requirement(f"{name}=={about['Version']}"))


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise _wrong("renv.lock", f"it is no JSON: {problem}", "Write it anew with renv::snapshot().") from None
    if not isinstance(document, dict):
        raise _wrong("renv.lock", "it is no JSON object", "Write it anew with renv::snapshot().")
    return document


def check_uv_lock(text: str, project: str, version: str) -> list[str]:
    """Read a ``uv.lock`` with its ``pyproject.toml``; gives the names that it locks. ``version`` is the runtime's."""
    again = "Write it anew with `uv lock`."
    lock = _toml(text, "uv.lock", again)
    if lock.get("version") != _UV_VERSION:
        raise _wrong("uv.lock", f"it is of version {str(lock.get('version'))[:20]}, and {_UV_VERSION} is read", again)
    _check_python(str(lock.get("requires-python", "")), version, again)
    packages = lock.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        raise _wrong("uv.lock", "its packages cannot be read", again)
    if not isinstance(_toml(project, "pyproject.toml", "Mend it.").get("project"), dict):
        raise _wrong("uv.lock", "the pyproject.toml beside it has no [project]", "Send the one that it was made from.")
    return [str(one.get("name")) for one in packages if not _own(one)]


def _own(package: dict[str, Any]) -> bool:
    """Is it the project itself? Raises InvalidField for one that is neither that nor from a registry."""
    source = package.get("source")
    kinds = set(source) if isinstance(source, dict) else set()
    if kinds == {"registry"}:
        return False
    if kinds <= {"virtual", "editable"} and isinstance(source, dict) and set(source.values()) == {"."}:
        return True
    kind = next(iter(kinds), "nowhere")
    sentence = f"`{str(package.get('name'))[:60]}` comes from {kind[:20]}"
    raise _wrong("uv.lock", sentence, "Only packages of a package index can be installed.")


def _check_python(wanted: str, version: str, hint: str) -> None:
    try:
        fits = SpecifierSet(wanted).contains(version, prereleases=True)
    except InvalidSpecifier:
        raise _wrong("uv.lock", f"its `requires-python` cannot be `{wanted[:60]}`", hint) from None
    if not fits:
        raise _wrong(
            "uv.lock",
            f"it is for Python {wanted}, and the task runs in Python {version}",
            "Name a runtime that it is for, or write it anew.",
        )


def _toml(text: str, name: str, hint: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise _wrong(name, f"it is no TOML: {problem}", hint) from None


def _wrong(name: str, what: str, hint: str | None) -> InvalidField:
    return InvalidField(f"The {name} cannot be used: {what.rstrip('.')}.", hint, field=f"{FIELD}.lockfile")
