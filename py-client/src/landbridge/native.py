"""Objects that only Python can open: pickled, with a summary for those who cannot."""

from __future__ import annotations

import pickle
import platform
import sys
from pathlib import Path
from typing import Any

from landbridge.errors import CodecMissing, ValueCannotCross
from landbridge.kinds import Json, Native
from landbridge.native_summary import summary_of
from landbridge.objects import Sink, Source

_CALLABLES = ("function", "builtin_function_or_method", "method", "type")


def encode_native(x: Any, sink: Sink, path: str) -> Json:
    """A native node; :class:`ValueCannotCross` naming ``path`` for functions and for what cannot be pickled."""
    if type(x).__name__ in _CALLABLES and callable(x):
        raise ValueCannotCross(
            path,
            f"it is the {'class' if isinstance(x, type) else 'function'} `{getattr(x, '__name__', '?')}`",
            "Call it inside the function that you submit: a name that the function uses goes along with it.",
        )
    data, by_value = _pickled(x, path)

    def write(to: Path) -> None:
        to.write_bytes(data)

    modules = {kind.__module__.partition(".")[0] for kind in type(x).__mro__[:-1]}
    return {
        "kind": "native",
        "object": sink.put("pkl", write),
        "language": "python",
        "codec": "pickle",
        "class": [class_name(kind) for kind in type(x).__mro__[:-1]] or ["object"],
        "producer": {"language": "python", "version": platform.python_version(), "by_value": by_value},
        "packages": sorted(modules - {"builtins", "__main__"} - sys.stdlib_module_names),
        "summary": summary_of(x, class_name(type(x)), len(data), sink),
    }


def class_name(kind: type) -> str:
    """``ValueError``, ``sklearn.tree.Tree``, and just ``Model`` for a class of the user's own code."""
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


def _pickled(x: Any, path: str) -> tuple[bytes, bool]:
    """The pickle, and whether it holds code by value, which only the same minor version of Python can load."""
    problem: Exception | None = None
    try:
        data = pickle.dumps(x, protocol=5)
        # A name in __main__ means another module in every process.
        if b"__main__" not in data:
            return data, False
    except Exception as error:  # noqa: BLE001 - pickling runs the object's own code, which may raise anything
        data, problem = b"", error
    try:
        import cloudpickle
    except ImportError:
        if problem is None:
            return data, False
        raise _refusal(x, path, problem) from problem
    try:
        return cloudpickle.dumps(x, protocol=5), True
    except Exception as error:
        raise _refusal(x, path, error) from error


def _refusal(x: Any, path: str, problem: Exception) -> ValueCannotCross:
    reason = str(problem).strip().rstrip(".") or type(problem).__name__
    return ValueCannotCross(
        path,
        f"it is of the type `{class_name(type(x))}` and cannot be pickled ({reason})",
        "Pass what it was made from, and make it again inside the job.",
    )


def decode_native(node: Json, source: Source, trust: bool) -> Any:
    """The object itself in Python and when trusted, else its handle.

    Raises :class:`CodecMissing` for code of another minor version of Python, before anything is loaded.
    """
    if not trust or node["language"] != "python" or node["codec"] != "pickle":
        return Native(node)
    producer = node.get("producer") or {}
    made_by, here = str(producer.get("version", "")), platform.python_version()
    # A node that does not say how it was made may hold code.
    if producer.get("by_value", bool(made_by)) and made_by.split(".")[:2] != here.split(".")[:2]:
        raise CodecMissing(
            f"The object holds code of Python {made_by}, which Python {here} cannot load.",
            "Put its class into an installed package, or use a runtime of the same version.",
        )
    return pickle.loads(source.checked(node["object"]).read_bytes())
