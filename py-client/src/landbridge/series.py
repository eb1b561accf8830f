"""pandas Series, Categorical and pandas' own arrays as vectors, and vectors of R that need pandas to arrive whole."""

from __future__ import annotations

import sys
from typing import Any

from landbridge.kinds import Json
from landbridge.objects import Sink, Source
from landbridge.scalars import element
from landbridge.vectors import INLINE, column_object, decode_list, decode_numpy, elements, python_values, read_column


def encode_series(x: Any, sink: Sink, path: str = "value") -> Json | None:
    """A vector node for a Series or a one-dimensional pandas array; None where the contract has no type for it."""
    pd = sys.modules["pandas"]
    import pyarrow as pa

    from landbridge.columns import finer_than_microseconds, kind_of, whole

    is_series = type(x) is pd.Series
    if (not is_series and not isinstance(x, pd.api.extensions.ExtensionArray)) or (is_series and x.dtype.kind == "c"):
        return None
    try:
        column = whole(pa.Array.from_pandas(x))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None
    kind = None if isinstance(column.type, pa.BaseExtensionType) else kind_of(column.type)
    if kind is None or (kind == "str" and str(x.dtype) == "object" and not _all_text(x)):
        return None
    tags: Json = {} if is_series else {"array": True}
    node: Json = {"kind": "vector", "type": kind, "n": len(x), "container": "pandas", "dtype": str(x.dtype)}
    if kind == "datetime":
        node["tz"] = column.type.tz
    if kind == "factor":
        column, extra = _labels(x.dtype, column)
        tags |= extra
    if is_series:
        tags |= _series_tags(x)
        if tags.get("index") is None:
            return None
        node |= tags.pop("index")
    exact = finer_than_microseconds(column)
    content = column_object(column, kind, sink, path) if exact or len(x) > INLINE else {"values": _inline(column, kind)}
    return node | content | ({"tags": tags} if tags else {})


def _all_text(x: Any) -> bool:
    return all(value is None or isinstance(value, str) for value in x)


def _inline(column: Any, kind: str) -> list[Any]:
    from landbridge.columns import elements_of

    return [element(value, kind) for value in elements_of(column, kind)]


def _labels(dtype: Any, column: Any) -> tuple[Any, Json]:
    import pyarrow as pa

    categories = dtype.categories.tolist() if hasattr(dtype, "categories") else column.dictionary.to_pylist()
    levels = [str(category) for category in categories]
    tags: Json = {"levels": levels, "ordered": bool(getattr(dtype, "ordered", column.type.ordered))}
    if levels != categories:
        tags["categories"] = [
            element(category, "float") if isinstance(category, float) else category for category in categories
        ]
    indices = column.indices.cast(pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array(levels, pa.string()), ordered=tags["ordered"]), tags


def _series_tags(x: Any) -> Json:
    """The index and the name of a Series: ``index`` holds fields for the node, or is None when it cannot cross."""
    pd = sys.modules["pandas"]
    tags: Json = {}
    if x.name is not None:
        if not isinstance(x.name, str | int | float):
            return {"index": None}
        tags["name"] = x.name
    index = x.index
    if type(index) is pd.RangeIndex and index.start == 0 and index.step == 1 and index.name is None:
        return tags | {"index": {}}
    values = index.tolist()
    if isinstance(index, pd.MultiIndex) or (index.name is not None and not isinstance(index.name, str)):
        return {"index": None}
    if all(isinstance(value, str) for value in values):
        if index.name is not None:
            tags["index_name"] = index.name
        return tags | {"index": {"names": values}}
    if all(type(value) is int for value in values):
        tags |= {"index_values": values, "index_dtype": str(index.dtype)}
        return tags | {"index": {"names": [str(value) for value in values]}} | _index_name(index)
    return {"index": None}


def _index_name(index: Any) -> Json:
    return {} if index.name is None else {"index_name": index.name}


