"""The Python side of the bridge that R uses for Arrow files where the arrow package is missing.

Columns pass as plain buffers in a file, one after the other in the order of their descriptions, little-endian:

=========== =====================================================================================================
type        buffers
=========== =====================================================================================================
bool        one byte an element: 0, 1, or 2 for missing
int32       int32; the smallest is missing. date32 (days) likewise
int64       int64; the smallest is missing. From Python as float64 (``"as"``) when all fit into 53 bits
float64     float64; R's own NaN payload (low word 1954) is missing
complex     a byte each: 1 for missing; then float64 real parts, float64 imaginary parts; in Arrow a struct of re and im
utf8        a byte each: 1 for missing; then the texts, each ended by a zero byte (``bytes`` in all)
timestamp   float64 whole seconds (NaN: missing), float64 count of ``unit`` within the second. duration, time64 likewise
dictionary  int32 codes from 1, the smallest is missing; then the levels as utf8
uint8       one byte an element
binary      int32 lengths, -1 for missing; then the bytes
list        int32 lengths, -1 for missing; then the column of all elements (``child``)
fixed_list  from Python, where ``missing``, a byte each: 1 for missing; then the column of the elements of all rows that
            are there (``child``), ``size`` of them a row
struct      from Python, where ``missing``, a byte each: 1 for missing; then the columns of its ``fields``
=========== =====================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Spec = dict[str, Any]
INT_NA = np.int32(-(2**31))
LONG_NA = np.int64(-(2**63))
REAL_NA = np.frombuffer(b"\xa2\x07\x00\x00\x00\x00\xf0\x7f", dtype="<f8")[0]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
COMPLEX = pa.struct([("re", pa.float64()), ("im", pa.float64())])
BEFORE_SCHEMA = 8
LARGEST_OFFSET = 2**31 - 1


def answer(line: str) -> str:
    """Carry out one request (JSON in one line); the answer, JSON in one line too, says what failed."""
    request = json.loads(line)
    try:
        done = {"write": write_frame, "read": read_frame, "content_key": key_of_file}[request["call"]](request)
    except Exception as error:  # noqa: BLE001  any failure is the answer, and the bridge lives on
        done = {"error": f"{type(error).__name__}: {error}"}
    return json.dumps({"id": request["id"], **done})


def key_of_file(request: Spec) -> Spec:
    """The content key of an Arrow file; none where this Python has no landbridge."""
    try:
        from landbridge.content_keys import content_key
    except ModuleNotFoundError:
        return {}
    return {"key": content_key(request["arrow"])}


def write_frame(request: Spec) -> Spec:
    """Buffers to an Arrow file; the types of its columns as text."""
    with Path(request["buffers"]).open("rb") as buffers:
        arrays = [array_of(buffers, spec) for spec in request["columns"]]
    metadata = {key: str(text) for key, text in request["metadata"].items()}
    schema = pa.schema(
        [pa.field(spec["name"], array.type) for spec, array in zip(request["columns"], arrays, strict=True)],
        metadata=metadata or None,
    )
    with pa.OSFile(request["arrow"], "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        if arrays:
            # One explicit batch, also without rows: levels of a factor live in batches.
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return {"types": [str(array.type) for array in arrays]}


def read_frame(request: Spec) -> Spec:
    """An Arrow file to buffers, and their descriptions; in their place what is wrong with the file."""
    with pa.memory_map(request["arrow"]) as source:
        try:
            # The file has its schema twice: before the batches, as a stream has it, and in the footer.
            source.seek(BEFORE_SCHEMA)
            first = pa.ipc.read_schema(source)
            table = pa.ipc.open_file(source).read_all()
        except (pa.ArrowException, OSError, ValueError, MemoryError) as problem:
            return {"unreadable": str(problem)}
        if not first.equals(table.schema):
            return {"unreadable": "its two schemas differ"}
        if damaged := damaged_column(table):
            return {"damaged": damaged}
        with Path(request["buffers"]).open("wb") as buffers:
            specs = [named_buffers(buffers, table.field(i).name, table.column(i)) for i in range(table.num_columns)]
    metadata = table.schema.metadata or {}
    descriptor = metadata.get(b"landbridge")
    return {"columns": specs, "rows": table.num_rows, "metadata": descriptor and descriptor.decode()}


def damaged_column(table: pa.Table) -> Spec | None:
    """The first column whose offsets, indices or text are not what reading it would trust."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except (pa.ArrowException, ValueError) as problem:
            return {"column": name, "chunks": column.num_chunks, "problem": str(problem)}
    return None


def named_buffers(buffers: BinaryIO, name: str, column: pa.ChunkedArray) -> Spec:
    try:
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
        return {"name": name, **buffers_of(buffers, array)}
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ValueError(f"column `{name}`: {error}") from error


