"""Random frames: what comes back is what went, or its column says otherwise."""

from __future__ import annotations

import warnings
from typing import Any

import landbridge as lb
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import given
from landbridge.errors import ValueCannotCross
from landbridge.objects import Crossing
from polars.testing import assert_frame_equal

from tests.py_client.conftest import Road
from tests.py_client.random_frames import arrow_tables, pandas_frames, polars_frames
from tests.py_client.through_r import through_r


def same(one: Any, other: Any) -> None:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, pl.DataFrame):
        assert_frame_equal(one, other, check_exact=True)
    else:
        assert one.schema.equals(other.schema)
        # Arrow's own comparison takes NaN for unequal to itself.
        assert repr(one.to_pylist()) == repr(other.to_pylist())


def both_ways(road: Road, frame: Any) -> None:
    """To Python and back exactly; to R and back exactly, unless it was refused or said to be lossy."""
    road.sink.crossing = Crossing("python")
    node = road.node(frame)
    assert {entry["verdict"] for entry in node["columns"]} <= {"exact"}
    same(road.decode(node), frame)
    road.sink.crossing = Crossing("r")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lb.LossWarning)
            node = road.node(frame)
    except ValueCannotCross as refusal:
        assert refusal.detail["row"] >= 1
        return
    if all(entry["verdict"] == "exact" for entry in node["columns"]):
        same(road.decode(through_r(road, node)), frame)


@given(frame=pandas_frames())
def test_pandas_frames(road: Road, frame: pd.DataFrame) -> None:
    both_ways(road, frame)


@given(frame=polars_frames())
def test_polars_frames(road: Road, frame: pl.DataFrame) -> None:
    both_ways(road, frame)


@given(frame=arrow_tables())
def test_arrow_tables(road: Road, frame: pa.Table) -> None:
    both_ways(road, frame)


@given(frame=arrow_tables())
def test_a_key_survives_the_file(road: Road, frame: pa.Table) -> None:
    node = road.node(frame)
    assert lb.content_key(frame) == lb.content_key(road.source.path(node["object"]))
    assert lb.content_key(frame) == lb.content_key(frame.combine_chunks())
