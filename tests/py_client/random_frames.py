"""Random frames of pandas, polars and pyarrow, for property-based tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
DAY = st.dates()
# Within what a double of seconds, R's storage, keeps to the microsecond.
MICROS = st.integers(-(2**52), 2**52)
NAMES = st.lists(TEXT, max_size=4)


def integers(width: int, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    return st.integers(low, high) | st.integers(0, 100)


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _numbers(dtype: str, values: st.SearchStrategy[Any]) -> tuple[st.SearchStrategy[Any], Callable[[Any], Any]]:
    return values, lambda cells: np.array(cells, dtype=dtype)


def _nullable(dtype: str, values: st.SearchStrategy[Any]) -> tuple[st.SearchStrategy[Any], Callable[[Any], Any]]:
    return _optional(values), lambda cells: pd.array(cells, dtype=dtype)


def _objects(values: st.SearchStrategy[Any]) -> tuple[st.SearchStrategy[Any], Callable[[Any], Any]]:
    return _optional(values), lambda cells: pd.Series(cells, dtype=object)


def _times(dtype: str) -> tuple[st.SearchStrategy[Any], Callable[[Any], Any]]:
    """Counts of microseconds as the times of a dtype, None as NaT; tz-aware where the dtype says so."""

    def made(cells: Any) -> Any:
        counts = np.array([np.iinfo("int64").min if cell is None else cell for cell in cells], dtype="int64")
        plain = pd.Series(counts.view("timedelta64[us]" if "timedelta" in dtype else "datetime64[us]"))
        if "," in dtype:
            plain = plain.dt.tz_localize("UTC")
        return plain.astype(dtype)

    return _optional(MICROS), made


PANDAS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    **{f"int{width}": _numbers(f"int{width}", integers(width, True)) for width in (8, 16, 32, 64)},
    **{f"uint{width}": _numbers(f"uint{width}", integers(width, False)) for width in (8, 16, 32, 64)},
    **{f"Int{width}": _nullable(f"Int{width}", integers(width, True)) for width in (8, 16, 32, 64)},
    "float32": _numbers("float32", st.floats(width=32)),
    "float64": _numbers("float64", st.floats()),
    "Float64": _nullable("Float64", st.floats(allow_nan=False)),
    "bool": _numbers("bool", st.booleans()),
    "boolean": _nullable("boolean", st.booleans()),
    "complex": _numbers("complex128", st.complex_numbers()),
    "str": (_optional(TEXT), lambda cells: pd.Series(cells, dtype="str")),
    "string": _nullable("string", TEXT),
    "category": (_optional(TEXT), lambda cells: pd.Categorical(cells)),
    "ordered": (
        _optional(st.sampled_from("abc")),
        lambda cells: pd.Categorical(cells, categories=list("cab"), ordered=True),
    ),
    "naive": _times("datetime64[us]"),
    "zoned": _times("datetime64[us, Europe/Berlin]"),
    "duration": _times("timedelta64[us]"),
    "dates": _objects(DAY),
    "times": _objects(st.times()),
    "texts": _objects(TEXT),
    "bytes": _objects(st.binary(max_size=4)),
    "large": _objects(st.integers(-(2**63) + 1, 2**63 - 1)),
    "lists": _objects(st.lists(_optional(st.integers(-5, 2**40)), min_size=1, max_size=3)),
    "decimals": _objects(st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-2))),
}
ARROW: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int8(): integers(8, True),
    pa.int64(): integers(64, True),
    pa.uint64(): integers(64, False),
    pa.uint16(): integers(16, False),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.binary(): st.binary(max_size=4),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.date32(): DAY,
    pa.time64("us"): st.integers(0, 86_399_999_999),
    pa.timestamp("us"): MICROS,
    pa.timestamp("ms", "Asia/Tokyo"): st.integers(-(2**40), 2**40),
    pa.duration("s"): st.integers(-(2**30), 2**30),
    pa.list_(pa.int16()): st.lists(_optional(integers(16, True)), max_size=3),
    pa.large_list(pa.string()): st.lists(_optional(TEXT), max_size=3),
    pa.struct([("a", pa.int32()), ("b", pa.string())]): st.fixed_dictionaries({"a": st.integers(0, 9), "b": TEXT}),
    pa.decimal128(12, 2): st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-2)),
    pa.dictionary(pa.int8(), pa.string()): TEXT,
}
POLARS: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int8: integers(8, True),
    pl.Int32: integers(32, True),
    pl.Int64: integers(64, True),
    pl.UInt8: integers(8, False),
    pl.UInt64: integers(64, False),
    pl.Float32: st.floats(width=32),
    pl.Float64: st.floats(),
    pl.Boolean: st.booleans(),
    pl.String: TEXT,
    pl.Date: DAY,
    pl.Categorical: TEXT,
    pl.Enum(["c", "a", "b"]): st.sampled_from("abc"),
    pl.Time: st.times(),
    pl.Binary: st.binary(max_size=4),
    pl.Datetime("us"): st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2100, 1, 1)),
    pl.Datetime("ms", "UTC"): st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2100, 1, 1)).map(
        lambda x: x.replace(microsecond=0, tzinfo=dt.UTC)
    ),
    pl.Duration("us"): st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)),
    pl.List(pl.Int32): st.lists(_optional(integers(32, True)), max_size=3),
    pl.Decimal(12, 2): st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-2)),
}
ROWS = st.integers(0, 6)


@st.composite
def pandas_frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(ROWS)
    kinds = draw(st.lists(st.sampled_from(sorted(PANDAS)), max_size=4))
    made = {}
    for position, kind in enumerate(kinds):
        values, build = PANDAS[kind]
        made[position] = build(draw(st.lists(values, min_size=rows, max_size=rows)))
    index = draw(st.sampled_from(["range", "text", "number"]))
    frame = pd.DataFrame(made, index=pd.RangeIndex(rows))
    frame.columns = pd.Index([f"{kind} {position}" for position, kind in enumerate(kinds)], dtype="str")
    if index == "text":
        frame.index = pd.Index([f"r{row}" for row in range(rows)], dtype="str")
    elif index == "number":
        start = draw(st.integers(-3, 3))
        frame.index = pd.Index(list(range(start, start + rows)), dtype="int64")
    return frame


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(ROWS)
    kinds = draw(st.lists(st.sampled_from(sorted(ARROW, key=str)), max_size=4))
    columns = [draw(_arrow_column(kind, rows)) for kind in kinds]
    return pa.table(columns, names=[f"{kind} {position}" for position, kind in enumerate(kinds)])


@st.composite
def _arrow_column(draw: st.DrawFn, kind: pa.DataType, rows: int) -> pa.ChunkedArray:
    cells = draw(st.lists(_optional(ARROW[kind]), min_size=rows, max_size=rows))
    cut = draw(st.integers(0, rows))
    return pa.chunked_array([pa.array(cells, kind)[:cut], pa.array(cells, kind)[cut:]])


@st.composite
def polars_frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(ROWS)
    kinds = draw(st.lists(st.sampled_from(sorted(POLARS, key=str)), min_size=1, max_size=4))
    columns = [
        pl.Series(
            f"{kind} {position}", draw(st.lists(_optional(POLARS[kind]), min_size=rows, max_size=rows)), dtype=kind
        )
        for position, kind in enumerate(kinds)
    ]
    return pl.DataFrame(columns)
