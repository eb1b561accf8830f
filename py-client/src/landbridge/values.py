"""Python values as nodes of the contract and back: the one implementation, for the client and for the worker.

Encoding needs a sink, which keeps the files of a value; decoding a source, which finds them.
"""

from __future__ import annotations

import collections
import dataclasses
import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landbridge.errors import BadAnswer, ValueCannotCross
from landbridge.files import decode_file, encode_file
from landbridge.kinds import Json, Missing, NamedList, SentFile
from landbridge.native import decode_native, encode_native
from landbridge.object_arrays import check_inside
from landbridge.objects import Sink, Source
from landbridge.r_objects import encode_r, is_r_object
from landbridge.scalars import decode_scalar, encode_scalar
from landbridge.value_fidelity import tell_value

_DEEPEST = 200


def encode(x: Any, sink: Sink, path: str = "value") -> Json:
    """The node of ``x``. Raises :class:`ValueCannotCross` naming where in ``path`` the offending part stands."""
    return _encode(x, sink, path, 0)


def _encode(x: Any, sink: Sink, path: str, depth: int) -> Json:
    if x is None:
        return {"kind": "null"}
    given = sink.crossing.values.node_of(x) if sink.crossing and sink.crossing.values else None
    if given is not None:
        return given
    if is_r_object(x):
        return encode_r(x, sink, path)
    own = getattr(type(x), "__landbridge_node__", None)
    if own is not None:
        kept: Json = own(x)
        return kept
    try:
        node = _plain(x, sink, path, depth)
        if node is None:
            check_inside(x, path)
            node = encode_native(x, sink, path)
    except UnicodeEncodeError:
        raise ValueCannotCross(path, "its text is not valid Unicode", "Clean the text first.") from None
    tell_value(node, path, sink.crossing)
    return node


def _plain(x: Any, sink: Sink, path: str, depth: int) -> Json | None:
    if isinstance(x, SentFile | Path):
        return encode_file(x, sink, path)
    is_record = dataclasses.is_dataclass(x) and not isinstance(x, type | Missing)
    if type(x) in (list, tuple, dict, NamedList) or is_record or _is_named_tuple(type(x)):
        if depth > _DEEPEST:
            raise ValueCannotCross(path, f"it is nested deeper than {_DEEPEST} levels", "Does it contain itself?")
        return _container(x, sink, path, depth)
    return encode_scalar(x) or _library_value(x, sink, path)


def _library_value(x: Any, sink: Sink, path: str) -> Json | None:
    """A value of numpy, pandas, polars, pyarrow or DuckDB; its library is loaded, or ``x`` would not be here."""
    for base in type(x).__mro__:
        library = base.__module__.partition(".")[0]
        if library in ("pandas", "polars", "pyarrow", "duckdb"):
            from landbridge.frames import encode_frame, is_frame

            if is_frame(x):
                return encode_frame(x, sink, path)
            if library == "pandas":
                from landbridge.series import encode_series

                return encode_series(x, sink, path)
            return None
        if library == "numpy":
            from landbridge.vectors import encode_numpy

            return encode_numpy(x, sink, path) if isinstance(x, sys.modules["numpy"].ndarray) else None
    return None


def _container(x: Any, sink: Sink, path: str, depth: int) -> Json | None:
    if type(x) is list:
        from landbridge.vectors import encode_list_vector

        vector = encode_list_vector(x, sink, path)
        if vector is not None:
            return vector
    shape, pairs = pairs_of(x)
    if pairs is None:
        return None
    items = [
        [key, _encode(value, sink, f"{path}{_step(shape, key, position)}", depth + 1)]
        for position, (key, value) in enumerate(pairs)
    ]
    node: Json = {"kind": "list", "shape": shape, "items": items}
    if shape == "dataclass":
        node["class"] = f"{type(x).__module__}.{type(x).__qualname__}"
    if _is_named_tuple(type(x)):
        node["container"] = "named tuple"
    return node


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def pairs_of(x: Any) -> tuple[str, list[tuple[str | None, Any]] | None]:
    """The shape of a container, and its values with their keys; None for a dict whose keys are not all text."""
    if isinstance(x, dict):
        for key in x:
            if type(key) is not str:
                return "dict", None
            key.encode()
        return "dict", list(x.items())
    if isinstance(x, NamedList):
        return "named list", list(x)
    if _is_named_tuple(type(x)):
        return "dataclass", list(zip(x._fields, x, strict=True))
    if isinstance(x, list | tuple):
        return type(x).__name__, [(None, value) for value in x]
    return "dataclass", [(field.name, getattr(x, field.name)) for field in dataclasses.fields(x)]


