"""Python's column kinds: each makes a frame, the same each time."""

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

KINDS: dict[str, Callable[[], Any]] = {}
LONG = 10_000


def series(name: str, make: Callable[[], Any], dtype: Any = None) -> None:
    """A pandas frame of one column."""
    KINDS[f"pandas: {name}"] = lambda: pd.DataFrame({"x": pd.Series(make(), dtype=dtype)})


def column(name: str, values: Any, dtype: Any) -> None:
    """A polars frame of one column."""
    KINDS[f"polars: {name}"] = lambda: pl.DataFrame({"x": pl.Series("x", values, dtype=dtype, strict=True)})


def array(name: str, values: Any, kind: pa.DataType) -> None:
    """A pyarrow table of one column."""
    KINDS[f"pyarrow: {name}"] = lambda: pa.table({"x": pa.array(values, kind)})


series("bool", lambda: [True, False], "bool")
series("boolean with NA", lambda: [True, None, False], "boolean")
for bits in (8, 16, 32, 64):
    series(f"int{bits}", lambda bits=bits: [0, 1, -(2 ** min(bits - 1, 30))], f"int{bits}")
    series(f"uint{bits}", lambda bits=bits: [0, 1, 2 ** min(bits, 53) - 1], f"uint{bits}")
    series(f"Int{bits} with NA", lambda: [1, None, -3], f"Int{bits}")
    series(f"UInt{bits} with NA", lambda: [1, None, 3], f"UInt{bits}")
series("int32 with -2^31", lambda: [1, -(2**31)], "int32")
series("int64 beyond 2^31", lambda: [1, 2**32, -(2**40)], "int64")
series("int64 beyond 2^53", lambda: [1, 2**53 + 1, -(2**63) + 1], "int64")
series("int64 with -2^63", lambda: [1, -(2**63)], "int64")
series("uint64 beyond 2^53", lambda: [1, 2**64 - 1], "uint64")
series("float16", lambda: [1.5, np.nan, 65504.0], "float16")
series("float32", lambda: [0.1, np.nan, -np.inf], "float32")
series("float64 with NaN, Inf, -0", lambda: [1.5, np.nan, np.inf, -np.inf, -0.0, 5e-324], "float64")
series("Float32 with NA", lambda: [0.1, None], "Float32")
series("Float64 with NA", lambda: [1.5, None], "Float64")
series("double[pyarrow] with NaN and null", lambda: pa.array([1.5, None, float("nan")]), pd.ArrowDtype(pa.float64()))
series("complex128", lambda: [1 - 2j, complex(np.nan, np.inf)], "complex128")
series("complex64", lambda: [1 - 2j, 0.1j], "complex64")

series("str", lambda: ["a", None, "", "ü中😀", "NA"], "str")
series("string[python]", lambda: ["a", None, ""], "string[python]")
series("string[pyarrow]", lambda: ["a", None, ""], "string[pyarrow]")
series("text with NUL", lambda: ["a", "b\0c"], "str")
series("object of text", lambda: ["a", None], object)
series("object of text with a lone surrogate", lambda: ["a", "\ud800"], object)
series("object of bytes", lambda: [b"\x00\xff", b"", None], object)
series("object of date", lambda: [dt.date(2024, 2, 29), None, dt.date(1, 1, 1)], object)
series("object of time", lambda: [dt.time(1, 2, 3, 456789), None], object)
series("object of datetime with zone", lambda: [dt.datetime(2024, 2, 29, tzinfo=dt.UTC), None], object)
series("object of timedelta", lambda: [dt.timedelta(days=-1, microseconds=1), None], object)
series("object of Decimal", lambda: [decimal.Decimal("1.10"), None, decimal.Decimal("-2.25")], object)
series("object of Decimal beyond 15 digits", lambda: [decimal.Decimal("1234567890.123456789")], object)
series("object of list", lambda: [[1, 2], [], None], object)
series("object of list of text", lambda: [["a", None], ["b"]], object)
series("object of nested list", lambda: [[[1], [2, 3]], [[]]], object)
series("object of tuple", lambda: [(1, 2), (3, 4)], object)
series("object of dict", lambda: [{"a": 1, "b": "x"}, {"a": 2, "b": None}], object)
series("object of dict with other keys", lambda: [{"a": 1}, {"b": 2}], object)
series("object of ndarray", lambda: [np.array([1.5, 2.5]), np.array([3.5])], object)
series("object of ndarray of int32", lambda: [np.array([1, 2], "int32"), np.array([3], "int32")], object)
series("object of UUID", lambda: [uuid.UUID(int=1), uuid.UUID(int=2)], object)
series("object of bool and None", lambda: [True, None], object)
series("object of int", lambda: [1, 2], object)
series("object of int beyond 64 bits", lambda: [1, 2**70], object)
series("object of int and text", lambda: [1, "a"], object)
series("object of set", lambda: [{1}, {2}], object)
series("object of None", lambda: [None, None], object)

