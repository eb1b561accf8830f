"""The source text of one function or class, isolated from its file, and the names that it needs from around it."""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import symtable
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType
from typing import Any

from landbridge.errors import FunctionNotCaptured

_WAY_OUT = "Write it into a file, or pass its text with python(...)."
FUTURE = "from __future__ import annotations\n"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Piece:
    """``text`` defines ``name``; it starts at line ``line`` of ``file``. ``future``: annotations stay text there."""

    name: str
    text: str
    file: str | None
    line: int
    future: bool = False


def piece_of(thing: Any) -> Piece:
    """The text of a function or class; :class:`FunctionNotCaptured` when it cannot be found."""
    shown = getattr(thing, "__qualname__", repr(thing))
    try:
        lines, _ = inspect.findsource(thing)
        file = inspect.getsourcefile(thing) or inspect.getfile(thing)
    except (OSError, TypeError):
        raise FunctionNotCaptured(shown, "its source cannot be found", _WAY_OUT) from None
    whole = "".join(lines)
    try:
        tree = _parsed(whole)
    except SyntaxError:
        # A cell with magic commands: the block around the definition is Python by itself.
        return _from_block(thing, shown, file)
    node = _definition(tree, thing)
    if node is None:
        raise FunctionNotCaptured(shown, "its file changed since it was loaded", "Load it again, then submit.")
    return _piece(node, whole, file, _has_future(tree.module, thing))


@dataclass(frozen=True)
class _File:
    """A parsed file, and where its functions begin, which is how their code names them."""

    module: ast.Module
    functions: dict[tuple[str, int], list[Definition]]


# Submitting in a loop takes the same file again and again, and parsing a long one takes longer than all the rest.
@lru_cache(maxsize=8)
def _parsed(whole: str) -> _File:
    module = ast.parse(whole)
    functions: dict[tuple[str, int], list[Definition]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Lambda):
            functions.setdefault(("<lambda>", node.lineno), []).append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.setdefault((node.name, _first_line(node)), []).append(node)
    return _File(module, functions)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _from_block(thing: Any, shown: str, file: str) -> Piece:
    try:
        lines, start = inspect.getsourcelines(thing)
        text = textwrap.dedent("".join(lines))
        node = next((found for found in ast.walk(ast.parse(text)) if isinstance(found, Definition)), None)
    except (OSError, SyntaxError, TypeError):
        node = None
    if node is None or isinstance(node, ast.Lambda):
        raise FunctionNotCaptured(shown, "its source cannot be isolated", _WAY_OUT)
    return Piece(thing.__name__, text, file, max(1, start))


def _has_future(tree: ast.Module, thing: Any) -> bool:
    code = getattr(thing, "__code__", None)
    if code:
        return bool(code.co_flags & __future__.annotations.compiler_flag)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    return any(alias.name == "annotations" for node in imports for alias in node.names)


def _definition(tree: _File, thing: Any) -> Definition | None:
    if isinstance(thing, type):
        return _class_definition(tree.module, thing.__qualname__.split("."))
    code = thing.__code__
    found = tree.functions.get((code.co_name, code.co_firstlineno), [])
    if len(found) > 1:
        found = [node for node in found if _holds(node, code)]
    return found[0] if len(found) == 1 else None


def _class_definition(tree: ast.Module, path: list[str]) -> Definition | None:
    body: list[ast.stmt] = tree.body
    found: Definition | None = None
    for name in path:
        matches = [node for node in body if isinstance(node, ast.ClassDef) and node.name == name]
        if not matches:
            return None
        found = matches[-1]
        body = found.body
    return found


def _holds(node: Definition, code: Any) -> bool:
    """Two lambdas on one line: the columns of the code tell which one this is."""
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [(line, column) for line, _, column, _ in code.co_positions() if line is not None and column is not None]
    inside = [place for place in places if place != (code.co_firstlineno, 0)]
    return bool(inside) and all(start <= place <= end for place in inside)


def _piece(node: Definition, whole: str, file: str, future: bool) -> Piece:
    if isinstance(node, ast.Lambda):
        segment = ast.get_source_segment(whole, node) or ""
        return Piece("f", f"f = ({segment})", file, node.lineno)
    first = _first_line(node)
    text = "\n".join(whole.split("\n")[first - 1 : node.end_lineno]) + "\n"
    if node.col_offset:
        text = _unindented(text, node)
        first = first - 1 if text.startswith("if True:") else first
    return Piece(node.name, text, file, first, future)


def _unindented(text: str, node: Definition) -> str:
    plain = textwrap.dedent(text)
    try:
        same = ast.dump(ast.parse(plain).body[0]) == ast.dump(node)
    except (SyntaxError, IndexError):
        same = False
    # Texts over several lines lose nothing when the indentation stays.
    return plain if same else f"if True:\n{text}"


def free_names(piece: Piece) -> list[str]:
    """Names that the text takes from around it, builtins included."""
    table = symtable.symtable(FUTURE + piece.text if piece.future else piece.text, "<source>", "exec")
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    wanted: dict[str, None] = {}
    for scope in _scopes(table):
        for symbol in scope.get_symbols():
            outside = scope.get_type() == "module" or symbol.is_global()
            if outside and symbol.is_referenced():
                wanted[symbol.get_name()] = None
    return [name for name in wanted if name not in own and not name.startswith("__")]


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def surroundings(thing: Any) -> dict[str, Any]:
    """Every name that ``thing`` can see: builtins, its module's globals, its closure."""
    if isinstance(thing, FunctionType):
        names = vars(builtins) | thing.__globals__
        cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=False)
        return names | {name: cell.cell_contents for name, cell in cells if _is_full(cell)}
    module = sys.modules.get(thing.__module__)
    return vars(builtins) | (vars(module) if module else {})


def _is_full(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def dotted_modules(text: str, name: str) -> list[str]:
    """Attribute chains that start at ``name``, such as ``scipy.stats`` in ``scipy.stats.norm``, shortest first."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        chain: list[str] = []
        current: ast.expr | None = node if isinstance(node, ast.Attribute) else None
        while isinstance(current, ast.Attribute):
            chain.insert(0, current.attr)
            current = current.value
        if chain and isinstance(current, ast.Name) and current.id == name:
            found |= {".".join(chain[:end]) for end in range(1, len(chain) + 1)}
    return sorted(found, key=len)
