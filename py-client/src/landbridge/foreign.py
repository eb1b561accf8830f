"""Tasks from source text or source files: ``r()`` and ``python()``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from landbridge.errors import FunctionNotCaptured
from landbridge.tasks import Task, parsed, read_source

_R_FUNCTION = re.compile(r"^([A-Za-z.][\w.]*|`[^`\n]+`)\s*(?:<-|=)\s*(?:function\b|\\\()", re.MULTILINE)
_R_EXPRESSION = re.compile(r"\s*(?:#[^\n]*\n\s*)*(?:function\s*\(|\\\()")


def r(file_or_text: str | Path, name: str | None = None) -> Task:
    """A task of an R function: a file ``.R`` and the function's name, or source text.

    ``name`` may be left out when the text defines one function, or is itself one: ``r("function(x) x + 1")``.
    Raises ``FunctionNotCaptured`` when the file is missing or the function is not clear.
    """
    text, file = _source(file_or_text, (".r",))
    if name is None and _R_EXPRESSION.match(text):
        name, text = "f", f"f <- {text}"
    if name is None:
        name = _only([found.strip("`") for found in _R_FUNCTION.findall(text)], file)
    return Task("r", document=_document(name, text, file))


def python(file_or_text: str | Path, name: str | None = None) -> Task:
    """A task of a Python function: a file ``.py`` and the function's name, or source text.

    ``name`` may be left out when the text defines one function, or is itself a lambda. Raises ``CodeDoesNotParse``,
    ``FunctionNotCaptured`` when the file is missing or the function is not clear.
    """
    text, file = _source(file_or_text, (".py",))
    tree = parsed(text, file or "The text")
    first = tree.body[0] if len(tree.body) == 1 else None
    if name is None and isinstance(first, ast.Expr) and isinstance(first.value, ast.Lambda):
        return Task("python", document=_document("f", f"f = ({text.strip()}\n)", file))
    defined = _python_functions(tree)
    if name is None:
        name = _only(defined, file)
    elif name not in defined and not _assigns(tree, name):
        raise FunctionNotCaptured(name, f"{file or 'the text'} does not define it", _names(defined))
    return Task("python", document=_document(name, text, file))


def _source(file_or_text: str | Path, endings: tuple[str, ...]) -> tuple[str, str | None]:
    given = str(file_or_text)
    is_path = isinstance(file_or_text, Path) or ("\n" not in given and Path(given).suffix.lower() in endings)
    return (read_source(Path(given)), given) if is_path else (given, None)


def _document(name: str, text: str, file: str | None) -> dict[str, object]:
    return {"type": "source", "name": name, "text": text, "file": file, "line": 1}


def _python_functions(tree: ast.Module) -> list[str]:
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return found


def _assigns(tree: ast.Module, name: str) -> bool:
    """Is the name made in another way: imported, assigned, defined under a condition?"""
    return any(
        (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.alias) and (node.asname or node.name) == name)
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name)
        for node in ast.walk(tree)
    )


def _only(names: list[str], file: str | None) -> str:
    distinct = list(dict.fromkeys(names))
    if len(distinct) == 1:
        return distinct[0]
    reason = "it defines no function" if not distinct else "it defines several functions"
    hint = f"Say which one with `name`: {_names(distinct)}" if distinct else "Give the source of one function."
    raise FunctionNotCaptured(file or "the text", reason, hint)


def _names(names: list[str]) -> str:
    return ("It has: " + ", ".join(f"`{name}`" for name in names) + ".") if names else "It defines no function."
