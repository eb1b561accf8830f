"""A Python function as the contract's document: by reference, or as source with everything that it uses."""

from __future__ import annotations

import builtins
import inspect
import json
import sys
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any

from landbridge.errors import FunctionNotCaptured, ValueCannotCross
from landbridge.installed import is_installed, reference_to
from landbridge.kinds import Json
from landbridge.objects import Sink
from landbridge.source_text import FUTURE, Piece, dotted_modules, free_names, piece_of, surroundings
from landbridge.values import encode


def capture(function: Any, sink: Sink) -> Json:
    """The function document of a task; captured values go to ``sink``.

    Raises :class:`FunctionNotCaptured` naming what inside the function has no way into a job.
    """
    reference = reference_to(function)
    if reference:
        return {"type": "reference", "package": reference[0], "name": reference[1]}
    original = inspect.unwrap(function) if callable(function) else function
    if not isinstance(original, FunctionType):
        raise _not_a_function(function)
    capturing = _Capturing(sink)
    while True:
        try:
            return capturing.source(original)
        except _Cycle as found:
            capturing = capturing.merging(found.members)


def _not_a_function(thing: Any) -> FunctionNotCaptured:
    shown = str(getattr(thing, "__qualname__", None) or type(thing).__name__)
    if inspect.ismethod(thing):
        return FunctionNotCaptured(shown, "it is a method", "Submit a function that takes the object as an argument.")
    if isinstance(thing, type):
        return FunctionNotCaptured(shown, "it is a class of your own", "Submit a function that calls it.")
    if inspect.isbuiltin(thing):
        return FunctionNotCaptured(shown, "it is compiled and no installed module offers it", "Call it in a function.")
    return FunctionNotCaptured(shown, f"it is a `{type(thing).__name__}`, not a function", "Submit a function.")


class _Cycle(Exception):
    """Functions that call each other: they become one text."""

    def __init__(self, members: list[Any]) -> None:
        self.members = members


class _Capturing:
    """One walk from a function through everything it names."""

    def __init__(self, sink: Sink, groups: tuple[tuple[Any, ...], ...] = (), values: Json | None = None) -> None:
        self._sink = sink
        self._groups = groups
        self._stack: list[tuple[Any, ...]] = []
        # By identity, so that a value used twice is sent once; kept alive by the functions that hold it.
        self._values: dict[Any, tuple[Json, int]] = values if values is not None else {}

    def merging(self, members: list[Any]) -> _Capturing:
        """A new walk in which these, and whatever was merged with one of them, are one unit."""
        joined = list(members)
        for group in self._groups:
            if any(member in members for member in group):
                joined += [member for member in group if member not in joined]
        others = tuple(group for group in self._groups if not any(member in joined for member in group))
        return _Capturing(self._sink, (*others, tuple(joined)), self._values)

    def source(self, thing: Any) -> Json:
        unit = next((group for group in self._groups if thing in group), (thing,))
        for depth, open_unit in enumerate(self._stack):
            if thing in open_unit:
                raise _Cycle([member for members in self._stack[depth:] for member in members])
        self._stack.append(unit)
        pieces = [piece_of(member) for member in unit]
        text, line = _joined(pieces)
        defined = {piece.name for piece in pieces}
        free: dict[str, Json] = {}
        for member, piece in zip(unit, pieces, strict=True):
            around = surroundings(member)
            for name in free_names(piece):
                if name not in defined and name not in free and name in around:
                    self._add(free, name, around[name], piece)
        self._stack.pop()
        own = pieces[unit.index(thing)]
        source: Json = {"type": "source", "name": own.name, "text": text, "file": own.file, "line": line}
        return source | ({"free": list(free.values())} if free else {})

    def _add(self, free: dict[str, Json], name: str, thing: Any, piece: Piece) -> None:
        if vars(builtins).get(name) is thing:
            return
        if isinstance(thing, ModuleType):
            for entry in _imports(name, thing, piece):
                free[entry["name"]] = entry
            return
        free[name] = self._entry(name, thing, piece)

    def _entry(self, name: str, thing: Any, piece: Piece) -> Json:
        if isinstance(thing, type) or (callable(thing) and not hasattr(type(thing), "__landbridge_node__")):
            reference = reference_to(thing)
            if reference:
                return {"name": name, "import": {"module": reference[0], "attribute": reference[1]}}
        original = inspect.unwrap(thing) if isinstance(thing, FunctionType) else thing
        if isinstance(original, FunctionType | type):
            return {"name": name, "source": self._helper(name, original)}
        node, size = self._value(name, thing, piece)
        return {"name": name, "value": node, "size": size}

    def _helper(self, name: str, thing: Any) -> Json:
        try:
            source = self.source(thing)
        except FunctionNotCaptured as problem:
            if problem.detail["function"] == name or len(self._stack) < 1:
                raise
            raise FunctionNotCaptured(
                name, f"it uses `{problem.detail['function']}`: {problem.detail['reason']}"
            ) from None
        if source["name"] == name:
            return source
        # Known under another name here, as in `from steps import clean as tidy`.
        renamed = f"{name} = {source['name']}\n"
        return {"type": "source", "name": name, "text": renamed, "free": [{"name": source["name"], "source": source}]}

    def _value(self, name: str, thing: Any, piece: Piece) -> tuple[Json, int]:
        if id(thing) not in self._values:
            before = self._sink.written
            try:
                node = encode(thing, self._sink, name)
            except ValueCannotCross as problem:
                reason = f"it uses `{problem.detail['path']}`, and {problem.detail['reason']}"
                raise FunctionNotCaptured(piece.name, reason, problem.hint) from None
            self._values[id(thing)] = node, len(json.dumps(node)) + self._sink.written - before
        return self._values[id(thing)]


def _imports(name: str, module: ModuleType, piece: Piece) -> list[Json]:
    if not is_installed(module):
        raise FunctionNotCaptured(
            piece.name,
            f"it uses the module `{module.__name__}` of your own files, which a job does not have",
            f"Import what it needs by name, `from {module.__name__} import ...`: functions go along as source.",
        )
    found = [{"name": name, "import": {"module": module.__name__, "attribute": None}}]
    for chain in dotted_modules(piece.text, name):
        inner = f"{module.__name__}.{chain}"
        # A submodule is an attribute only after it was imported somewhere.
        if isinstance(sys.modules.get(inner), ModuleType) and hasattr(module, "__path__"):
            found.append({"name": inner, "import": {"module": inner, "attribute": None}})
    return found


def _joined(pieces: list[Piece]) -> tuple[str, int]:
    """One text of all pieces, each at its own lines of the file that they share."""
    ordered = sorted(pieces, key=lambda piece: piece.line)
    first = ordered[0]
    text = first.text
    for before, piece in pairwise(ordered):
        if piece.file != first.file:
            raise FunctionNotCaptured(before.name, f"it and `{piece.name}` of another file call each other")
        reached = first.line + text.count("\n")
        text += "\n" * (piece.line - reached) + piece.text
    # The line before the first is free: the import itself stood there or above.
    return (FUTURE + text, first.line - 1) if first.future and first.line > 1 else (text, first.line)