series("category of str", lambda: pd.Categorical(["b", None, "a"], ["z", "b", "a"]))
series("category, ordered", lambda: pd.Categorical(["low", "high"], ["low", "mid", "high"], ordered=True))
series("category of int", lambda: pd.Categorical([3, 1, None], [3, 2, 1]))
series("category of date", lambda: pd.Categorical([dt.date(2024, 2, 29), dt.date(1970, 1, 1)]))
series("category of datetime64", lambda: pd.Categorical(pd.to_datetime(["2024-02-29", "1970-01-01"])))
series("category of bool", lambda: pd.Categorical([True, False, True]))
series("category of no rows", lambda: pd.Categorical([], ["b", "a"]))

STAMPS = ["2024-02-29T12:30:45", "NaT", "1969-12-31T23:59:59"]
for unit in ("s", "ms", "us", "ns"):
    series(f"datetime64[{unit}]", lambda unit=unit: np.array(STAMPS, f"datetime64[{unit}]"))
    series(
        f"datetime64[{unit}, zone]",
        lambda unit=unit: pd.Series(np.array(STAMPS, f"datetime64[{unit}]")).dt.tz_localize("Europe/Berlin"),
    )
    series(f"timedelta64[{unit}]", lambda unit=unit: np.array([9000, "NaT", -1000], f"timedelta64[{unit}]"))
series("datetime64[ns] with ns digits", lambda: np.array(["2024-02-29T12:30:45.123456789"], "datetime64[ns]"))
series("timedelta64[ns] with ns digits", lambda: np.array([1, 999], "timedelta64[ns]"))
series("datetime64[us, fixed offset]", lambda: pd.to_datetime(["2024-02-29T00:00+02:00"]).as_unit("us"))
series("datetime64[s] far from 1970", lambda: np.array(["9999-12-31", "0001-01-01"], "datetime64[s]"))
series("date32[day][pyarrow]", lambda: [dt.date(2024, 2, 29), None], pd.ArrowDtype(pa.date32()))
series("time64[us][pyarrow]", lambda: [dt.time(1, 2, 3), None], pd.ArrowDtype(pa.time64("us")))
series("decimal128[pyarrow]", lambda: [decimal.Decimal("1.10"), None], pd.ArrowDtype(pa.decimal128(10, 2)))
series("list[pyarrow]", lambda: [[1, None], None], pd.ArrowDtype(pa.list_(pa.int64())))
series("int32[pyarrow]", lambda: [1, None], pd.ArrowDtype(pa.int32()))
series("object of datetime64", lambda: [np.datetime64("2024-02-29T00:00:01", "s"), None], object)
series("object of timedelta64", lambda: [np.timedelta64(5, "s"), None], object)
series("matrices", lambda: [np.arange(4).reshape(2, 2), np.arange(4, 8).reshape(2, 2)], object)
series("Period", lambda: pd.period_range("2024-01", periods=2, freq="M"))
series("Interval", lambda: pd.interval_range(0, 2))
series("Sparse", lambda: pd.arrays.SparseArray([0, 0, 1]))

