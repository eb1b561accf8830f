"""Vectors and arrays: lists of one type, numpy arrays. Up to 1,000 elements stand in the node, more in a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from landbridge.kinds import Json, Missing
from landbridge.object_arrays import holds_objects, refuse_objects, type_of_objects
from landbridge.objects import Sink, Source
from landbridge.scalars import element, of_element, plain_type, tzinfo_of, zone_of
from landbridge.value_fidelity import tell_column

if TYPE_CHECKING:
    import pyarrow as pa

INLINE = 1000


def encode_list_vector(x: list[Any], sink: Sink, path: str = "value") -> Json | None:
    """A vector node for a list whose elements are scalars of one type; None for any other list."""
    kind = one_type(x)
    if kind is None:
        return None
    values = [None if isinstance(item, Missing) else item for item in x]
    node: Json = {"kind": "vector", "type": kind, "n": len(x), "container": "list"}
    if kind == "datetime":
        zones = {repr(zone_of(item)): zone_of(item) for item in values if item is not None}
        if len(zones) != 1:
            return None
        ((zone, tags),) = zones.values()
        node |= {"tz": zone} | ({"tags": tags} if tags else {})
    return node | _content(values, kind, sink, path, node.get("tz"))


def one_type(x: list[Any]) -> str | None:
    """The type that all elements have, as scalars of the contract; None where they have none in common."""
    if not x:
        return None
    first = x[0]
    kind = first.type if isinstance(first, Missing) else plain_type(first)
    if kind is None or kind == "factor":
        return None
    if kind == "time" and any(plain_type(item) != "time" for item in x if type(item) is not Missing):
        return None
    plain = next((type(item) for item in x if type(item) is not Missing), None)
    if plain is None:
        return kind if all(item == first for item in x) else None
    missing = Missing(plain_type(plain()) or kind) if plain in (bool, int, float, str) else Missing(kind)
    # Only what is missing is compared: arrays compare by element.
    same = all(type(item) is plain or (type(item) is Missing and item == missing) for item in x)
    return missing.type if same else None


def _content(values: Sequence[Any], kind: str, sink: Sink, path: str, zone: str | None = None) -> Json:
    if len(values) <= INLINE:
        return {"values": [element(value, kind) for value in values]}
    from landbridge.columns import arrow_of

    return column_object(arrow_of(values, kind, zone), kind, sink, path)


def column_object(column: pa.Array, kind: str, sink: Sink, path: str) -> Json:
    """The Arrow file of one column ``value``."""
    import pyarrow as pa

    from landbridge.columns import write_table

    tell_column(column, kind, path, sink.crossing)
    table = pa.table({"value": column})
    return {"object": sink.put("arrow", lambda path: write_table(table, path))}


def read_column(node: Json, source: Source) -> pa.Array:
    """The column ``value`` of a node's object."""
    from landbridge.columns import read_table, whole

    return whole(read_table(source.path(node["object"]), node).column(0))


def elements(node: Json, source: Source) -> list[Any]:
    """A node's elements as JSON-free Python values, None for missing; datetimes and durations as microseconds."""
    kind = node["type"]
    if "object" in node:
        from landbridge.columns import elements_of

        return elements_of(read_column(node, source), kind)
    if kind in ("datetime", "duration", "time"):
        return [None if value is None else int(value) for value in node["values"]]
    return [None if value is None else of_element(value, kind) for value in node["values"]]


def python_values(node: Json, source: Source) -> list[Any]:
    """A node's elements as Python scalars, None for missing."""
    kind, tags = node["type"], node.get("tags") or {}
    values = elements(node, source)
    if kind not in ("datetime", "duration", "time"):
        return values
    zone = tzinfo_of(node.get("tz") or tags.get("tz"), tags) if kind == "datetime" else None
    return [None if value is None else of_element(value, kind, zone) for value in values]


def decode_list(node: Json, source: Source) -> list[Any]:
    """The list of a vector node; :class:`Missing` of its type where an element is missing."""
    return [Missing(node["type"]) if value is None else value for value in python_values(node, source)]


