"""numpy and pandas one-dimensional values, arrays, and what R's vectors become."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from landbridge import Missing

from tests.py_client.conftest import Road


def arrays(n: int) -> dict[str, Any]:
    count = np.arange(n)
    dtypes = ("int8", "uint8", "int64", "uint64", "float16", "float32", "float64", "complex64", "complex128", ">i4")
    found: dict[str, Any] = {name: count.astype(name) for name in dtypes}
    times = ("M8[D]", "M8[h]", "M8[s]", "M8[us]", "M8[ns]", "m8[ms]", "m8[ns]")
    found |= {name: count.astype(name) for name in times}
    return found | {
        "bool": count > 1,
        "huge": count.astype("uint64") + 2**63,
        "nan": np.array([math.nan, math.inf, -math.inf] * n),
        "text": np.array(["a", "bé", ""] * n),
        "bytes": np.array([b"a", b"bc"] * n),
        "objects": np.array(["a", "bc"] * n, dtype=object),
        "times": np.array([dt.time(1)] * n, dtype=object),
        "objects, some missing": np.array([None, "a", "bc"] * n, dtype=object),
        "numbers, some missing": np.array([1.5, None, math.inf] * n, dtype=object),
        "integers beyond 64 bits": np.array([2**70, 1] * n, dtype=object),
        "matrix of objects": np.array([["a", None], ["bc", "d"]] * n, dtype=object),
        "nat": np.array(["NaT", "2024-01-01"] * n, dtype="M8[ns]"),
        "matrix": np.arange(n * 2.0).reshape(2, n),
        "by column": np.asfortranarray(np.arange(n * 6).reshape(2, 3, n)),
        "strided": np.arange(n * 4)[::2],
    }


@pytest.mark.parametrize("n", [3, 1500])
@pytest.mark.parametrize("name", sorted(arrays(1)))
def test_numpy_arrays_return_as_they_were(road: Road, name: str, n: int) -> None:
    value = arrays(n)[name]
    node = road.node(value)
    assert node["kind"] == ("vector" if value.ndim == 1 else "array")
    back = road.decode(node)
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(back, value)


def test_the_order_of_an_array_is_told(road: Road) -> None:
    assert road.node(np.zeros((2, 2)))["order"] == "C"
    node = road.node(np.asfortranarray([[1, 2], [3, 4]]))
    assert (node["order"], node["values"]) == ("F", [1, 3, 2, 4])


def test_masks_and_single_numbers_of_arrays(road: Road) -> None:
    back = road.there_and_back(np.ma.MaskedArray([1, 2], [True, False]))
    assert back.mask.tolist() == [True, False]
    assert back.tolist() == [None, 2]
    assert road.there_and_back(np.array(3.0)).shape == ()


def test_arrays_stand_in_lists_beside_other_values(road: Road) -> None:
    back = road.there_and_back([1, np.arange(3), "a", np.arange(2)])
    assert (back[0], back[1].tolist(), back[2], back[3].tolist()) == (1, [0, 1, 2], "a", [0, 1])


def series(n: int) -> dict[str, Any]:
    return {
        "int": pd.Series(range(n)),
        "float": pd.Series([1.5, None] * n),
        "Int64": pd.Series([2**60 + 1, None] * n, dtype="Int64"),
        "boolean": pd.Series([True, None] * n, dtype="boolean"),
        "str": pd.Series(["a", None] * n),
        "string": pd.Series(["a", None] * n, dtype="string"),
        "object": pd.Series(["a", None] * n, dtype=object),
        "category": pd.Series(["b", "a", None] * n, dtype="category"),
        "ordered": pd.Series(pd.Categorical([2, 1, None] * n, [2, 1], ordered=True)),
        "zoned": pd.Series(pd.date_range("2024", periods=n, tz="Europe/Berlin")),
        "ns": pd.Series(pd.to_datetime([1, None] * n, unit="ns")),
        "timedelta": pd.Series(pd.to_timedelta(range(n), unit="s")),
        "date": pd.Series([dt.date(2024, 1, 1)] * n),
        "arrow": pd.Series([1.5, None] * n, dtype="double[pyarrow]"),
        "named": pd.Series([1, 2], index=["a", "b"], name="q"),
        "filtered": pd.Series(range(n), name="q").iloc[1:],
        "empty": pd.Series(dtype="float64"),
    }


@pytest.mark.parametrize("n", [3, 1500])
@pytest.mark.parametrize("name", sorted(series(2)))
def test_series_return_as_they_were(road: Road, name: str, n: int) -> None:
    value = series(n)[name]
    node = road.node(value)
    assert (node["kind"], node["container"]) == ("vector", "pandas")
    pd.testing.assert_series_equal(road.decode(node), value)


def test_pandas_arrays_are_no_series(road: Road) -> None:
    for value in (pd.array([1, None], dtype="Int32"), pd.Categorical(["a", "b"], ["b", "a"], ordered=True)):
        pd.testing.assert_extension_array_equal(road.there_and_back(value), value)


def from_r(road: Road, kind: str, values: list[Any], **more: Any) -> Any:
    return road.decode({"kind": "vector", "type": kind, "n": len(values), "values": values, "container": "r", **more})


def test_vectors_of_r_are_numpy_arrays(road: Road) -> None:
    whole = from_r(road, "int", [1, 2])
    assert (type(whole), whole.dtype.name, whole.tolist()) == (np.ndarray, "int32", [1, 2])
    assert from_r(road, "int", ["9007199254740993"]).tolist() == [2**53 + 1]
    assert from_r(road, "float", ["NaN", 1]).dtype.name == "float64"
    assert from_r(road, "str", ["a", "bc"]).tolist() == ["a", "bc"]
    assert from_r(road, "date", ["2024-01-01"]).dtype.name == "datetime64[D]"
    assert from_r(road, "duration", [1]).tolist() == [dt.timedelta(microseconds=1)]


def test_missing_values_of_r_are_missing_in_pandas(road: Road) -> None:
    assert str(from_r(road, "int", [1, None]).dtype) == "Int32"
    assert str(from_r(road, "bool", [True, None]).dtype) == "boolean"
    text = from_r(road, "str", ["a", None])
    assert text[1] is pd.NA
    numbers = from_r(road, "float", ["NaN", None])
    assert numbers[1] is pd.NA
    assert numbers[0] != numbers[0]
    assert pd.isna(from_r(road, "date", ["2024-01-01", None])[1])
    assert from_r(road, "complex", [{"re": 1, "im": 2}, None]) == [1 + 2j, Missing("complex")]


def test_names_factors_and_zones_of_r(road: Road) -> None:
    named = from_r(road, "float", [1, 2], names=["a", "b"])
    assert named.to_dict() == {"a": 1.0, "b": 2.0}
    factor = from_r(road, "factor", ["b", None], tags={"levels": ["c", "b"], "ordered": True})
    assert (factor.categories.tolist(), factor.codes.tolist(), factor.ordered) == (["c", "b"], [1, -1], True)
    moments = from_r(road, "datetime", [0], tz="Europe/Berlin")
    assert str(moments[0]) == "1970-01-01 01:00:00+01:00"


def test_an_r_matrix_keeps_its_dimnames_on_the_way_home(road: Road) -> None:
    node = {
        "kind": "array",
        "type": "int",
        "shape": [2, 2],
        "order": "F",
        "values": [1, 2, 3, None],
        "dimnames": [["a", "b"], None],
    }
    masked = road.decode(node)
    assert masked.tolist() == [[1, 3], [2, None]]
    whole = road.decode(node | {"values": [1, 2, 3, 4]})
    assert whole.tolist() == [[1, 3], [2, 4]]
    assert road.node(whole)["dimnames"] == [["a", "b"], None]
    assert road.node(whole + 1)["dimnames"] is None
