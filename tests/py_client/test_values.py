"""Every value of the contract, there and back, each node checked by the schema."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from landbridge import Missing, NamedList, Native, as_file
from landbridge.errors import ValueCannotCross

from tests.py_client.conftest import Road

MOMENT = dt.datetime(2024, 3, 31, 1, 30, 5, 123)
BERLIN = ZoneInfo("Europe/Berlin")

SCALARS: list[tuple[Any, str]] = [
    *[(True, "bool"), (3, "int"), (2**60, "int"), (-(2**70), "int"), (1.5, "float"), (math.inf, "float")],
    *[(0.1 + 0.2, "float"), (-0.0, "float"), ("é\nx", "str"), ("", "str"), (b"\x00ab", "bytes"), (1 - 2j, "complex")],
    *[(dt.date(1, 1, 1), "date"), (dt.time(23, 59, 59, 999999), "time"), (MOMENT, "datetime")],
    *[(MOMENT.replace(tzinfo=dt.UTC), "datetime"), (MOMENT.replace(tzinfo=BERLIN), "datetime")],
    (MOMENT.replace(tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))), "datetime"),
    *[(dt.timedelta(days=-1, microseconds=5), "duration"), (Decimal("1.10"), "decimal"), (Missing("int"), "int")],
    *[(Missing("datetime"), "datetime"), (np.int8(-3), "int"), (np.float32(1.5), "float"), (np.bool_(True), "bool")],
    *[(np.str_("a"), "str"), (np.datetime64("2024-01-01T00:00:00.000000001"), "datetime"), (np.uint64(2**63), "int")],
    *[(np.timedelta64(5, "ms"), "duration"), (np.datetime64("2024-01-01"), "date"), (np.complex64(1j), "complex")],
    *[(pd.Timestamp("2024-01-01T00:00:00.000000001"), "datetime"), (pd.Timedelta("1ns"), "duration")],
    (pd.Timestamp("2024-06-01", tz="Europe/Berlin"), "datetime"),
]


@pytest.mark.parametrize(("value", "kind"), SCALARS, ids=[repr(value) for value, _ in SCALARS])
def test_a_scalar_returns_with_its_type(road: Road, value: Any, kind: str) -> None:
    node = road.node(value)
    assert (node["kind"], node["type"]) == ("scalar", kind)
    back = road.decode(node)
    assert type(back) is type(value)
    assert back == value
    assert str(back) == str(value)


def test_numbers_that_json_has_no_word_for_travel_as_text(road: Road) -> None:
    assert road.node(2**53)["value"] == 2**53
    assert road.node(2**53 + 1)["value"] == str(2**53 + 1)
    assert road.node(math.nan)["value"] == "NaN"
    assert road.node(-math.inf)["value"] == "-Infinity"
    assert math.isnan(road.there_and_back(math.nan))
    assert math.isnan(road.there_and_back(complex(1, math.nan)).imag)


def test_moments_count_microseconds_of_instant_or_wall_clock(road: Road) -> None:
    naive, aware = road.node(dt.datetime(1970, 1, 1, 1)), road.node(dt.datetime(1970, 1, 1, 1, tzinfo=BERLIN))
    assert (naive["value"], naive["tz"]) == (3_600_000_000, None)
    assert (aware["value"], aware["tz"]) == (0, "Europe/Berlin")


def test_nothing_and_what_pandas_calls_nothing(road: Road) -> None:
    assert road.node(None) == {"kind": "null"}
    assert road.there_and_back(None) is None
    assert road.there_and_back(pd.NaT) is pd.NaT
    assert road.there_and_back(pd.NA) is pd.NA
    assert np.isnat(road.there_and_back(np.datetime64("NaT", "ns")))


def test_a_missing_scalar_of_r_keeps_its_tags(road: Road) -> None:
    node = {"kind": "scalar", "type": "date", "na": True, "tags": {"storage": "integer"}}
    missing = road.decode(node)
    assert missing == Missing("date")
    assert road.node(missing) == node
    with pytest.raises(ValueError, match="'text' is not a type"):
        Missing("text")


LISTS: list[tuple[list[Any], str]] = [
    *[([1, 2], "vector"), ([1.0, math.inf], "vector"), (["a", "é"], "vector"), ([True], "vector")],
    *[([b"x"], "vector"), ([MOMENT, MOMENT], "vector"), ([MOMENT.replace(tzinfo=BERLIN)], "vector")],
    *[([dt.date(2024, 1, 1)], "vector"), ([dt.time(1)], "vector"), ([dt.timedelta(1)], "vector")],
    *[([Decimal("1.5")], "vector"), ([1j], "vector"), ([2**70, 1], "vector"), ([Missing("int"), 2], "vector")],
    *[
        ([], "list"),
        ([1, "a"], "list"),
        ([None, 1], "list"),
        ([True, 1], "list"),
        ([1, 1.5], "list"),
        ([[1], []], "list"),
    ],
    ([MOMENT, MOMENT.replace(tzinfo=BERLIN)], "list"),
]


@pytest.mark.parametrize(("value", "kind"), LISTS, ids=[repr(value) for value, _ in LISTS])
def test_a_list_of_one_type_is_a_vector(road: Road, value: list[Any], kind: str) -> None:
    node = road.node(value)
    assert node["kind"] == kind
    back = road.decode(node)
    assert back == value
    assert [type(item) for item in back] == [type(item) for item in value]


@pytest.mark.parametrize("value", [value for value, kind in LISTS if kind == "vector"], ids=repr)
def test_above_a_thousand_elements_an_arrow_file_carries_them(road: Road, value: list[Any]) -> None:
    long = value * 1001
    node = road.node(long)
    assert "values" not in node
    assert node["object"].endswith(".arrow")
    assert road.decode(node) == long


def test_exactly_a_thousand_elements_stay_in_the_node(road: Road) -> None:
    assert len(road.node([1] * 1000)["values"]) == 1000
    assert "object" in road.node([1] * 1001)


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    labels: list[str]


CONTAINERS: list[tuple[Any, str]] = [
    ((1, "a"), "tuple"),
    ({"a": 1, "b": [1, {"c": None}]}, "dict"),
    ({}, "dict"),
    (NamedList([("a", 1), ("a", 2), (None, 3)]), "named list"),
    (Point(1, ["a"]), "dataclass"),
]


@pytest.mark.parametrize(("value", "shape"), CONTAINERS, ids=[repr(value) for value, _ in CONTAINERS])
def test_containers_keep_their_shape(road: Road, value: Any, shape: str) -> None:
    node = road.node(value)
    assert (node["kind"], node["shape"]) == ("list", shape)
    back = road.decode(node)
    assert type(back) is type(value)
    assert back == value


def test_a_dataclass_that_is_not_here_keeps_its_fields(road: Road) -> None:
    node = road.node(Point(1, ["a"])) | {"class": "no_such_module.Point"}
    back = road.decode(node, trust=False)
    assert (type(back).__name__, back.x, back.labels) == ("Point", 1, ["a"])


def test_named_lists_of_r_become_dicts_where_keys_are_distinct(road: Road) -> None:
    def named(*keys: str | None) -> Any:
        return road.decode({"kind": "list", "shape": "named list", "items": [[key, {"kind": "null"}] for key in keys]})

    assert named("a", "b") == {"a": None, "b": None}
    assert isinstance(named("a", "a"), NamedList)
    assert named("a", None).keys() == ["a", None]
    assert isinstance(named("a", ""), NamedList)
    with pytest.raises(KeyError):
        named("a", "a").first("b")


def test_native_objects_are_handles_until_they_are_trusted(road: Road) -> None:
    value = {1: {"a", "b"}}
    node = road.node(value)
    assert (node["kind"], node["codec"], node["class"]) == ("native", "pickle", ["dict"])
    assert road.decode(node) == value
    handle = road.decode(node, trust=False)
    assert isinstance(handle, Native)
    assert (handle.language, handle.classes, handle.summary) == ("python", ("dict",), repr(value))
    assert road.node(handle) == node


def test_a_long_repr_is_cut(road: Road) -> None:
    assert len(road.node(set(range(1000)))["summary"]["text"]) == 500


def test_objects_of_r_stay_handles(road: Road) -> None:
    node = {"kind": "native", "object": "obj_0123456789abcdef", "language": "r", "codec": "rds", "class": ["lm"]}
    assert isinstance(road.decode(node, trust=True), Native)


def test_files_arrive_under_their_own_name(road: Road, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("<p>")
    node = road.node(path)
    assert (node["name"], node["media_type"], node["size"]) == ("report.html", "text/html", 3)
    back = road.decode(node)
    assert (back.name, back.read_text()) == ("report.html", "<p>")
    assert road.node(as_file(path, "other.bin"))["name"] == "other.bin"
    assert road.decode(node | {"name": "../../x"}).name == ".._.._x"


def refused(road: Road, value: Any) -> str:
    with pytest.raises(ValueCannotCross) as caught:
        road.node(value, "x")
    return caught.value.message


def test_what_cannot_cross_is_named_by_its_path(road: Road, tmp_path: Path) -> None:
    lock = threading.Lock()
    assert refused(road, {"a": [1, lock]}).startswith('`x["a"][1]` cannot cross: it is of the type `_thread.lock`')
    assert refused(road, (item for item in ())).startswith("`x` cannot cross: it is of the type `generator`")
    assert refused(road, [print]) == "`x[0]` cannot cross: it is the function `print`."
    assert refused(road, Point(1, [Road])) == "`x.labels[0]` cannot cross: it is the class `Road`."  # type: ignore[list-item]
    assert refused(road, ["a", "\ud800"]) == "`x` cannot cross: its text is not valid Unicode."
    assert refused(road, tmp_path / "none") == f"`x` cannot cross: there is no file `{tmp_path / 'none'}`."
    endless: list[Any] = []
    endless.append(endless)
    assert "nested deeper" in refused(road, endless)