_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "U": "str", "S": "bytes"}


def encode_numpy(x: Any, sink: Sink, path: str = "value") -> Json | None:
    """A vector or array node for a numpy array, masked ones included; None for types that the contract has not.

    Raises :class:`ValueCannotCross` for arrays of objects that are not all of one plain type.
    """
    np = sys.modules["numpy"]
    masked = type(x) is np.ma.MaskedArray
    if not masked and type(x) is not np.ndarray and not hasattr(type(x), "landbridge_dimnames"):
        if holds_objects(x):
            raise refuse_objects(x, path)
        return None
    order = "F" if x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous else "C"
    flat = np.asarray(x.data if masked else x).ravel(order)
    mask = np.ma.getmaskarray(x).ravel(order) if masked else None
    kind = type_of_objects(flat, mask, path, x.shape, order) if flat.dtype.kind == "O" else _numpy_kind(flat)
    if kind is None:
        if holds_objects(x):
            raise refuse_objects(x, path)
        return None
    node: Json = {
        "type": kind,
        "dtype": flat.dtype.name if flat.dtype.isnative and flat.dtype.kind not in "US" else flat.dtype.str,
    }
    if masked:
        node["tags"] = {"masked": True}
    if kind == "datetime":
        node["tz"] = None
    if x.ndim == 1:
        node |= {"kind": "vector", "n": flat.size, "container": "numpy"}
    else:
        names = getattr(x, "landbridge_dimnames", None) or {"dimnames": None}
        node |= {"kind": "array", "shape": list(x.shape), "order": order, **names}
    return node | _numpy_content(flat, mask, kind, sink, path)


def _numpy_kind(flat: Any) -> str | None:
    kind = flat.dtype.kind
    if kind == "M":
        return "date" if flat.dtype.name == "datetime64[D]" else "datetime"
    if kind == "m":
        return "duration"
    if (kind == "f" and flat.dtype.itemsize > 8) or (kind == "c" and flat.dtype.itemsize > 16):
        return None
    return _KINDS.get(kind)


def _numpy_content(flat: Any, mask: Any, kind: str, sink: Sink, path: str) -> Json:
    exact = flat.dtype.name.endswith("64[ns]") and bool((flat.astype("int64") % 1000 != 0).any())
    if flat.size <= INLINE and not exact:
        values = _numpy_elements(flat, kind)
        if mask is not None:
            values = [None if hidden else value for value, hidden in zip(values, mask.tolist(), strict=True)]
        return {"values": [element(value, kind) for value in values]}
    return column_object(_numpy_column(flat, mask, kind), kind, sink, path)


def _numpy_elements(flat: Any, kind: str) -> list[Any]:
    if flat.dtype.kind not in "Mm":
        values: list[Any] = flat.tolist()
        return values
    missing = sys.modules["numpy"].isnat(flat).tolist()
    if kind == "date":
        plain = [str(value) for value in flat]
    else:
        plain = flat.astype(f"{flat.dtype.kind}8[us]").astype("int64").tolist()
    return [None if gone else value for value, gone in zip(plain, missing, strict=True)]


def _numpy_column(flat: Any, mask: Any, kind: str) -> pa.Array:
    import pyarrow as pa

    if flat.dtype.kind == "O":
        return _with_mask(flat.tolist(), mask, kind)
    if kind in ("complex", "str", "bytes"):
        if kind != "complex":
            return _with_mask(flat.tolist(), mask, kind)
        wide = flat.astype("complex128")
        parts = [pa.array(wide.real.copy()), pa.array(wide.imag.copy())]
        return pa.StructArray.from_arrays(parts, ["re", "im"], mask=None if mask is None else pa.array(mask))
    if flat.dtype.name == "float16":
        flat = flat.astype("float32")
    if flat.dtype.kind in "Mm" and flat.dtype.name.partition("[")[2][:-1] not in ("D", "s", "ms", "us", "ns"):
        flat = flat.astype(f"{flat.dtype.kind}8[s]")
    return pa.array(flat.astype(flat.dtype.newbyteorder("="), copy=False), mask=mask)