def decode_pandas(node: Json, source: Source) -> Any:
    """The Series or pandas array that the node was made from."""
    import pandas as pd
    import pyarrow as pa

    tags, dtype = node.get("tags") or {}, node.get("dtype") or "object"
    if node["type"] == "factor":
        array: Any = _categorical(node, source)
    elif dtype == "object":
        # The Series itself: from its bare array pandas would guess a type anew.
        array = pd.Series(python_values(node, source), dtype=object, index=_index(node, tags))
    else:
        array = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([_column(node, source)]))).astype(dtype).array
    return (
        array
        if tags.get("array")
        else pd.Series(array, index=_index(node, tags), name=tags.get("name"), dtype=array.dtype)
    )


def _column(node: Json, source: Source) -> Any:
    if "object" in node:
        return read_column(node, source)
    from landbridge.columns import arrow_of

    return arrow_of(elements(node, source), node["type"], node.get("tz") or (node.get("tags") or {}).get("tz"))


def _index(node: Json, tags: Json) -> Any:
    import pandas as pd

    if "index_values" in tags:
        return pd.Index(tags["index_values"], dtype=tags["index_dtype"], name=tags.get("index_name"))
    return pd.Index(node["names"], name=tags.get("index_name")) if node.get("names") else None


def _categorical(node: Json, source: Source) -> Any:
    import pandas as pd

    tags = node.get("tags") or {}
    levels = tags.get("levels") or []
    if isinstance(levels, str):
        levels = [levels]
    place = {label: position for position, label in enumerate(levels)}
    codes = [-1 if label is None else place[label] for label in elements(node, source)]
    return pd.Categorical.from_codes(codes, tags.get("categories", levels), ordered=bool(tags.get("ordered")))


_NULLABLE = {"bool": "boolean", "str": "string", "date": "date32[day][pyarrow]", "time": "time64[us][pyarrow]"}


def decode_from_r(node: Json, source: Source) -> Any:
    """An R vector: a numpy array; a pandas array where values are missing or carry a zone; a Series where it has names.

    Without pandas it is a list, with :class:`Missing` where values are missing.
    """
    kind, names = node["type"], node.get("names")
    zoned = kind == "datetime" and bool(node.get("tz") or (node.get("tags") or {}).get("tz"))
    plain = not (names or zoned or kind == "factor" or _has_missing(node, source))
    if plain and installed("numpy"):
        return decode_numpy(node, source)
    if plain or kind in ("complex", "decimal") or not installed("pandas"):
        return decode_list(node, source)
    import pandas as pd

    array = _categorical(node, source) if kind == "factor" else _pandas_array(node, source)
    if not names:
        return array
    return pd.Series(array, index=pd.Index([name if name is not None else "" for name in names], dtype=object))


def installed(module: str) -> bool:
    """Can the library be imported? Asked without importing it."""
    from importlib.util import find_spec

    return module in sys.modules or find_spec(module) is not None


def _has_missing(node: Json, source: Source) -> bool:
    if "object" in node:
        return bool(read_column(node, source).null_count)
    return any(value is None for value in node["values"])


def _pandas_array(node: Json, source: Source) -> Any:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    kind = node["type"]
    if not _has_missing(node, source) and kind in ("bool", "int", "float", "str", "date"):
        return decode_numpy(node, source)
    if kind == "float":
        # Built from values and mask, because NaN and NA are two things in R.
        values = elements(node, source)
        mask = np.array([value is None for value in values])
        return pd.arrays.FloatingArray(np.array([0.0 if value is None else value for value in values]), mask)
    column = _column(node, source)
    if kind == "int":
        wide = pa.types.is_int64(column.type) and not _fits_32(elements(node, source))
        return pd.array(elements(node, source), dtype="Int64" if wide else "Int32")
    if kind in ("datetime", "duration"):
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column]))).astype(_time_dtype(column)).array
    return pd.array(python_values(node, source), dtype=_NULLABLE[kind])


def _fits_32(values: list[Any]) -> bool:
    return all(value is None or -(2**31) < value < 2**31 for value in values)


def _time_dtype(column: Any) -> str:
    import pyarrow as pa

    unit, zone = column.type.unit, getattr(column.type, "tz", None)
    if pa.types.is_duration(column.type):
        return f"timedelta64[{unit}]"
    return f"datetime64[{unit}, {zone}]" if zone else f"datetime64[{unit}]"
