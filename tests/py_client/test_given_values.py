"""Values that a job hands on unchanged are the nodes that they came as."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from landbridge.errors import ValueCannotCross
from landbridge.frames import decode_frame
from landbridge.given_values import GivenValues
from landbridge.objects import Crossing

from tests.py_client.conftest import Road

NODE = {
    "kind": "list",
    "shape": "list",
    "items": [[None, {"kind": "scalar", "type": "int", "value": n}] for n in (1, 2)],
}


@pytest.fixture
def given(road: Road) -> GivenValues:
    held = GivenValues(road.source)
    road.sink.crossing = Crossing(values=held)
    return held


def received(road: Road, given: GivenValues, node: Any) -> Any:
    value = road.decode(node)
    given.remember(value, node)
    return value


def test_an_unchanged_list_stays_a_list(road: Road, given: GivenValues) -> None:
    value = received(road, given, NODE)
    assert road.node(value) == NODE
    assert road.node([*value])["kind"] == "vector"


def test_a_change_inside_is_seen(road: Road, given: GivenValues) -> None:
    value = received(road, given, NODE)
    value[0] = 7
    assert road.node(value) != NODE


def test_what_cannot_cross_is_named_where_it_stands(road: Road, given: GivenValues) -> None:
    value = received(road, given, NODE)
    value.append(threading.Lock())
    with pytest.raises(ValueCannotCross, match=r"`x\[2\]` cannot cross"):
        road.node(value)


def test_parts_are_known_too(road: Road, given: GivenValues) -> None:
    outer = {"kind": "list", "shape": "dict", "items": [["inner", NODE]]}
    value = received(road, given, outer)
    assert road.node({"other": value["inner"]})["items"] == [["other", NODE]]


def test_a_long_vector_is_known_by_its_content(road: Road, given: GivenValues) -> None:
    road.sink.crossing = None
    node = road.node(np.arange(5000, dtype="int16"))
    road.sink.crossing = Crossing(values=given)
    value = received(road, given, node)
    assert road.node(value) == node
    value[4999] = 0
    assert road.node(value) != node


def test_names_that_repeat_are_refused_for_polars(road: Road) -> None:
    import pyarrow as pa

    node = road.node(pa.table({"c1": [1], "c2": [2]}))
    node["descriptor"] |= {"class": "polars", "names": ["x", "x"]}
    with pytest.raises(ValueCannotCross, match="polars has no two columns of one name") as caught:
        decode_frame(node, road.source)
    assert caught.value.detail["column"] == "x"