def _with_mask(values: list[Any], mask: Any, kind: str) -> pa.Array:
    from landbridge.columns import arrow_of

    hidden = [False] * len(values) if mask is None else mask.tolist()
    return arrow_of([None if gone else value for value, gone in zip(values, hidden, strict=True)], kind)


def decode_numpy(node: Json, source: Source) -> Any:
    """The numpy array of a node that a numpy array made, or of any node without missing values."""
    import numpy as np

    kind, dtype = node["type"], node.get("dtype") or _default_dtype(node)
    values = _column_to_numpy(node, dtype, source) if "object" in node else None
    if values is None:
        values = _build(elements(node, source), kind, dtype)
    masked = (node.get("tags") or {}).get("masked")
    if masked and not isinstance(values, np.ma.MaskedArray):
        values = np.ma.MaskedArray(values, mask=np.zeros(len(values), dtype=bool))
    if node.get("dtype") == "object" and not masked:
        # What is missing among objects is None.
        return np.asarray(values)
    return values


def _default_dtype(node: Json) -> str:
    kind = node["type"]
    if kind == "int":
        # R's integer is 32 bits wide; what does not fit came from a wider type.
        return "int32" if all(v is None or abs(int(v)) < 2**31 for v in node.get("values", ())) else "int64"
    plain = {"bool": "bool", "float": "float64", "complex": "complex128", "str": "U", "factor": "U"}
    times = {"date": "datetime64[D]", "datetime": "datetime64[us]", "duration": "timedelta64[us]"}
    return (plain | times).get(kind, "object")


def _column_to_numpy(node: Json, dtype: str, source: Source) -> Any:
    """Straight from Arrow's buffer where that is exact; None where the elements must be looked at."""
    column = read_column(node, source)
    plain = node["type"] in ("bool", "int", "float") and not column.null_count
    times = node["type"] in ("datetime", "duration") and dtype.startswith(("datetime64", "timedelta64"))
    if not (plain or times) or (getattr(column.type, "unit", None) is None and times):
        return None
    import pyarrow as pa

    if plain and not (pa.types.is_primitive(column.type)):
        return None
    if getattr(column.type, "tz", None):
        column = column.cast(pa.timestamp(column.type.unit))
    values = column.to_numpy(zero_copy_only=False)
    if not node.get("dtype"):
        return values.copy()
    return values.astype(dtype)


def _build(values: list[Any], kind: str, dtype: str) -> Any:
    import numpy as np

    missing = [value is None for value in values]
    if dtype.startswith(("datetime64", "timedelta64")):
        unit = "D" if kind == "date" else "us"
        base = dtype[: dtype.index("64") + 2]
        made = np.array(["NaT" if v is None else v for v in values], dtype=f"{base}[{unit}]")
        return made.astype(dtype)
    if dtype == "object":
        made = np.empty(len(values), dtype=object)
        made[:] = [
            of_element(v, kind) if kind in ("time", "duration", "datetime") and v is not None else v for v in values
        ]
    elif not any(missing):
        return np.array(values, dtype=dtype)
    else:
        fill = {"str": "", "factor": "", "bytes": b""}.get(kind, 0)
        made = np.array([fill if v is None else v for v in values], dtype=dtype)
    return np.ma.MaskedArray(made, mask=missing) if any(missing) else made


def decode_array(node: Json, source: Source) -> Any:
    """The numpy array of an array node, with R's dimnames riding along where it has any."""
    flat = decode_numpy(node, source)
    shaped = flat.reshape(tuple(node["shape"]), order=node["order"])
    if not node.get("dimnames"):
        return shaped
    from landbridge.dimnames import with_dimnames

    return with_dimnames(shaped, {key: node[key] for key in ("dimnames", "axes") if node.get(key)})