def _step(shape: str, key: str | None, position: int) -> str:
    if shape == "dataclass":
        return f".{key}"
    return f"[{position}]" if key is None else f'["{key}"]'


def decode(node: Json, source: Source, trust: bool = False) -> Any:
    """The value of a node. Native objects of Python are loaded only with ``trust``, else they arrive as handles."""
    kind = node.get("kind")
    if kind == "null":
        return None
    if kind == "scalar":
        return decode_scalar(node)
    if kind == "vector":
        return _vector(node, source)
    if kind == "array":
        from landbridge.vectors import decode_array

        return decode_array(node, source)
    if kind == "list":
        return _list(node, source, trust)
    if kind == "frame":
        from landbridge.frames import decode_frame

        return decode_frame(node, source)
    if kind == "native":
        return decode_native(node, source, trust)
    if kind == "file":
        return decode_file(node, source)
    raise BadAnswer(f"A value is of the kind `{kind}`, which this version does not know.")


def _vector(node: Json, source: Source) -> Any:
    container = node.get("container")
    if container == "list":
        from landbridge.vectors import decode_list

        return decode_list(node, source)
    if container == "numpy":
        from landbridge.vectors import decode_numpy

        return decode_numpy(node, source)
    from landbridge.series import decode_from_r, decode_pandas, installed

    if container == "pandas" and installed("pandas"):
        return decode_pandas(node, source)
    return decode_from_r(node, source)


def _list(node: Json, source: Source, trust: bool) -> Any:
    shape = node["shape"]
    pairs = [(key, decode(item, source, trust)) for key, item in node["items"]]
    keys = [key for key, _ in pairs]
    if shape == "dataclass":
        named = {str(key): value for key, value in pairs}
        made = _named_tuple if node.get("container") == "named tuple" else _dataclass
        return made(str(node.get("class") or "Record"), named, trust)
    if shape == "dict" or (shape == "named list" and all(keys) and len(set(keys)) == len(keys)):
        return dict(pairs)
    if shape == "named list" or any(key is not None for key in keys):
        return NamedList(pairs)
    values = [value for _, value in pairs]
    return tuple(values) if shape == "tuple" else values


def _dataclass(name: str, fields: Mapping[str, Any], trust: bool) -> Any:
    """An instance of the class where it can be found; else of a dataclass of that name made on the spot."""
    module, _, qualified = name.rpartition(".")
    kind = _found_class(module, qualified, trust)
    known = dataclasses.is_dataclass(kind) and {field.name for field in dataclasses.fields(kind)}
    if known != set(fields):
        kind = dataclasses.make_dataclass(re.sub(r"\W", "_", qualified) or "Record", list(fields))
    made = object.__new__(kind)
    for key, value in fields.items():
        object.__setattr__(made, key, value)
    return made


def _named_tuple(name: str, fields: Mapping[str, Any], trust: bool) -> Any:
    """A named tuple of the class where it can be found; else of one of that name made on the spot."""
    module, _, qualified = name.rpartition(".")
    kind: Any = _found_class(module, qualified, trust)
    if kind is None or not _is_named_tuple(kind) or kind._fields != tuple(fields):
        make: Any = collections.namedtuple
        kind = make(re.sub(r"\W", "_", qualified).lstrip("_") or "Record", list(fields), rename=True)
    # Not by the class itself: its constructor may be the user's own.
    return tuple.__new__(kind, fields.values())


def _found_class(module: str, qualified: str, trust: bool) -> Any:
    found: Any = sys.modules.get(module)
    # Importing runs code, so a result that is not trusted cannot name a module to import.
    if found is None and module and trust:
        try:
            found = importlib.import_module(module)
        except ImportError:
            return None
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and (dataclasses.is_dataclass(found) or _is_named_tuple(found)) else None
