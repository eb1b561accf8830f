"""The wire profile: which Arrow types may cross, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from landbridge.columns import whole
from landbridge.errors import ValueCannotCross

_WAY_OUT = "Convert the column, or send it apart from the frame."


def wire_column(column: pa.ChunkedArray, path: str, label: str) -> pa.ChunkedArray:
    """The column in a type of the wire profile; :class:`ValueCannotCross` when it has none that holds it."""
    target = wire_type(column.type)
    if target is None:
        raise ValueCannotCross(
            path, f"a column of the type {column.type} has no Arrow type that both sides know", _WAY_OUT, column=label
        )
    if target == column.type:
        return column
    try:
        return _cast(column, target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        row = _failing_row(column, target)
        reason = f"its {column.type} does not fit into {target} ({str(error).splitlines()[0].rstrip('.')}; row {row})"
        raise ValueCannotCross(path, reason, _WAY_OUT, column=label, row=row) from None


def _failing_row(column: pa.ChunkedArray, target: pa.DataType) -> int:
    """The first row, counted from 1, up to which the column cannot be cast."""
    low, high = 0, len(column)
    while low + 1 < high:
        middle = (low + high) // 2
        try:
            _cast(column.slice(0, middle), target)
            low = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
    return low + 1


def _cast(column: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        return storage if storage.type == target else _cast(storage, target)
    if pa.types.is_dictionary(column.type) and pa.types.is_dictionary(target):
        array = whole(column)
        labels = array.dictionary
        if not _is_text(labels.type):
            labels = pa.array([None if x is None else str(x) for x in labels.to_pylist()], pa.string())
        made = pa.DictionaryArray.from_arrays(
            array.indices.cast(target.index_type), labels.cast(pa.string()), ordered=column.type.ordered
        )
        return pa.chunked_array([made])
    if pa.types.is_run_end_encoded(column.type):
        return pa.chunked_array([pa.compute.run_end_decode(whole(column)).cast(target)])
    if is_list_view(column.type):
        return pa.chunked_array([_as_list(whole(column)).cast(target)])
    return column.cast(target)


def is_list_view(kind: pa.DataType) -> bool:
    """Is it a list whose rows may stand in any order, and share elements?"""
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


def _as_list(views: Any) -> pa.Array:
    # Arrow's own cast leaves rows after a missing one empty, and writes too few offsets.
    large = pa.types.is_large_list_view(views.type)
    sizes = pa.compute.fill_null(pa.compute.list_value_length(views), 0)
    ends = pa.compute.cumulative_sum(sizes.cast(pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends]).cast(pa.int64() if large else pa.int32())
    made = pa.LargeListArray if large else pa.ListArray
    return made.from_arrays(offsets, views.flatten(), mask=views.is_null())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_SAME = (
    *("is_boolean", "is_integer", "is_float32", "is_float64", "is_string", "is_large_string", "is_binary", "is_null"),
    *("is_large_binary", "is_date32", "is_timestamp", "is_duration", "is_decimal128"),
)


def wire_type(kind: pa.DataType) -> pa.DataType | None:
    """The type of the wire profile for an Arrow type; None when there is none."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return wire_type(kind.storage_type)
    if any(getattr(types, name)(kind) for name in _SAME):
        return kind
    simple: tuple[tuple[Any, pa.DataType], ...] = (
        (types.is_float16, pa.float32()),
        (types.is_string_view, pa.large_string()),
        (types.is_binary_view, pa.large_binary()),
        (types.is_fixed_size_binary, pa.binary()),
        (types.is_date64, pa.date32()),
        (types.is_time, pa.time64("us")),
    )
    for test, target in simple:
        if test(kind):
            return target
    if types.is_dictionary(kind):
        index = kind.index_type if types.is_signed_integer(kind.index_type) else pa.int32()
        return pa.dictionary(index, pa.string(), kind.ordered)
    if types.is_run_end_encoded(kind):
        return wire_type(kind.value_type)
    if types.is_decimal(kind) and kind.precision <= 38:
        return pa.decimal128(kind.precision, kind.scale)
    return _nested(kind)


def _nested(kind: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if types.is_struct(kind):
        fields = [(kind.field(i).name, wire_type(kind.field(i).type)) for i in range(kind.num_fields)]
        return None if any(inner is None for _, inner in fields) else pa.struct(fields)
    if not types.is_nested(kind) or types.is_map(kind) or types.is_union(kind):
        return None
    inner = wire_type(kind.value_type)
    if inner is None or pa.types.is_dictionary(inner):
        return None if inner is None else _nested_in(kind, pa.string())
    return _nested_in(kind, inner)


def _nested_in(kind: pa.DataType, inner: pa.DataType) -> pa.DataType:
    if inner == kind.value_type and not str(kind).startswith(("list_view", "large_list_view")):
        return kind
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner, kind.list_size)
    return pa.large_list(inner) if str(kind).startswith("large_list") else pa.list_(inner)
