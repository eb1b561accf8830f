"""Does submitted code parse? Asked at submit, so that a slip of the pen is told at once. Nothing is run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from parso.grammar import load_grammar

from landbridge_gateway.errors import CodeDoesNotParse
from landbridge_gateway.model import Json

if TYPE_CHECKING:
    from tree_sitter import Node

# parso is written in Python and takes about a second for this much.
_MOST_FOR_PARSO = 300_000


def check_syntax(language: str, runtime: str, function: Json) -> None:
    """Raise :class:`CodeDoesNotParse` for the first text in ``function`` that does not parse."""
    for text, label, first in _texts(function):
        problem = _python_problem(text, runtime.partition(":")[2]) if language == "python" else _r_problem(text)
        if problem:
            message, line = problem
            raise CodeDoesNotParse(label, message, line + first - 1)


def _texts(function: Json) -> Iterator[tuple[str, str, int]]:
    stack = [function]
    while stack:
        current = stack.pop()
        if "text" in current:
            label = current.get("file") or f"The source of `{current.get('name', 'the script')}`"
            yield current["text"], label, current.get("line") or 1
        stack.extend(free["source"] for free in current.get("free") or [] if "source" in free)


def _python_problem(text: str, version: str) -> tuple[str, int] | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<submitted>", "exec", dont_inherit=True)
        return None
    except SyntaxError as error:
        problem = error.msg, error.lineno or 1
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return str(error) or "it is nested too deeply", 1
    # The runtime's Python may be newer than this one, so its own grammar has the last word.
    return problem if len(text) > _MOST_FOR_PARSO else _newer_problem(text, version, problem)


def _newer_problem(text: str, version: str, problem: tuple[str, int]) -> tuple[str, int] | None:
    try:
        grammar: Any = load_grammar(version=version)
    except NotImplementedError:
        return problem
    found = sorted(grammar.iter_errors(grammar.parse(text)), key=lambda issue: issue.start_pos)
    if not found:
        return None
    line = found[0].start_pos[0]
    return problem if line == problem[1] else (found[0].message.removeprefix("SyntaxError: "), line)


@cache
def _r_parser() -> Any:
    # The grammar costs memory, so a gateway that never sees R does not load it.
    from tree_sitter_language_pack import get_parser

    return get_parser("r")


def _r_problem(text: str) -> tuple[str, int] | None:
    root = _r_parser().parse(text.encode("utf-8", "replace")).root_node
    if not root.has_error:
        return None
    node = _first_error(root)
    line = node.start_point[0] + 1
    if node.is_missing:
        return f"`{node.type}` is missing", line
    return f"unexpected `{_start_of(node)}`", line


def _first_error(root: Node) -> Node:
    stack, found = [root], root
    while stack:
        node = stack.pop()
        if node.type == "ERROR" or node.is_missing:
            found = node
            break
        stack.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)
    return found


def _start_of(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace").strip()
    first = text.splitlines()[0] if text else "end of the text"
    return first if len(first) <= 40 else first[:37] + "..."
