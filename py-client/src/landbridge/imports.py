"""``packages = "auto"``: the packages that code imports, at the versions that are installed here."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from landbridge.errors import InvalidField
from landbridge.installed import installed_places
from landbridge.kinds import Json
from landbridge.packages import R_BASE, counted

_OPTIONAL = ("ImportError", "ModuleNotFoundError", "Exception")
_OWN = "landbridge"


def imported_packages(language: str, function: Json) -> list[str]:
    """The requirements of a task's function document, in the order in which they stand there.

    Of Python each is pinned to the version that is installed here; the standard library, modules of the user's own and
    ``landbridge`` are left out. Of R, which is the other language, the names stand alone. Raises ``InvalidField`` that
    names a module which is not installed.
    """
    found = _of_r(function) if language == "r" else _of_python(function)
    return counted(found, 'packages = "auto"') if found else found


def _of_python(function: Json) -> list[str]:
    imports = _Imports()
    _walk(function, imports)
    beside = Path(str(function.get("file") or "")).parent
    pins = [pin for module, needed in imports.found.items() for pin in _pins(module, needed, beside)]
    return list(dict.fromkeys(pins))


def _walk(function: Json, imports: _Imports) -> None:
    if function["type"] == "reference":
        imports.add(function["package"])
        return
    imports.visit(ast.parse(function["text"]))
    for free in function.get("free") or []:
        if "import" in free:
            imports.add(free["import"]["module"])
        if "source" in free:
            _walk(free["source"], imports)
        for package in _needed_by(free.get("value")):
            imports.add(package)


def _needed_by(node: Any) -> list[str]:
    """The packages whose classes a captured value has: a pickle is loaded by them."""
    if isinstance(node, list):
        return [name for item in node for name in _needed_by(item)]
    if not isinstance(node, dict):
        return []
    if node.get("kind") == "native" and node.get("language") == "python":
        return list(node.get("packages") or [])
    return _needed_by(node.get("items"))


class _Imports(ast.NodeVisitor):
    """Modules that a text imports, and whether it can do without. What only type checkers read is passed over."""

    def __init__(self) -> None:
        self.found: dict[str, bool] = {}
        self._optional = False

    def add(self, module: str) -> None:
        self.found[module] = self.found.get(module, False) or not self._optional

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and node.module:
            for alias in node.names:
                self.add(f"{node.module}.{alias.name}")

    def visit_If(self, node: ast.If) -> None:
        typing_only = getattr(node.test, "id", getattr(node.test, "attr", None)) == "TYPE_CHECKING"
        for child in node.orelse if typing_only else [*node.body, *node.orelse]:
            self.visit(child)

    def visit_Try(self, node: ast.Try) -> None:
        before = self._optional
        self._optional = before or any(_catches_import(handler) for handler in node.handlers)
        for child in node.body:
            self.visit(child)
        self._optional = before
        for other in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(other)


def _catches_import(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", None) in _OPTIONAL for kind in kinds)


def _pins(module: str, needed: bool, beside: Path) -> list[str]:
    """The distributions of a module with their versions; none for what every Python and every job has."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in (_OWN, "__main__"):
        return []
    if (beside / f"{top}.py").is_file() or (beside / top / "__init__.py").is_file():
        return []
    place = _place(top)
    if place is None:
        if needed:
            raise _unknown(top, "it is not installed here")
        return []
    owners = [one for one in _distributions(top) if _lies_in(place, one)]
    if not owners and place.startswith(installed_places()):
        raise _unknown(top, "it belongs to no installed distribution")
    # Several distributions may share a namespace, such as google.cloud: the one that has the module itself is meant.
    kept = [one for one in owners if _has(one, module)] if len(owners) > 1 else owners
    return [f"{one.metadata['Name']}=={one.version.partition('+')[0]}" for one in kept or owners]