column("Boolean", [True, None], pl.Boolean)
for number_type in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64):
    column(str(number_type), [1, None, 100], number_type)
column("Int128", [1, None], pl.Int128)
column("Float32", [0.5, None, float("nan")], pl.Float32)
column("Float64", [1.5, None, float("nan"), float("inf")], pl.Float64)
column("String", ["a", None, "", "ü中😀"], pl.String)
column("Categorical", ["b", None, "a", "b"], pl.Categorical)
column("Enum", ["b", None], pl.Enum(["z", "b", "a"]))
column("Date", [dt.date(2024, 2, 29), None], pl.Date)
column("Time", [dt.time(1, 2, 3, 456789), None], pl.Time)
for time_unit in ("ms", "us", "ns"):
    column(f"Datetime({time_unit})", [dt.datetime(2024, 2, 29, 12), None], pl.Datetime(time_unit))
    column(f"Duration({time_unit})", [dt.timedelta(hours=-1), None], pl.Duration(time_unit))
column("Datetime(us, zone)", [dt.datetime(2024, 2, 29, 12), None], pl.Datetime("us", "UTC"))
column("Decimal", [decimal.Decimal("1.10"), None], pl.Decimal(10, 2))
column("Binary", [b"\x00\xff", None], pl.Binary)
column("List(Int64)", [[1, None], [], None], pl.List(pl.Int64))
column("List(String)", [["a", None], []], pl.List(pl.String))
column("Array(Int64, 2)", [[1, 2], [3, 4]], pl.Array(pl.Int64, 2))
column("Struct", [{"a": 1, "b": "x"}, {"a": None, "b": "y"}], pl.Struct({"a": pl.Int64, "b": pl.String}))
column("Null", [None, None], pl.Null)
KINDS["polars: no rows"] = lambda: pl.DataFrame(schema={"i": pl.Int16, "s": pl.String, "e": pl.Enum(["a"])})
KINDS["polars: no columns"] = lambda: pl.DataFrame()

array("bool", [True, None], pa.bool_())
array("int8", [1, None], pa.int8())
array("int64", [1, None], pa.int64())
array("float16", [1.5, None], pa.float16())
array("float64 with NaN and null", [1.5, None, float("nan")], pa.float64())
array("large_string", ["a", None], pa.large_string())
array("string_view", ["a", None], pa.string_view())
array("binary", [b"\x00", None], pa.binary())
array("fixed_size_binary", [b"abcd", None], pa.binary(4))
array("date32", [dt.date(2024, 2, 29), None], pa.date32())
array("date64", [dt.date(2024, 2, 29), None], pa.date64())
array("time32[s]", [dt.time(1, 2, 3), None], pa.time32("s"))
array("time64[ns]", [dt.time(1, 2, 3), None], pa.time64("ns"))
array("timestamp[s]", [dt.datetime(2024, 2, 29), None], pa.timestamp("s"))
array("timestamp[us, zone]", [dt.datetime(2024, 2, 29), None], pa.timestamp("us", "America/New_York"))
array("duration[ms]", [dt.timedelta(seconds=-1), None], pa.duration("ms"))
array("decimal128", [decimal.Decimal("1.10"), None], pa.decimal128(10, 2))
array("dictionary of string", ["b", None, "a"], pa.dictionary(pa.int8(), pa.string()))
array("dictionary of int64", [3, None, 1], pa.dictionary(pa.int32(), pa.int64()))
array("list of struct", [[{"a": 1}], []], pa.list_(pa.struct([("a", pa.int64())])))
array("map", [[("k", 1)], []], pa.map_(pa.string(), pa.int64()))
array("null", [None, None], pa.null())
array("decimal256", [decimal.Decimal("1.10"), None], pa.decimal256(12, 2))
array("decimal256 beyond 38 digits", [decimal.Decimal(10) ** 40, None], pa.decimal256(50, 2))
array("list_view", [[1, None], None, []], pa.list_view(pa.int64()))
array("large_list", [["a"], None], pa.large_list(pa.string()))
array("fixed_size_list", [[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2))
array("month_day_nano_interval", [(1, 2, 3), None], pa.month_day_nano_interval())
array("struct with missing rows", [{"a": 1}, None], pa.struct([("a", pa.int64())]))
array("binary_view", [b"a", None], pa.binary_view())
array("uuid", [b"0123456789abcdef", None], pa.uuid())
KINDS["pyarrow: run_end_encoded"] = lambda: pa.table(
    {"x": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None]))}
)
KINDS["pyarrow: fixed_shape_tensor"] = lambda: pa.table(
    {"x": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(8, dtype="int32").reshape(2, 2, 2))}
)
KINDS["pyarrow: names that repeat"] = lambda: pa.table([pa.array([1]), pa.array(["a"])], names=["x", "x"])

