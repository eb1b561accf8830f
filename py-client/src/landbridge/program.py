"""The function of a task as something that can be called: from source, by reference, or a script."""

from __future__ import annotations

import ast
import builtins
import importlib
import linecache
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any

from landbridge.kinds import Json

Decode = Callable[[Json], Any]
# Name, text, file and line of a source.
_Key = tuple[str, str, str | None, int]


class SharedNames:
    """What the calls of a session leave behind for each other; nothing is kept until a session asks for it."""

    def __init__(self) -> None:
        self._module: ModuleType | None = None
        self._namespaces: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def begin(self) -> None:
        """From now on ``__main__`` stays, and functions see what stands in it after all that is their own."""
        self._module = user_module()
        self._module.__dict__["__builtins__"] = dict(vars(builtins))

    @property
    def module(self) -> ModuleType | None:
        return self._module

    def builtins(self) -> Any:
        return __builtins__ if self._module is None else self._module.__dict__["__builtins__"]

    def watch(self, namespace: dict[str, Any]) -> None:
        """Names that are added to the namespace later on, or changed in it, are the user's own globals."""
        if self._module is not None:
            self._namespaces.append((namespace, dict(namespace)))

    def keep(self) -> None:
        """After a call: its globals go into ``__main__``, where later calls find them."""
        if self._module is None:
            return
        found = self._module.__dict__
        for namespace, before in self._namespaces:
            new = {name: x for name, x in namespace.items() if name not in before or before[name] is not x}
            found.update({name: x for name, x in new.items() if not name.startswith("__")})
        self._namespaces.clear()
        own = {name: x for name, x in found.items() if not name.startswith("__")}
        found["__builtins__"].update(own)


shared_names = SharedNames()


def user_module() -> ModuleType:
    """A fresh ``__main__``, or the session's: classes of the user's code live there, so that pickles find them."""
    if shared_names.module is not None:
        sys.modules["__main__"] = shared_names.module
        return shared_names.module
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    return module


def compiled(text: str, file: str, line: int) -> CodeType:
    """The code of ``text``, whose first line is line ``line`` of ``file``; tracebacks find the text under that name."""
    code = _code(text, file, line)
    _register(text, file, line)
    return code


@lru_cache(64)
def _code(text: str, file: str, line: int) -> CodeType:
    """Known still where it was wanted lately: calls of a session often have the same."""
    return compile(ast.increment_lineno(ast.parse(text, file), line - 1), file, "exec", dont_inherit=True)


def _register(text: str, file: str, line: int) -> None:
    # Several functions of one file share the entry, each at its own lines.
    known = linecache.cache.get(file)
    lines = list(known[2]) if known and len(known) == 4 else []
    new = [part + "\n" for part in text.split("\n")]
    lines += ["\n"] * (line - 1 + len(new) - len(lines))
    lines[line - 1 : line - 1 + len(new)] = new
    linecache.cache[file] = (len(lines), None, lines, file)


class SourceProgram:
    """Defines a function from its source text and the names that it needs around it."""

    def __init__(self, decode: Decode, codes: dict[_Key, CodeType] | None = None) -> None:
        self._decode = decode
        self._codes: dict[_Key, CodeType] = {} if codes is None else codes
        self._made: dict[_Key, Any] = {}

    def anew(self) -> SourceProgram:
        """A program that makes everything once more, from the same code."""
        return SourceProgram(self._decode, self._codes)

    def define(self, source: Json) -> Any:
        """The function, with every function and class it names made first. One text makes one object."""
        key = (source["name"], source["text"], source.get("file"), source.get("line") or 1)
        if key not in self._made:
            self._made[key] = self._run(source, key)
        return self._made[key]

    def _run(self, source: Json, key: _Key) -> Any:
        namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": shared_names.builtins()}
        # Values last: one of them may be an instance of a class that stands here as source.
        for wanted, make in (("import", _imported), ("source", self.define), ("value", self._decode)):
            for free in source.get("free") or []:
                if wanted in free:
                    namespace[free["name"]] = make(free[wanted])
        if key not in self._codes:
            self._codes[key] = compiled(source["text"], source.get("file") or f"<{source['name']}>", key[-1])
        exec(self._codes[key], namespace)
        made = namespace[source["name"]]
        shared_names.watch(namespace)
        if isinstance(made, type):
            setattr(sys.modules["__main__"], made.__name__, made)
        return made


def _imported(what: Json) -> Any:
    module = importlib.import_module(what["module"])
    attribute = what.get("attribute")
    if not attribute:
        return module
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def referenced(function: Json) -> Any:
    """The function of an installed module."""
    return _imported({"module": function["package"], "attribute": function["name"]})


def run_script(function: Json, arguments: list[Any], variables: dict[str, Any]) -> dict[str, Any] | None:
    """Run a script in ``__main__`` with its variables and command line, and collect its outputs; None when it has none.

    ``sys.exit(0)`` ends a script well; a variable among ``outputs`` that the script did not make is a ``NameError``.
    """
    file = function.get("file") or "script.py"
    module = user_module()
    module.__dict__.update(variables, __file__=file)
    sys.argv = [PurePath(file).name, *[str(argument) for argument in arguments]]
    try:
        exec(compiled(function["text"], file, 1), module.__dict__)
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise
    outputs = function.get("outputs") or []
    for name in outputs:
        if name not in module.__dict__:
            raise NameError(f"the script made no variable `{name}`, which is among its outputs")
    return {name: module.__dict__[name] for name in outputs} if outputs else None