def _unknown(top: str, reason: str) -> InvalidField:
    hint = 'Install it here, or name the packages: packages=["polars", ...].'
    return InvalidField(f'packages = "auto" cannot take `{top}`: {reason}.', hint, field="packages", module=top)


def _place(top: str) -> str | None:
    """Where a module lies, "" for one that was made without a file; None where there is none."""
    loaded = sys.modules.get(top)
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        return None if loaded is None else str(getattr(loaded, "__file__", None) or "")
    folders = list(spec.submodule_search_locations or ())
    return str(folders[0] if folders else spec.origin or "")


def _lies_in(place: str, distribution: metadata.Distribution) -> bool:
    """Is it this distribution's own copy, rather than source that an editable installation points to?"""
    return bool(place) and Path(place).resolve().is_relative_to(Path(str(distribution.locate_file(""))).resolve())


@cache
def _owners() -> dict[str, list[str]]:
    return {top: list(dict.fromkeys(names)) for top, names in metadata.packages_distributions().items()}


def _distributions(top: str) -> list[metadata.Distribution]:
    return [metadata.distribution(name) for name in _owners().get(top, [])]


def _has(distribution: metadata.Distribution, module: str) -> bool:
    path = module.replace(".", "/")
    wanted = (f"{path}.py", f"{path}/", f"{path}.")
    shorter = f"{path.rpartition('/')[0]}/"
    files = [str(file) for file in distribution.files or ()]
    below = shorter.count("/") > 1 and any(file.startswith(shorter) for file in files)
    return below or any(file.startswith(wanted) for file in files)


# R

_R_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    | (?P<raw>[rR](?P<quote>["'])(?P<dashes>-*)[(\[{](?P<inner>.*?)[)\]}](?P=dashes)(?P=quote))
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z.][\w.]*|`[^`\n]*`)
    | (?P<colons>:::?)
    | (?P<sign>[^\s\w])
    | \d[\w.]*""",
    re.VERBOSE | re.DOTALL,
)
_ATTACHING = ("library", "require")
_LOADING = ("requireNamespace", "loadNamespace")


def _of_r(function: Json) -> list[str]:
    found = _r_packages(function)
    return [name for name in dict.fromkeys(found) if name not in R_BASE and name != _OWN]


def _r_packages(function: Json) -> list[str]:
    if function["type"] == "reference":
        return [function["package"]]
    found = [*(function.get("packages") or []), *packages_of_r_text(function["text"])]
    for free in function.get("free") or []:
        if "import" in free:
            found.append(free["import"]["module"])
        if "source" in free:
            found += _r_packages(free["source"])
    return found


def packages_of_r_text(text: str) -> list[str]:
    """What a text of R names in ``library()``, ``require()``, ``requireNamespace()``, ``loadNamespace()``, ``::``."""
    tokens = [
        (kind, match[0])
        for match in _R_TOKEN.finditer(text)
        if (kind := match.lastgroup if match["raw"] is None else "text") not in (None, "comment")
    ]
    found: list[str] = []
    for at, (kind, token) in enumerate(tokens):
        following = [word for _, word in tokens[at + 1 : at + 4]]
        if kind in ("name", "text") and following[:1] in (["::"], [":::"]):
            found.append(token.strip("`\"'"))
        elif kind == "name" and token in _ATTACHING + _LOADING and following[:1] == ["("]:
            named = at + 2 + 2 * (following[1:3] == ["package", "="])
            found += _r_argument(tokens, named, token in _ATTACHING)
    return found


def _r_argument(tokens: list[tuple[str, str]], at: int, bare: bool) -> list[str]:
    """The package of ``library(dplyr)`` or ``library("dplyr")``; none where a variable names it."""
    if at >= len(tokens):
        return []
    kind, token = tokens[at]
    if kind == "text":
        return [token.strip("\"'")]
    rest = [word for _, word in tokens[at : at + 6]]
    until = rest.index(")") if ")" in rest else len(rest)
    return [token.strip("`")] if kind == "name" and bare and "character.only" not in rest[:until] else []