NUMBERS = {"x": [1, 2, 3]}
KINDS["frame: named index"] = lambda: pd.DataFrame(NUMBERS, index=pd.Index(["a", "b", "c"], name="key"))
KINDS["frame: unnamed index of text"] = lambda: pd.DataFrame(NUMBERS, index=["a", "b", "c"])
KINDS["frame: index of integers"] = lambda: pd.DataFrame(NUMBERS, index=[5, 7, 9])
KINDS["frame: RangeIndex with a step"] = lambda: pd.DataFrame(NUMBERS, index=pd.RangeIndex(10, 16, 2, name="n"))
KINDS["frame: index with repeated labels"] = lambda: pd.DataFrame(NUMBERS, index=["a", "a", "b"])
KINDS["frame: MultiIndex"] = lambda: pd.DataFrame(
    NUMBERS, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", None])
)
KINDS["frame: DatetimeIndex"] = lambda: pd.DataFrame(NUMBERS, index=pd.date_range("2024-01-01", periods=3, freq="D"))
KINDS["frame: CategoricalIndex"] = lambda: pd.DataFrame(NUMBERS, index=pd.CategoricalIndex(["b", "a", "b"]))
KINDS["frame: TimedeltaIndex"] = lambda: pd.DataFrame(NUMBERS, index=pd.to_timedelta([1, 2, 3], "h"))


def with_attrs() -> pd.DataFrame:
    """A frame with attributes."""
    frame = pd.DataFrame(NUMBERS)
    frame.attrs = {"source": "survey", "years": [2023, 2024]}
    return frame


KINDS["frame: attrs"] = with_attrs
KINDS["frame: labels that repeat"] = lambda: pd.DataFrame([[1, "a"], [2, "b"]], columns=["x", "x"])
KINDS["frame: labels of integers"] = lambda: pd.DataFrame([[1, "a"], [2, "b"]])
KINDS["frame: labels of mixed types"] = lambda: pd.DataFrame([[1, "a"]], columns=[1, "b"])
KINDS["frame: label that is empty"] = lambda: pd.DataFrame({"": [1]})
KINDS["frame: labels of two levels"] = lambda: pd.DataFrame(
    [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "u"), ("a", "v")])
)
KINDS["frame: zero rows"] = lambda: pd.DataFrame(
    {"i": pd.Series([], dtype="int16"), "s": pd.Series([], dtype="str"), "t": pd.Series([], dtype="datetime64[s]")}
)
KINDS["frame: zero columns"] = lambda: pd.DataFrame(index=range(3))
KINDS["frame: zero rows and columns"] = lambda: pd.DataFrame()
series("10,000 integers", lambda: range(LONG), "int64")
series("10,000 texts with missing", lambda: [f"row {n}" if n % 7 else None for n in range(LONG)], "str")
series("10,000 times", lambda: pd.date_range("2024-01-01", periods=LONG, freq="min", unit="us"))
series("10,000 categories", lambda: pd.Categorical([f"level {n % 100}" for n in range(LONG)]))
