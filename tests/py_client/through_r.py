"""What a job of R makes of a frame that it returns unchanged, by docs/protocol.md: R's types, and the hint."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from landbridge.columns import read_table, whole, write_table
from landbridge.hints import hint_of
from landbridge.kinds import Json

from tests.py_client.conftest import Road


def r_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column after a stay in R."""
    return column.cast(r_type(column.type, column), safe=False) if not pa.types.is_null(column.type) else _empty(column)


def _empty(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(len(column), pa.bool_())])


def r_type(kind: pa.DataType, column: Any) -> pa.DataType:
    types = pa.types
    if types.is_integer(kind):
        return _number(kind, column)
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_timestamp(kind):
        return pa.timestamp("ns" if kind.unit == "ns" else "us", kind.tz or "UTC")
    if types.is_duration(kind):
        return pa.duration("us")
    if types.is_large_string(kind):
        return pa.string()
    if types.is_large_binary(kind):
        return pa.binary()
    if types.is_struct(kind):
        return pa.struct([(part.name, r_type(part.type, whole(column).field(part.name))) for part in kind])
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(r_type(kind.value_type, pc.list_flatten(whole(column))))
    return kind


def _number(kind: pa.DataType, column: Any) -> pa.DataType:
    extremes = pc.min_max(column).as_py()
    largest = max((abs(one) for one in extremes.values() if one is not None), default=0)
    if largest < 2**31:
        return pa.int32()
    return pa.float64() if largest <= 2**53 else kind


def through_r(road: Road, node: Json) -> Json:
    """The node that a job of R returns for a frame node of Python."""
    table, descriptor = read_table(road.source.path(node["object"])), node["descriptor"]
    columns = [r_column(column) for column in table.columns]
    made = pa.table(columns, names=table.column_names)
    rows: Any = "automatic"
    if descriptor["row_names"] in made.column_names:
        rows = "__row_names__"
        made = made.rename_columns([rows if name == descriptor["row_names"] else name for name in made.column_names])
    names = made.column_names if rows == "automatic" else [name for name in made.column_names if name != rows]
    # An index of several levels stays as columns, and then the names are those of the wire.
    originals = list(descriptor["names"]) if len(descriptor["names"]) == len(names) else names
    if len(set(originals)) == len(originals) and all(originals):
        made = made.rename_columns(originals + ([rows] if rows in made.column_names else []))
    hint = hint_of(table.column_names, [node])
    returned = {
        "class": "tbl_df",
        "names": originals,
        "columns": {},
        "row_names": rows,
        "rows": node["rows"],
        "hint": hint,
    }
    return {
        "kind": "frame",
        "object": road.sink.put("arrow", lambda to: write_table(made, to)),
        "rows": node["rows"],
        "columns": [{"name": field.name, "type": str(field.type)} for field in made.schema],
        "descriptor": returned,
    }
