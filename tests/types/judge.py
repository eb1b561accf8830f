"""What a frame is beside a fresh one of its kind, and its cells as text that both languages write alike."""

import datetime as dt
import decimal
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from landbridge import Missing, Native

ROWS = 50
UNTIL = dt.datetime(1970, 1, 1)


def judge(kind: str, x: Any, kinds: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Whether `x` is what the kind makes, what is different, and the fresh frame's cells."""
    fresh = kinds[kind]()
    found = difference(x, fresh)
    return {"identical": not found, "difference": found[:300], "came": described(x)["texts"], **described(fresh)}


def described(x: Any) -> dict[str, Any]:
    """The type of the first column, and the cells of all."""
    return {"type": type_text(x), "texts": [texts(values) for values in columns(x)]}


def difference(x: Any, fresh: Any) -> str:
    """What is not the same, or an empty text."""
    if type(x) is not type(fresh):
        return f"a {type(x).__name__}, was a {type(fresh).__name__}"
    if isinstance(fresh, pd.DataFrame):
        return pandas_difference(x, fresh)
    if x.schema != fresh.schema:
        return f"{x.schema}, was {fresh.schema}"
    return "" if x.equals(fresh) or same(listed(x), listed(fresh)) else f"{listed(x)}, was {listed(fresh)}"


def listed(x: Any) -> list[Any]:
    """A polars or pyarrow frame's columns as lists."""
    return [column.to_pylist() if isinstance(x, pa.Table) else column.to_list() for column in columns(x)]


def pandas_difference(x: pd.DataFrame, fresh: pd.DataFrame) -> str:
    """Labels, dtypes, index and attrs exactly; cells by their types and values."""
    if x.shape != fresh.shape:
        return f"{x.shape}, was {fresh.shape}"
    if not same(list(x.columns), list(fresh.columns)) or x.columns.names != fresh.columns.names:
        return f"columns {list(x.columns)}, was {list(fresh.columns)}"
    if list(map(repr, x.dtypes)) != list(map(repr, fresh.dtypes)):
        return f"{list(map(repr, x.dtypes))}, was {list(map(repr, fresh.dtypes))}"
    if x.attrs != fresh.attrs:
        return f"attrs {x.attrs}, was {fresh.attrs}"
    try:
        pd.testing.assert_index_equal(x.index, fresh.index, exact=True)
    except AssertionError:
        return f"index {x.index}, was {fresh.index}"
    for position in range(fresh.shape[1]):
        one, other = list(x.iloc[:, position]), list(fresh.iloc[:, position])
        if not same(one, other):
            return f"{one}, was {other}"
    return ""


def same(one: Any, other: Any) -> bool:
    """Equal in type and value; NaN is NaN, and -0 is not 0."""
    if type(one) is not type(other):
        return False
    if isinstance(other, np.ndarray):
        return bool(one.dtype == other.dtype and one.shape == other.shape and same(one.tolist(), other.tolist()))
    if isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in other)
    if isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(other, float | complex | np.inexact):
        return repr(one) == repr(other)
    return other is one or (other is not pd.NA and bool(one == other))


def columns(x: Any) -> list[Any]:
    """The columns of a frame of any library."""
    if isinstance(x, pd.DataFrame):
        return [x.iloc[:, position] for position in range(x.shape[1])]
    if isinstance(x, pl.DataFrame):
        return x.get_columns()
    if isinstance(x, dict):
        return list(x.values())
    return list(x.columns) if isinstance(x, pa.Table) else []


def type_text(x: Any) -> str:
    """The type of the first column."""
    if isinstance(x, Native):
        return "handle"
    found = columns(x)
    if not found:
        return "no columns"
    first = found[0]
    if isinstance(x, dict):
        return f"dict of {type(first).__name__}"
    return str(first.type if isinstance(first, pa.ChunkedArray) else first.dtype)


def texts(values: Any) -> list[str]:
    """The first cells as text."""
    if isinstance(values, pa.ChunkedArray):
        return [text(value) for value in values.slice(0, ROWS).to_pylist()]
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.CategoricalDtype):
        return [
            "NA" if label is None else str(label) for label in values[:ROWS].astype(object).where(values.notna(), None)
        ]
    # In numpy's floats, text and categories of pandas NaN is the missing value.
    unsure = isinstance(values, pd.Series) and not isinstance(values.dtype, pd.ArrowDtype | pd.Float64Dtype)
    found = [text(value) for value in list(values[:ROWS])]
    return ["NaN|NA" if unsure and one == "NaN" else one for one in found]


def text(value: Any) -> str:
    """One cell."""
    if value is None or value is pd.NA or value is pd.NaT:
        return "NA"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.ndarray):
        return text(value.ravel().tolist() if value.dtype.kind != "O" else list(value.ravel()))
    if isinstance(value, list | tuple | pl.Series):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, complex | np.complexfloating):
        return f"{number(value.real)}/{number(value.imag)}"
    if isinstance(value, np.datetime64 | np.timedelta64):
        return time_text((pd.Timestamp if isinstance(value, np.datetime64) else pd.Timedelta)(value))
    if isinstance(value, float | int | np.number | decimal.Decimal):
        return number(value)
    if isinstance(value, Native | Missing):
        return f"({value.classes[0]})" if isinstance(value, Native) else "NA"
    return time_text(value)


def time_text(value: Any) -> str:
    """Times and durations in microseconds, dates in days, all else as it prints."""
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        parts = int(value.asm8.view("i8")) if value.unit == "ns" else 1000 * int(value.as_unit("us").asm8.view("i8"))
        return f"{(parts + 500) // 1000}us"
    if isinstance(value, dt.datetime):
        naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        return time_text(naive - UNTIL)
    if isinstance(value, dt.date):
        return str((value - UNTIL.date()).days)
    if isinstance(value, dt.time):
        return time_text(dt.datetime.combine(UNTIL.date(), value) - UNTIL)
    return f"{value // dt.timedelta(microseconds=1)}us" if isinstance(value, dt.timedelta) else str(value)


def number(value: Any) -> str:
    """As R's `number()` writes it."""
    if isinstance(value, int | np.integer):
        return str(int(value))
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == math.trunc(value) and abs(value) < 2**63 else f"{value:.17g}"
