"""A table that goes to R and back is what it was; one of R that goes through Python takes its tags home."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.arrow_types import type_of_text
from landbridge.hints import cast_back
from landbridge.objects import Crossing

from tests.py_client.conftest import Road, Workshop
from tests.py_client.through_r import through_r

MOMENTS = ["2024-01-01 10:00:00.123456", "1969-12-31 23:59:59.999999", None]
PANDAS: dict[str, Any] = {
    **{f"int{width}": np.array([-1, 0, 100], dtype=f"int{width}") for width in (8, 16, 32, 64)},
    **{f"uint{width}": np.array([1, 0, 100], dtype=f"uint{width}") for width in (8, 16, 32, 64)},
    **{f"Int{width}": pd.array([1, None, 3], dtype=f"Int{width}") for width in (8, 16, 32, 64)},
    **{f"UInt{width}": pd.array([1, None, 3], dtype=f"UInt{width}") for width in (8, 16, 32, 64)},
    "int64 as double": np.array([2**40, -(2**52), 0]),
    "int64 beyond 2^53": np.array([2**60 + 1, -(2**62), 0]),
    "Int64 as double": pd.array([2**40, None, 1], dtype="Int64"),
    "uint64 as double": np.array([2**40, 2**53, 0], dtype="uint64"),
    "float16": np.array([1.5, math.nan, math.inf], dtype="float16"),
    "float32": np.array([1.1, math.nan, -math.inf], dtype="float32"),
    "float64": np.array([0.1, math.nan, -0.0]),
    "Float32": pd.array([1.5, None, 0], dtype="Float32"),
    "Float64": pd.array([1.5, None, 0], dtype="Float64"),
    "bool": [True, False, True],
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "str": ["a", "ä€🎉", ""],
    "str missing": ["a", None, ""],
    "string": pd.array(["a", None, "c"], dtype="string"),
    "object text": pd.Series(["a", None, "c"], dtype=object),
    "category": pd.Categorical(["u", None, "v"], ["w", "v", "u"]),
    "ordered": pd.Categorical(["u", None, "v"], ["w", "v", "u"], ordered=True),
    "category of numbers": pd.Categorical([3, 1, 3], [3, 2, 1]),
    "category of dates": pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"])),
    **{f"naive {unit}": pd.to_datetime(MOMENTS).as_unit(unit) for unit in ("s", "ms", "us")},
    **{
        f"zoned {unit}": pd.to_datetime(MOMENTS, utc=True).tz_convert("Europe/Berlin").as_unit(unit)
        for unit in ("s", "ms", "us")
    },
    "nanoseconds": pd.to_datetime(MOMENTS).as_unit("ns"),
    **{f"duration {unit}": pd.to_timedelta(["1 days", "-2s", None]).as_unit(unit) for unit in ("s", "ms", "us", "ns")},
    "dates": [dt.date(2024, 1, 1), None, dt.date(1, 1, 1)],
    "times": [dt.time(1, 2, 3, 4), None, dt.time(0)],
    "decimals": [Decimal("1.25"), None, Decimal("-1234567890.12345")],
    "complex": [1 + 2j, 3, 4],
    "lists": [[1, 2], None, []],
    "lists of text": [["a"], [], None],
    "lists of floats": [[1.5], [], None],
    "tuples": [(1, 2), (3,), ()],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}],
    "bytes": [b"a", None, b""],
    "nothing": pd.Series([None, None, None], dtype=object),
    "period": pd.period_range("2024-01", periods=3, freq="M"),
    "interval": pd.interval_range(0, 3),
    "arrow": pd.array([1, None, 3], dtype="int16[pyarrow]"),
    "arrow text": pd.array(["a", None, "b"], dtype="string[pyarrow]"),
}


@pytest.mark.parametrize("name", sorted(PANDAS))
def test_a_pandas_column_is_the_same_after_r(road: Road, name: str) -> None:
    frame = pd.DataFrame({"x": PANDAS[name], "y": [1, 2, 3]})
    pd.testing.assert_frame_equal(road.decode(through_r(road, road.node(frame))), frame)
    empty = frame.iloc[:0]
    if name not in (
        "tuples",
        "lists",
        "lists of text",
        "lists of floats",
        "dicts",
        "dates",
        "times",
        "decimals",
        "bytes",
    ):
        pd.testing.assert_frame_equal(road.decode(through_r(road, road.node(empty))), empty, check_freq=False)


BASE = pd.DataFrame({"a": [1, 2, 3], "b": pd.array([1, None, 3], dtype="Int16"), "s": ["x", "y", "z"]})
SHAPES: dict[str, pd.DataFrame] = {
    "text index": BASE.set_index("s"),
    "number index": BASE.set_index("a"),
    "filtered": BASE.iloc[1:],
    "from one": BASE.set_axis([1, 2, 3]),
    "range from one": BASE.set_axis(pd.RangeIndex(1, 4)),
    "step": BASE.set_axis(range(0, 6, 2)),
    "two levels": BASE.set_index(["a", "s"]),
    "dates": BASE.set_index(pd.date_range("2024", periods=3, name="d")),
    "number labels": pd.DataFrame(np.ones((2, 2))),
    "number labels and two levels": pd.DataFrame(np.ones((2, 2)), index=[["a", "b"], [1, 2]]),
    "double labels": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "label levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", "q"])),
    "label name": BASE.rename_axis(columns="kind"),
    "no rows": BASE.iloc[:0],
    "no columns": BASE[[]],
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_index_and_labels_are_the_same_after_r(road: Road, name: str) -> None:
    pd.testing.assert_frame_equal(road.decode(through_r(road, road.node(SHAPES[name]))), SHAPES[name])


def test_attributes_of_pandas_return(road: Road) -> None:
    frame = BASE.copy()
    frame.attrs = {"unit": "km", "n": [1, 2]}
    assert road.decode(through_r(road, road.node(frame))).attrs == frame.attrs


def test_attributes_of_r_are_shown_and_go_home(road: Road) -> None:
    node = road.node(pa.table({"x": [1.5]}))
    value = {"kind": "vector", "type": "str", "n": 2, "values": ["km", "h"]}
    attributes = [{"name": "units", "class": None, "value": value}]
    made = {"class": "tbl_df", "names": ["x"], "columns": {}, "row_names": "automatic", "rows": 1}
    back = road.decode(node | {"descriptor": made | {"attributes": attributes}})
    assert back.attrs["r"] == {"units": ["km", "h"]}
    home = road.node(pd.concat([back, back]))
    assert home["descriptor"]["attributes"] == attributes


POLARS = pl.DataFrame(
    {
        **{
            f"{kind}": pl.Series([1, None, 3], dtype=kind)
            for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt64)
        },
        "f32": pl.Series([1.5, None, math.inf], dtype=pl.Float32),
        "s": ["a", None, "c"],
        "e": pl.Series(["u", None, "v"], dtype=pl.Enum(["v", "u"])),
        "c": pl.Series(["u", None, "v"], dtype=pl.Categorical),
        "l": [[1], None, []],
        "t": [dt.time(1), None, dt.time(2)],
        "d": [dt.date(2024, 1, 1), None, dt.date(2024, 1, 2)],
        "ms": pl.Series([dt.datetime(2024, 1, 1), None, None], dtype=pl.Datetime("ms")),
        "z": pl.Series([dt.datetime(2024, 1, 1), None, None], dtype=pl.Datetime("us", "Asia/Tokyo")),
        "du": pl.Series([dt.timedelta(1), None, None], dtype=pl.Duration("ms")),
        "st": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}],
        "bin": [b"x", None, b""],
        "dec": pl.Series([Decimal("1.5"), None, Decimal("2.5")], dtype=pl.Decimal(10, 2)),
        "nul": pl.Series([None, None, None], dtype=pl.Null),
    }
)


@pytest.mark.parametrize("rows", [3, 0])
def test_polars_is_polars_after_r(road: Road, rows: int) -> None:
    frame = POLARS.head(rows)
    back = road.decode(through_r(road, road.node(frame)))
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_an_arrow_table_is_one_after_r(road: Road) -> None:
    table = pa.table(
        {
            "i": pa.array([1, 2], pa.int8()),
            "h": pa.array([1.5, 2], pa.float16()),
            "sv": pa.array(["a", None], pa.string_view()),
            "t": pa.array([1, 2], pa.time32("s")),
            "b": pa.array([b"ab", b"cd"], pa.binary(2)),
            "d": pa.array([dt.date(2024, 1, 1)] * 2, pa.date64()),
            "l": pa.array([["a"], ["b"]], pa.large_list(pa.large_string())),
            "x": pa.array([5, 6]).dictionary_encode(),
            "n": pa.nulls(2),
        }
    )
    assert road.decode(through_r(road, road.node(table))).equals(table)


def test_columns_that_r_changed_stay_changed(road: Road) -> None:
    sent = road.node(pd.DataFrame({"x": np.array([1, 2], dtype="int64"), "t": pd.to_datetime(["2024", "2025"])}))
    changed = pa.table({"x": [0.5, 1.0], "t": ["a", "b"], "new": pa.array([1, None], pa.int32())})
    columns = [{"name": field.name, "type": str(field.type)} for field in changed.schema]
    node = through_r(road, sent)
    node["descriptor"]["names"] = changed.column_names
    node |= {"object": road.node(changed)["object"], "columns": columns}
    back = road.decode(node)
    assert [str(dtype) for dtype in back.dtypes] == ["float64", "str", "Int32"]


def test_a_part_of_a_frame_keeps_its_types(road: Road) -> None:
    sent = road.node(pd.DataFrame({"x": np.array([1, 2], dtype="int8"), "y": [1.5, 2]}, index=["p", "q"]))
    node = through_r(road, sent)
    part = pa.table({"x": pa.array([2], pa.int32()), "__row_names__": ["q"]})
    node |= {"object": road.node(part)["object"], "rows": 1, "columns": [node["columns"][0], node["columns"][2]]}
    node["descriptor"] |= {"names": ["x"], "rows": 1}
    expected = pd.DataFrame({"x": np.array([2], dtype="int8")}, index=["q"])
    pd.testing.assert_frame_equal(road.decode(node), expected)


def test_hints_of_another_language_are_ignored(road: Road) -> None:
    road.sink.crossing = Crossing(given=[r_frame({"a": "int32"}, {})])
    node = road.node(BASE)
    assert node["descriptor"]["hint"]["class"] == "tbl_df"
    pd.testing.assert_frame_equal(road.decode(node), BASE)


def r_frame(columns: dict[str, str], tags: dict[str, Any], kind: str = "tbl_df") -> dict[str, Any]:
    entries = [{"name": name, "type": text} for name, text in columns.items()]
    return {"kind": "frame", "columns": entries, "descriptor": {"class": kind, "columns": tags}}


def test_what_the_frames_of_r_agree_on_is_the_hint(road: Road) -> None:
    tag = {"tag": {"type": "duration", "units": "mins"}}
    first = r_frame({"a": "duration[us]", "b": "int32"}, {"a": tag})
    second = r_frame({"a": "duration[us]", "b": "double"}, {"a": tag}, "data.frame")
    road.sink.crossing = Crossing(given=[first, second])
    hint = road.node(BASE)["descriptor"]["hint"]
    assert hint == {"class": None, "columns": {"a": {"type": "duration[us]", **tag}}, "library": {}}


def test_a_job_remembers_the_frames_of_r(workshop: Workshop) -> None:
    node = workshop.node(pa.table({"d": pa.array([60], pa.duration("us")), "n": [1]}))
    tags = {"d": {"tag": {"type": "duration", "units": "mins"}}}
    node["descriptor"] = {
        "class": "data.frame",
        "names": ["d", "n"],
        "columns": tags,
        "row_names": "automatic",
        "rows": 1,
    }
    text = "def f(x):\n    return {'again': x['df'].assign(n=2), 'other': x['df'][['n']]}\n"
    function = {"type": "source", "name": "f", "text": text, "file": "a.py", "line": 1}
    given = {"kind": "list", "shape": "named list", "items": [["df", node]]}
    items = dict(workshop.run(function, ("x", given)).result["items"])
    hint = items["again"]["descriptor"]["hint"]
    assert (hint["class"], hint["columns"]["d"]) == ("data.frame", {"type": "duration[us]", **tags["d"]})
    assert list(items["other"]["descriptor"]["hint"]["columns"]) == ["n"]


TYPES = [
    *(pa.int8(), pa.uint64(), pa.float32(), pa.large_string(), pa.timestamp("us"), pa.timestamp("ns", "Europe/Berlin")),
    *(pa.duration("s"), pa.time64("us"), pa.decimal128(10, 2), pa.dictionary(pa.int32(), pa.string(), True)),
    *(pa.list_(pa.list_(pa.int8())), pa.list_(pa.float64(), 3), pa.large_list(pa.string()), pa.null(), pa.binary()),
    pa.struct([("a", pa.int32()), ("b", pa.list_(pa.struct([("c", pa.decimal128(5, 1))])))]),
    pa.struct([pa.field("a", pa.int32(), nullable=False)]),
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_types_are_read_from_their_text(kind: pa.DataType) -> None:
    assert type_of_text(str(kind)) == kind


def test_dictionaries_are_read_as_r_prints_them() -> None:
    for flag, ordered in (("", False), (", ordered", True), (", ordered=0", False), (", ordered=1", True)):
        kind = type_of_text(f"dictionary<values=string, indices=int32{flag}>")
        assert kind == pa.dictionary(pa.int32(), pa.string(), ordered)


def test_a_column_without_values_takes_the_type_of_the_hint() -> None:
    for empty in (pa.nulls(2, pa.bool_()), pa.nulls(2, pa.list_(pa.bool_())), pa.nulls(0, pa.list_(pa.bool_()))):
        made = cast_back(pa.chunked_array([empty]), {"type": "binary"})
        assert made is not None
        assert (made.type, made.null_count) == (pa.binary(), len(empty))


@pytest.mark.parametrize(
    "text", ["", "map<string, int64>", "list<>", "struct<a: what>", "extension<x>", "timestamp[h]"]
)
def test_other_texts_are_no_types(text: str) -> None:
    assert type_of_text(text) is None