def take(buffers: BinaryIO, dtype: str, n: int) -> np.ndarray:
    found: np.ndarray = np.fromfile(buffers, dtype=dtype, count=n)
    if len(found) != n:
        raise ValueError("the file of buffers is cut short")
    return found


def array_of(buffers: BinaryIO, spec: Spec) -> pa.Array:
    """The Arrow array that the next buffers describe."""
    return READERS[spec["type"]](buffers, spec, spec["n"])


def _bool(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    values = take(buffers, "u1", n)
    return pa.array(values == 1, mask=values == 2, type=pa.bool_())


def _masked(values: np.ndarray, missing: np.ndarray, kind: pa.DataType) -> pa.Array:
    """With zeros where values are missing: what stood there is no part of the column."""
    if missing.any():
        values = np.where(missing, values.dtype.type(0), values)
    return pa.array(values, mask=missing, type=kind, from_pandas=False)


def _int32(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    values = take(buffers, "<i4", n)
    return _masked(values, values == INT_NA, pa.int32())


def _date32(buffers: BinaryIO, spec: Spec, n: int) -> pa.Array:
    return _int32(buffers, spec, n).cast(pa.date32())


def _int64(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    values = take(buffers, "<i8", n)
    return _masked(values, values == LONG_NA, pa.int64())


def _float64(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    values = take(buffers, "<f8", n)
    return _masked(values, _is_real_na(values), pa.float64())


def _is_real_na(values: np.ndarray) -> np.ndarray:
    low_words: np.ndarray = values.view("<u4")[::2]
    missing: np.ndarray = np.isnan(values) & (low_words == 1954)
    return missing


def _complex(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    missing = take(buffers, "u1", n) == 1
    parts = []
    for _part in ("re", "im"):
        values = take(buffers, "<f8", n)
        parts.append(_masked(values, missing | _is_real_na(values), pa.float64()))
    return pa.StructArray.from_arrays(parts, names=["re", "im"], mask=pa.array(missing))


def _fixed_list(buffers: BinaryIO, spec: Spec, _: int) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(array_of(buffers, spec["child"]), spec["size"])


def _struct(buffers: BinaryIO, spec: Spec, _: int) -> pa.Array:
    parts = [array_of(buffers, field) for field in spec["fields"]]
    return pa.StructArray.from_arrays(parts, names=[field["name"] for field in spec["fields"]])


def _utf8(buffers: BinaryIO, spec: Spec, n: int) -> pa.Array:
    missing = take(buffers, "u1", n) == 1
    text = take(buffers, "u1", spec["bytes"])
    ends = np.flatnonzero(text == 0)
    if len(ends) != n:
        raise ValueError("the texts are not those that were counted")
    offsets = np.zeros(n + 1, dtype="<i8")
    offsets[1:] = ends - np.arange(n)
    large = bool(n) and offsets[-1] > LARGEST_OFFSET
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    content = pa.py_buffer(np.ascontiguousarray(text[text != 0]))
    positions = pa.py_buffer(offsets if large else offsets.astype("<i4"))
    return pa.Array.from_buffers(pa.large_utf8() if large else pa.utf8(), n, [validity, positions, content])


def _time(buffers: BinaryIO, spec: Spec, n: int) -> pa.Array:
    seconds, part = take(buffers, "<f8", n), take(buffers, "<f8", n)
    missing = np.isnan(seconds)
    whole, rest = np.where(missing, 0, seconds).astype("<i8"), np.where(missing, 0, part).astype("<i8")
    if spec["type"] == "timestamp":
        kind = pa.timestamp(spec["unit"], spec.get("tz"))
    else:
        kind = pa.duration(spec["unit"]) if spec["type"] == "duration" else pa.time64(spec["unit"])
    return pa.array(whole * PER_SECOND[spec["unit"]] + rest, mask=missing, type=pa.int64()).cast(kind)


def _dictionary(buffers: BinaryIO, spec: Spec, n: int) -> pa.Array:
    codes = take(buffers, "<i4", n)
    levels = array_of(buffers, spec["levels"])
    missing = codes == INT_NA
    indices = pa.array(np.where(missing, 0, codes - 1), mask=missing, type=pa.int32())
    return pa.DictionaryArray.from_arrays(indices, levels, ordered=bool(spec["ordered"]))


def _uint8(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    return pa.array(take(buffers, "u1", n), type=pa.uint8())


def _offsets(buffers: BinaryIO, n: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = take(buffers, "<i4", n)
    missing = lengths < 0
    offsets = np.zeros(n + 1, dtype="<i8")
    np.cumsum(np.where(missing, 0, lengths), out=offsets[1:])
    if offsets[-1] > LARGEST_OFFSET:
        raise ValueError("more than 2^31 elements in one column of lists")
    return offsets.astype("<i4"), missing


def _nested(kind: pa.DataType, offsets: np.ndarray, missing: np.ndarray, *rest: Any) -> pa.Array:
    validity = pa.array(~missing).buffers()[1] if missing.any() else None
    own = [validity, pa.py_buffer(offsets)]
    if pa.types.is_list(kind):
        return pa.Array.from_buffers(kind, len(missing), own, children=list(rest))
    return pa.Array.from_buffers(kind, len(missing), [*own, *rest])


def _binary(buffers: BinaryIO, _: Spec, n: int) -> pa.Array:
    offsets, missing = _offsets(buffers, n)
    return _nested(pa.binary(), offsets, missing, pa.py_buffer(take(buffers, "u1", int(offsets[-1]))))


def _list(buffers: BinaryIO, spec: Spec, n: int) -> pa.Array:
    offsets, missing = _offsets(buffers, n)
    child = array_of(buffers, spec["child"])
    return _nested(pa.list_(child.type), offsets, missing, child)


READERS: dict[str, Callable[[BinaryIO, Spec, int], pa.Array]] = {
    "bool": _bool, "int32": _int32, "date32": _date32, "int64": _int64, "float64": _float64, "complex": _complex,
    "utf8": _utf8, "timestamp": _time, "duration": _time, "time64": _time, "dictionary": _dictionary, "uint8": _uint8,
    "binary": _binary, "list": _list, "fixed_list": _fixed_list, "struct": _struct,
}  # fmt: skip


def buffers_of(buffers: BinaryIO, array: pa.Array) -> Spec:
    """Write an Arrow array as buffers; its description, with remarks on what R has no value for."""
    return {"arrow": str(array.type), **_buffers(buffers, array)}


def _buffers(buffers: BinaryIO, array: pa.Array) -> Spec:
    kind, n = array.type, len(array)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return {"type": "bool", "n": n, **put(buffers, array.cast(pa.uint8()), "u1", 2)}
    if pa.types.is_date32(kind):
        return {"type": "date32", "n": n, **put(buffers, array.cast(pa.int32()), "<i4", INT_NA)}
    if pa.types.is_integer(kind):
        return _put_integers(buffers, array, n)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        digits = {"digits": kind.precision} if pa.types.is_decimal(kind) and _finer_than_doubles(array) else {}
        return {"type": "float64", "n": n, **digits, **_put_floats(buffers, array.cast(pa.float64(), safe=False))}
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = _first(pc.match_substring(array, "\0")) if n else None
        if found:
            array = pa.nulls(n, pa.utf8())  # NUL ends text in R
        return {"type": "utf8", "n": n, **({"nul": found} if found else {}), "bytes": _put_texts(buffers, array)}
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind):
        return {**_put_ticks(buffers, array), "n": n, "unit": kind.unit, "tz": getattr(kind, "tz", None)}
    if pa.types.is_dictionary(kind):
        return _put_factor(buffers, array, n)
    if kind == COMPLEX:
        array.is_null().to_numpy(zero_copy_only=False).astype("u1").tofile(buffers)
        for part in array.flatten():
            _put_floats(buffers, part)
        return {"type": "complex", "n": n}
    return _put_nested(buffers, array, n)


def put(buffers: BinaryIO, array: pa.Array, dtype: str, missing: Any) -> Spec:
    values = array.to_numpy(zero_copy_only=False) if array.null_count == 0 else pc.fill_null(array, 0).to_numpy()
    values = values.astype(dtype)
    if array.null_count:
        values[array.is_null().to_numpy(zero_copy_only=False)] = missing
    values.tofile(buffers)
    return {}


def _finer_than_doubles(array: pa.Array) -> bool:
    if array.type.precision <= 15:
        return False
    try:
        back = array.cast(pa.float64()).cast(array.type, safe=False)
    except pa.ArrowInvalid:
        return True
    return _first(pc.not_equal(back, array)) is not None


def _first(mask: pa.Array) -> int | None:
    """The first row, counted from 1, at which a mask is true."""
    found: int = pc.index(pc.fill_null(mask, False), pa.scalar(True)).as_py()
    return None if found < 0 else found + 1


def _put_integers(buffers: BinaryIO, array: pa.Array, n: int) -> Spec:
    if array.type == pa.uint64() and (pc.max(array).as_py() or 0) > 2**53:
        beyond = _first(pc.greater(array, pa.scalar(2**53, pa.uint64())))
        text = array.cast(pa.utf8())  # no number of R holds all of them
        return {"type": "utf8", "n": n, "beyond": beyond, "bytes": _put_texts(buffers, text)}
    narrow = array.type == pa.int32()
    array = array.cast(pa.int64())
    low, high = (value.as_py() or 0 for value in pc.min_max(array).values())
    lowest = INT_NA if narrow else LONG_NA
    if low == lowest and n:
        corrupt = {"corrupt": _first(pc.equal(array, pa.scalar(int(lowest), pa.int64())))}
        if narrow:
            return {"type": "int32", "n": n, **corrupt, **put(buffers, array.cast(pa.int32()), "<i4", INT_NA)}
        return {"type": "int64", "n": n, "as": "int64", **corrupt, **put(buffers, array, "<i8", LONG_NA)}
    if low > -(2**31) and high < 2**31:
        return {"type": "int32", "n": n, **put(buffers, array.cast(pa.int32()), "<i4", INT_NA)}
    if low > -(2**53) and high < 2**53:
        return {"type": "int64", "n": n, "as": "float64", **put(buffers, array.cast(pa.float64()), "<f8", REAL_NA)}
    return {"type": "int64", "n": n, "as": "int64", **put(buffers, array, "<i8", LONG_NA)}


def _put_floats(buffers: BinaryIO, array: pa.Array) -> Spec:
    values = pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False).copy()
    values[np.isnan(values)] = np.nan  # another library's payload could be R's sign for missing
    values[array.is_null().to_numpy(zero_copy_only=False)] = REAL_NA
    values.tofile(buffers)
    return {}


def _put_texts(buffers: BinaryIO, array: pa.Array) -> int:
    n = len(array)
    array.is_null().to_numpy(zero_copy_only=False).astype("u1").tofile(buffers)
    whole = pc.fill_null(array, "").cast(pa.large_utf8())
    if n == 0:
        return 0
    _, offsets, content = whole.buffers()
    positions = np.frombuffer(offsets, dtype="<i8")[whole.offset : whole.offset + n + 1]
    text = np.frombuffer(content or b"", dtype="u1")[positions[0] : positions[-1]]
    if (text == 0).any():
        raise ValueError("a level has a NUL character, which ends text in R")
    ended = np.zeros(len(text) + n, dtype="u1")
    keep = np.ones(len(ended), dtype=bool)
    keep[(positions[1:] - positions[0]) + np.arange(n)] = False
    ended[keep] = text
    ended.tofile(buffers)
    return len(ended)


def _put_ticks(buffers: BinaryIO, array: pa.Array) -> Spec:
    per = PER_SECOND[array.type.unit]
    ticks = pc.fill_null(array.cast(pa.int64()), 0).to_numpy()
    missing = array.is_null().to_numpy(zero_copy_only=False)
    for values in (ticks // per, ticks % per):
        values = values.astype("<f8")
        values[missing] = REAL_NA
        values.tofile(buffers)
    kinds = {pa.types.is_timestamp: "timestamp", pa.types.is_duration: "duration"}
    return {"type": next((name for is_kind, name in kinds.items() if is_kind(array.type)), "time64")}


def _put_factor(buffers: BinaryIO, array: pa.DictionaryArray, n: int) -> Spec:
    codes = array.indices.cast(pa.int32())
    put(buffers, pc.add(codes, 1), "<i4", INT_NA)
    levels = buffers_of(buffers, array.dictionary.cast(pa.utf8()))
    return {"type": "dictionary", "n": n, "levels": levels, "ordered": array.type.ordered}


def _put_missing(buffers: BinaryIO, array: pa.Array) -> Spec:
    if not array.null_count:
        return {}
    array.is_null().to_numpy(zero_copy_only=False).astype("u1").tofile(buffers)
    return {"missing": True}


def _put_nested(buffers: BinaryIO, array: pa.Array, n: int) -> Spec:
    kind = array.type
    if pa.types.is_struct(kind):
        missing = _put_missing(buffers, array)
        fields = [{"name": kind.field(i).name, **buffers_of(buffers, part)} for i, part in enumerate(array.flatten())]
        return {"type": "struct", "n": n, "fields": fields, **missing}
    if pa.types.is_fixed_size_list(kind):
        missing = _put_missing(buffers, array)
        child = buffers_of(buffers, array.flatten())
        return {"type": "fixed_list", "n": n, "size": kind.list_size, "child": child, **missing}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        put(buffers, pc.list_value_length(array), "<i4", -1)
        return {"type": "list", "n": n, "child": buffers_of(buffers, array.flatten())}
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        array = array.cast(pa.binary())
    elif not pa.types.is_binary(kind):
        raise TypeError(f"columns of type {kind} have no place in R")
    put(buffers, pc.binary_length(array), "<i4", -1)
    content = b"".join(value for value in array.to_pylist() if value is not None)
    buffers.write(content)
    return {"type": "binary", "n": n, "bytes": len(content)}
