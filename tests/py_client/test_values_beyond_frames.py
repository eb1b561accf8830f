"""Values that are no frames: numpy's dtypes and orders, named tuples, dataclasses, nothing at all, much, and deep."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.values import encode

from tests.py_client.conftest import Road

DTYPES = [
    *(
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
    ),
    *("complex64", "complex128", "<U3", "S3", ">i4", ">f8", "datetime64[D]", "datetime64[s]", "datetime64[ms]"),
    *("datetime64[us]", "datetime64[ns]", "timedelta64[s]", "timedelta64[us]", "timedelta64[ns]"),
]
SHAPES: dict[str, tuple[int, ...]] = {
    "vector": (6,),
    "nothing": (0,),
    "matrix": (2, 3),
    "no rows": (0, 3),
    "cube": (2, 3, 1),
    "scalar": (),
    "long": (1500,),
    "long matrix": (40, 50),
}


def array(dtype: str, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape, dtype=int))
    return np.array([position % 2 for position in range(count)]).astype("int64").astype(dtype).reshape(shape)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_numpy_arrays_return_with_dtype_shape_and_values(road: Road, shape: str, order: str) -> None:
    for dtype in DTYPES:
        value = array(dtype, SHAPES[shape])
        if order == "strided":
            value = np.repeat(value, 2, axis=0)[::2] if value.ndim else value
        else:
            value = np.asarray(value, order=order)
        back = road.there_and_back(value)
        assert (type(back), back.dtype, back.shape) == (np.ndarray, value.dtype, value.shape)
        np.testing.assert_array_equal(back, value)


def test_masked_arrays_keep_their_mask(road: Road) -> None:
    value = np.ma.MaskedArray([[1.5, 2], [3, 4]], mask=[[True, False], [False, True]])
    back = road.there_and_back(value)
    assert isinstance(back, np.ma.MaskedArray)
    np.testing.assert_array_equal(back.mask, value.mask)
    np.testing.assert_array_equal(back.compressed(), value.compressed())


class Point(NamedTuple):
    x: int
    label: str


Pair = collections.namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass(frozen=True)
class Fit:
    coef: list[float]
    points: list[Point]
    inner: Fit | None = None


NOTHING: dict[str, Any] = {
    "list": [],
    "tuple": (),
    "dict": {},
    "text": "",
    "bytes": b"",
    "frame": pd.DataFrame(),
    "polars": pl.DataFrame(),
    "arrow": pa.table({}),
    "series": pd.Series([], dtype="float64"),
    "categories": pd.Categorical([], ["a"]),
    "nested": [[], {}, (), [[]]],
}
RECORDS: dict[str, Any] = {
    "named tuple": Point(1, "a"),
    "old named tuple": Pair([1, 2], None),
    "dataclass": Fit([1.5], [Point(1, "a"), Point(2, "b")], Fit([], [])),
    "in a list": [Point(1, "a"), (1, "a"), Fit([1.0], [])],
    "in a dict": {"p": Point(1, "a")},
}


def same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif isinstance(one, pl.DataFrame | pa.Table | pd.Categorical):
        assert one.equals(other)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for ours, theirs in zip(one, other, strict=True):
            same(ours, theirs)
    else:
        assert one == other


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_nothing_returns_as_the_nothing_it_was(road: Road, name: str) -> None:
    same(road.there_and_back(NOTHING[name]), NOTHING[name])


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_records_return_as_they_were(road: Road, name: str) -> None:
    same(road.there_and_back(RECORDS[name]), RECORDS[name])


def test_a_named_tuple_is_a_named_list_elsewhere(road: Road) -> None:
    node = road.node(Point(1, "a"))
    assert (node["kind"], [key for key, _ in node["items"]]) == ("list", ["x", "label"])


def test_a_named_tuple_whose_class_is_not_here_is_made_anew(road: Road) -> None:
    back = road.decode(road.node(Point(1, "a")) | {"class": "no_such_module.Point"}, trust=False)
    assert (back, back._fields, type(back).__name__) == ((1, "a"), ("x", "label"), "Point")


LONG: dict[str, list[Any]] = {
    "integers": list(range(100_000)),
    "floats": [position / 7 for position in range(100_000)],
    "text": [str(position) for position in range(100_000)],
    "mixed": [position if position % 2 else str(position) for position in range(100_000)],
    "big": [2**70 + position for position in range(100_000)],
    "days": [dt.date(2024, 1, 1)] * 100_000,
    "decimals": [Decimal(position) / 4 for position in range(100_000)],
}


@pytest.mark.parametrize("name", sorted(LONG))
def test_lists_of_a_hundred_thousand(road: Road, name: str) -> None:
    # Without the check by the schema, which takes many seconds for that many nodes.
    back = road.decode(encode(LONG[name], road.sink))
    assert back == LONG[name]
    assert type(back[1]) is type(LONG[name][1])


def test_depth_fifty(road: Road) -> None:
    value: Any = [1.5]
    for level in range(25):
        value = {"level": level, "inner": [value]}
    assert road.there_and_back(value) == value
