"""Does submitted code parse? Asked at submit, so that a slip of the pen is told at once. Nothing is run."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from landbridge_gateway.errors import CodeDoesNotParse
from landbridge_gateway.model import Json

if TYPE_CHECKING:
    from tree_sitter import Node

# Parsing takes a few hundred bytes of memory for each character. What is beyond is left to the job's own interpreter.
MOST_CHECKED = 256 * 1024
_MOST_KNOWN, _LONGEST_KNOWN = 256, 8 * 1024  # texts whose verdict is kept, and the characters of one

Problem = tuple[str, int]  # what is wrong, and the line, counted from 1

# R's grammar as tree-sitter has it takes these for names, and two expressions on one line for two expressions.
_R_RESERVED = frozenset({"if", "else", "repeat", "while", "function", "for", "next", "break", "in"})
_R_SEQUENCES = frozenset({"program", "braced_expression"})


def check_syntax(language: str, runtime: str, function: Json) -> None:
    """Raise :class:`CodeDoesNotParse` for the first text in ``function`` that does not parse.

    As many texts are looked at as make :data:`MOST_CHECKED` characters.
    """
    left = MOST_CHECKED
    for text, label, first in _texts(function):
        left -= len(text)
        if left < 0:
            return
        problem = _problem_of(language, runtime, text)
        if problem:
            message, line = problem
            raise CodeDoesNotParse(label, message, line + first - 1)


@lru_cache(_MOST_KNOWN)
def _known_problem(language: str, runtime: str, text: str) -> Problem | None:
    return _python_problem(text, runtime) if language == "python" else _r_problem(text)


def _problem_of(language: str, runtime: str, text: str) -> Problem | None:
    """What is wrong with a text. Who submits again and again submits the same: a short one is parsed once."""
    look = _known_problem if len(text) <= _LONGEST_KNOWN else _known_problem.__wrapped__
    return look(language, runtime, text)


def _texts(function: Json) -> Iterator[tuple[str, str, int]]:
    stack = [function]
    while stack:
        current = stack.pop()
        if "text" in current:
            label = current.get("file") or f"The source of `{current.get('name', 'the script')}`"
            yield current["text"], label, current.get("line") or 1
        stack.extend(free["source"] for free in current.get("free") or [] if "source" in free)


def _python_problem(text: str, runtime: str) -> Problem | None:
    parsed = False
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
            parsed = True
            compile(tree, "<submitted>", "exec", dont_inherit=True)
        return None
    except SyntaxError as error:
        problem = error.msg, error.lineno or 1
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        problem = str(error) or "it is nested too deeply", 1
    # What the gateway's own Python is too old to know is left to the runtime's, if it looks like Python at all.
    newer = not parsed and _version(runtime) > sys.version_info[:2]
    return None if newer and not _tree("python", text.encode("utf-8", "replace")).has_error else problem


def _version(runtime: str) -> tuple[int, ...]:
    """That of the runtime's name; one of several languages has none there, and counts as newer than any."""
    return tuple(int(part) for part in runtime.partition(":")[2].split(".") if part.isdigit()) or (sys.maxsize,)


@cache
def _parser(language: str) -> Any:
    # Grammars cost memory, so a gateway that never needs one does not load it.
    from tree_sitter_language_pack import get_parser

    return get_parser(language)  # type: ignore[arg-type]


def _tree(language: str, data: bytes) -> Node:
    root: Node = _parser(language).parse(data).root_node
    return root


def _r_problem(text: str) -> Problem | None:
    data = text.encode("utf-8", "replace")
    nodes = list(_in_order(_tree("r", data)))
    last = text.rstrip().count("\n") + 1
    for node in nodes:
        if node.is_missing:
            return f"`{node.type}` is missing", min(node.start_point[0] + 1, last)
        if node.is_error and not any(child.is_error or child.has_error for child in node.children):
            return _unexpected(node)
    # What the grammar lets through and R does not; asked last, because a true error may look like it.
    for node in nodes:
        if node.type == "identifier" and _text(node) in _R_RESERVED:
            return _unexpected(node)
    for node in nodes:
        if node.type in _R_SEQUENCES and (second := _second_on_its_line(node, data)):
            return _unexpected(second)
    return None


def _unexpected(node: Node) -> Problem:
    return f"unexpected `{_start_of(node)}`", node.start_point[0] + 1


def _in_order(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def _second_on_its_line(sequence: Node, data: bytes) -> Node | None:
    last: Node | None = None
    for child in sequence.children:
        if child.type in ("{", "}", "comment"):
            last = None
            continue
        # The grammar has no node for a semicolon, so the text between is asked.
        if (
            last is not None
            and last.end_point[0] == child.start_point[0]
            and b";" not in data[last.end_byte : child.start_byte]
        ):
            return child
        last = child
    return None


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _start_of(node: Node) -> str:
    lines = _text(node).strip().splitlines()
    first = lines[0] if lines else "end of the text"
    return first if len(first) <= 40 else first[:37] + "..."
