"""Elements of one type as an Arrow column and back, and the Arrow files that carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from landbridge.arrow_files import checked_table
from landbridge.hidden_bytes import without_hidden_bytes
from landbridge.kinds import Json
from landbridge.scalars import microseconds

COMPLEX = pa.struct([("re", pa.float64()), ("im", pa.float64())])
_ARROW: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "complex": COMPLEX,
    "str": pa.string(),
    "factor": pa.string(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "duration": pa.duration("us"),
}


def arrow_of(values: Sequence[Any], kind: str, zone: str | None = None) -> pa.Array:
    """An Arrow array of Python values, None for missing. Integers beyond 64 bits and exotic decimals go as text."""
    if kind == "complex":
        return pa.array([None if x is None else {"re": x.real, "im": x.imag} for x in values], COMPLEX)
    if kind == "datetime":
        counts = [x if x is None or isinstance(x, int) else microseconds(x) for x in values]
        return pa.array(counts, pa.int64()).cast(pa.timestamp("us", zone))
    try:
        return pa.array(values, None if kind == "decimal" else _ARROW[kind])
    except (OverflowError, pa.ArrowInvalid):
        if kind not in ("int", "decimal"):
            raise
        return pa.array([None if x is None else str(x) for x in values], pa.string())


def kind_of(column_type: pa.DataType) -> str | None:
    """The contract's type of an Arrow type; None when there is none."""
    types = pa.types
    if types.is_dictionary(column_type):
        return "factor"
    if column_type == COMPLEX:
        return "complex"
    checks: tuple[tuple[str, Iterable[Any]], ...] = (
        ("bool", [types.is_boolean]),
        ("int", [types.is_integer]),
        ("float", [types.is_floating]),
        ("str", [types.is_string, types.is_large_string, types.is_string_view]),
        ("bytes", [types.is_binary, types.is_large_binary]),
        ("date", [types.is_date32]),
        ("time", [types.is_time]),
        ("datetime", [types.is_timestamp]),
        ("duration", [types.is_duration]),
        ("decimal", [types.is_decimal128]),
    )
    return next((kind for kind, tests in checks if any(test(column_type) for test in tests)), None)


def elements_of(column: pa.Array, kind: str) -> list[Any]:
    """Python values, None for missing; datetimes and durations as whole microseconds."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind in ("datetime", "duration", "time") and not pa.types.is_integer(column.type):
        unit = {"datetime": pa.timestamp("us", getattr(column.type, "tz", None)), "duration": pa.duration("us")}
        counts: list[Any] = column.cast(unit.get(kind, pa.time64("us")), safe=False).cast(pa.int64()).to_pylist()
        return counts
    values: list[Any] = column.to_pylist()
    if kind == "complex":
        return [None if x is None else complex(x["re"], x["im"]) for x in values]
    if kind == "int" and values and not pa.types.is_integer(column.type):
        return [None if x is None else int(x) for x in values]
    if kind == "decimal" and pa.types.is_string(column.type):
        return [None if x is None else Decimal(x) for x in values]
    return values


def finer_than_microseconds(column: pa.Array) -> bool:
    """Would whole microseconds lose digits of these times?"""
    if getattr(column.type, "unit", None) != "ns":
        return False
    micro = pa.timestamp("us", column.type.tz) if pa.types.is_timestamp(column.type) else pa.duration("us")
    if pa.types.is_time(column.type):
        micro = pa.time64("us")
    try:
        column.cast(micro)
    except pa.ArrowInvalid:
        return True
    return False


def write_table(table: pa.Table, path: Path) -> None:
    """An uncompressed Arrow IPC file; one explicit batch when there are no rows, or levels of factors would vanish.

    Nothing is in it but the table's values: see :mod:`~landbridge.hidden_bytes`.
    """
    table = without_hidden_bytes(table.unify_dictionaries())
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        if table.num_rows:
            writer.write_table(table)
        elif table.num_columns:
            empty = [whole(column) for column in table.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(empty, schema=table.schema))


def read_table(path: Path, node: Json | None = None) -> pa.Table:
    """The table of an Arrow IPC file, mapped rather than read, that agrees with its node; see ``checked_table``."""
    return checked_table(path, node)


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array, whatever the number of chunks."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        # Combining would copy it.
        return column.chunk(0)
    combined = column.unify_dictionaries().combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return combined.chunk(0) if combined.num_chunks else pa.array([], combined.type)
    return combined
