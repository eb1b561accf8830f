"""Frames: the class handed in is the class handed back, and the file stays within the wire profile."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.columns import read_table
from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json

from tests.py_client.conftest import Road

WIDE = pd.DataFrame(
    {
        "a": [1, 2, 3],
        "b": [1.5, None, math.inf],
        "s": ["x", None, "z"],
        "c": pd.Categorical(["u", "v", "u"], ["v", "u"], ordered=True),
        "t": pd.date_range("2024", periods=3, tz="UTC"),
        "z": [1 + 1j, 2, 3],
        "i8": np.array([1, 2, 3], dtype="int8"),
        "ni": pd.array([1, None, 2], dtype="Int16"),
        "l": [[1], [2, 3], None],
        "d": [dt.date(2024, 1, 1)] * 3,
        "k": pd.Categorical([3, 1, 3]),
    }
)

PANDAS: dict[str, Any] = {
    "wide": WIDE,
    "index": WIDE.set_index("a"),
    "two levels": WIDE.set_index(["a", "s"]),
    "filtered": WIDE.iloc[1:],
    "text index": pd.DataFrame({"x": [1, 2]}, index=pd.Index(["p", "q"], name="x")),
    "no rows": WIDE.iloc[:0],
    "no columns": WIDE[[]],
    "number labels": pd.DataFrame(np.ones((2, 2))),
    "double labels": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "label levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["p", "q"])),
    "extensions": pd.DataFrame({"p": pd.period_range("2024-01", periods=2, freq="M"), "i": pd.interval_range(0, 2)}),
}


@pytest.mark.parametrize("name", sorted(PANDAS))
def test_pandas_frames_return_as_they_were(road: Road, name: str) -> None:
    node = road.node(PANDAS[name])
    assert (node["kind"], node["descriptor"]["class"], node["rows"]) == ("frame", "pandas", len(PANDAS[name]))
    pd.testing.assert_frame_equal(road.decode(node), PANDAS[name])


def test_polars_frames_return_as_they_were(road: Road) -> None:
    value = pl.DataFrame(
        {
            "a": [1, 2],
            "s": ["x", None],
            "e": pl.Series(["u", "v"], dtype=pl.Enum(["v", "u"])),
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
            "l": [["a"], ["b", "c"]],
            "t": [dt.time(1), None],
            "st": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
            "dec": [Decimal("1.5"), None],
            "bin": [b"x", None],
            "u": pl.Series([1, 2], dtype=pl.UInt8),
        }
    )
    for frame in (value, value[:0]):
        back = road.there_and_back(frame)
        assert back.schema == frame.schema
        assert back.equals(frame)


def test_arrow_tables_return_as_they_were(road: Road) -> None:
    value = pa.table(
        {
            "i": pa.array([1, 2], pa.int8()),
            "h": pa.array([1, 2], pa.float16()),
            "sv": pa.array(["a", None], pa.string_view()),
            "t": pa.array([1, 2], pa.time32("s")),
            "b": pa.array([b"ab", b"cd"], pa.binary(2)),
            "d": pa.array([dt.date(2024, 1, 1)] * 2, pa.date64()),
            "l": pa.array([["a"], ["b"]], pa.list_(pa.string_view())),
            "x": pa.array([5, 6]).dictionary_encode(),
            "r": pa.array([5, 5]).dictionary_encode().dictionary_decode(),
        }
    )
    assert road.there_and_back(value).equals(value)


def table_of(road: Road, node: Json) -> pa.Table:
    return read_table(road.source.path(node["object"]))


@pytest.mark.parametrize("made", [pa.ListViewArray, pa.LargeListViewArray])
def test_lists_whose_rows_stand_in_any_order_return_as_such(road: Road, made: Any) -> None:
    width = pa.int32() if made is pa.ListViewArray else pa.int64()
    values = pa.array([1, None, 3, 4], pa.int16())
    offsets, sizes = pa.array([2, 0, 0, 1], width), pa.array([2, 0, 1, 2], width)
    lists = made.from_arrays(offsets, sizes, values, mask=pa.array([False, True, False, False]))
    table = pa.table({"x": lists})
    back = road.there_and_back(table)
    assert back.schema == table.schema
    assert back.column("x").to_pylist() == [[3, 4], None, [1], [None, 3]]
    back.validate(full=True)


@pytest.mark.parametrize(
    "cells",
    [
        [np.datetime64("2024-02-29T00:00:01", "s"), None],
        [np.timedelta64(5, "ms"), pd.NaT],
        [np.int8(3), pd.NA],
        [np.float32(0.5), np.float32("nan")],
        [np.bool_(True), None],
        [np.uint64(2**63)],
    ],
)
def test_scalars_of_numpy_return_as_such(road: Road, cells: list[Any]) -> None:
    back = road.there_and_back(pd.DataFrame({"x": pd.Series(cells, dtype=object)}))["x"].tolist()
    assert list(map(type, back)) == list(map(type, cells))
    assert list(map(repr, back)) == list(map(repr, cells))


def test_the_file_has_no_type_that_the_other_side_cannot_read(road: Road) -> None:
    views = pl.DataFrame({"s": ["a"], "e": pl.Series(["u"], dtype=pl.Enum(["u"]))})
    node = road.node(views)
    assert [column["type"] for column in node["columns"]] == [
        "large_string",
        "dictionary<values=string, indices=int32, ordered=1>",
    ]
    extended = table_of(road, road.node(PANDAS["extensions"]))
    assert not any(isinstance(field.type, pa.BaseExtensionType) for field in extended.schema)
    assert list(extended.schema.metadata) == [b"landbridge"]
    assert json.loads(extended.schema.metadata[b"landbridge"])["class"] == "pandas"


def test_levels_survive_where_there_are_no_rows(road: Road) -> None:
    node = road.node(WIDE[["c"]].iloc[:0])
    column = table_of(road, node).column("c")
    assert column.chunk(0).dictionary.to_pylist() == ["v", "u"]


def test_names_on_the_wire_are_distinct_text(road: Road) -> None:
    node = road.node(PANDAS["double labels"])
    assert [column["name"] for column in node["columns"]] == ["c1", "c2"]
    assert node["descriptor"]["names"] == ["a", "a"]
    assert road.node(WIDE.set_index("a"))["descriptor"]["row_names"] == "a"
    assert road.node(WIDE)["descriptor"]["row_names"] == "automatic"


def test_the_preview_is_ten_rows_of_short_text(road: Road) -> None:
    long = pd.DataFrame({"s": ["x" * 100] * 20, "b": [True, None] * 10, "n": [1.5] * 20})
    preview = road.node(long)["preview"]
    assert len(preview) == 10
    assert preview[0] == ["x" * 77 + "...", "true", "1.5"]
    assert preview[1][1] is None
    wide = pd.DataFrame(np.zeros((2, 60)))
    assert [len(row) for row in road.node(wide)["preview"]] == [50, 50]
    moment = road.node(pd.DataFrame({"t": pd.to_datetime(["2024-01-01 10:00"], utc=True)}))["preview"]
    assert moment == [["2024-01-01 10:00:00Z"]]


def test_a_column_without_a_type_is_refused_by_its_name(road: Road) -> None:
    with pytest.raises(ValueCannotCross, match=r'^`x\["m"\]` cannot cross: a column of object has no exact Arrow type'):
        road.node(pd.DataFrame({"ok": [1, 2], "m": [1, "a"]}))
    with pytest.raises(ValueCannotCross, match=r'^`x\["m"\]` cannot cross: a column of the type map'):
        road.node(pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}))
    finer = pa.table({"t": pa.array([1000, None, 1, 0], pa.time64("ns"))})
    with pytest.raises(
        ValueCannotCross, match=r'^`x\["t"\]` cannot cross: its time64\[ns\] does not fit.*row 3'
    ) as caught:
        road.node(finer)
    assert (caught.value.detail["column"], caught.value.detail["row"]) == ("t", 3)


def frame_of_r(road: Road, columns: dict[str, pa.Array], /, **descriptor: Any) -> Json:
    node = road.node(pa.table(columns))
    names = [name for name in columns if name != "__row_names__"]
    made = {"class": "tbl_df", "names": names, "columns": {}, "row_names": "automatic", "rows": node["rows"]}
    return node | {"descriptor": made | descriptor}


def test_a_frame_of_r_is_pandas_with_missing_values_told_apart(road: Road) -> None:
    node = frame_of_r(
        road,
        {
            "i": pa.array([1, None], pa.int32()),
            "l": pa.array([True, None]),
            "x": pa.array([math.nan, None]),
            "y": pa.array([1.5, None]),
            "s": pa.array(["a", None]),
            "f": pa.array(["u", None]).dictionary_encode(),
        },
    )
    back = road.decode(node)
    assert [str(dtype) for dtype in back.dtypes] == [
        "Int32",
        "boolean",
        "double[pyarrow]",
        "float64",
        "str",
        "category",
    ]
    assert back["x"].isna().tolist() == [False, True] or math.isnan(back["x"][0])
    assert back.index.equals(pd.RangeIndex(2))


def test_row_names_of_r_are_the_index(road: Road) -> None:
    columns = {"x": pa.array([1, 2]), "__row_names__": pa.array(["Mazda", "Fiat"])}
    back = road.decode(frame_of_r(road, columns, row_names="__row_names__"))
    assert (back.index.tolist(), back.columns.tolist()) == (["Mazda", "Fiat"], ["x"])


def test_a_frame_that_returns_to_r_takes_its_tags_home(road: Road) -> None:
    tags = {"d": {"tag": {"type": "date", "storage": "integer"}}, "x": {"tag": {"type": "duration", "units": "mins"}}}
    columns = {"d": pa.array([dt.date(2024, 1, 1)]), "x": pa.array([60], pa.duration("us")), "n": pa.array([math.nan])}
    back = road.decode(frame_of_r(road, columns, columns=tags))
    home = road.node(back)
    assert home["descriptor"]["columns"] == tags
    assert table_of(road, home).column("n").null_count == 0
    changed = road.node(back.assign(x=[1.5]))
    assert list(changed["descriptor"]["columns"]) == ["d"]


def test_the_file_is_mapped_and_whole(road: Road, tmp_path: Path) -> None:
    many = pa.table(
        {"x": pa.chunked_array([[1, 2], [3]]), "f": pa.chunked_array([["a"], ["b", "a"]]).dictionary_encode()}
    )
    assert road.there_and_back(many).to_pylist() == many.to_pylist()
