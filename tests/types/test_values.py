"""Values that are no frames, through real workers of both languages: what comes back unchanged is what it was."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from landbridge import LossWarning
from landbridge.errors import ValueCannotCross
from landbridge.objects import Crossing, FolderSink
from landbridge.values import encode

from tests.conformance.harness import Node, Outcome
from tests.py_client.test_values_beyond_frames import DTYPES, SHAPES, array
from tests.types.forks import HERE
from tests.types.roads import returned

pytestmark = pytest.mark.docker

VALUES = (HERE / "values.R").read_text()
MADE = f"{VALUES}\nf <- function() values()\n"
JUDGE = f"{VALUES}\nf <- function(...) changed(list(...))\n"
ALLOW = {"task": {"on_loss": "allow"}}
ECHO = {"r": "f <- function(...) list(...)\n", "python": "def f(*x):\n    return list(x)\n"}


def items(outcome: Outcome) -> list[tuple[Outcome, Node]]:
    return [(outcome, node) for _, node in outcome.result["items"]]


def test_values_of_r_are_identical_after_r_and_after_python(forks):
    made = forks["r"].run(MADE)
    assert len(made.result["items"]) > 60
    assert forks["r"].run(JUDGE, *items(made)).result["items"] == []
    through_r = forks["r"].run(ECHO["r"], *items(made))
    assert forks["r"].run(JUDGE, *items(through_r)).result["items"] == []
    through_python = forks["python"].run(ECHO["python"], *items(made))
    assert forks["r"].run(JUDGE, *items(through_python)).result["items"] == []


class Point(NamedTuple):
    x: int
    label: str


@dataclasses.dataclass(frozen=True)
class Fit:
    coef: list[float]
    points: list[Point]


ORDERS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
}
ARRAYS = [
    order(array(dtype, shape))
    for dtype in DTYPES
    for shape in SHAPES.values()
    for name, order in ORDERS.items()
    if shape or name == "C"
]
OTHERS: list[Any] = [
    *(None, True, 3, 2**60, 0.1, float("-inf"), 1 + 2j, "a\u00fc\U0001f600", "", b"\0\xff", b""),
    *(
        dt.date(2024, 2, 29),
        dt.time(1, 2, 3, 456789),
        dt.datetime(2024, 1, 1, 12, 0, 0, 1),
        dt.timedelta(microseconds=-1),
    ),
    *(dt.datetime(2024, 1, 1, tzinfo=dt.UTC), Decimal("1.50"), [Decimal("1.50")] * 2),
    *([], (), {}, [1, None, "a"], (1, (2.5, "b")), {"a": [1, 2], "b": {"c": None}}, [[], {}, (), [[]]]),
    *(Point(1, "a"), Fit([1.5, 2.0], [Point(1, "a")]), {"p": Point(1, "a")}),
    *(list(range(3000)), [number / 7 for number in range(3000)], [str(number) for number in range(3000)]),
]
SERIES: list[Any] = [
    pd.Series([1.5, None], index=["a", "b"], name="q"),
    pd.Series(["b", "a", None], dtype="category"),
    pd.Series(pd.date_range("2024", periods=3, tz="Europe/Berlin")),
    pd.Series([1, None], dtype="Int64"),
]


def sink_for_r(folder, on_loss: str = "warn") -> FolderSink:
    return FolderSink(folder, Crossing("r", on_loss))


def through_r(forks, folder, values: list[Any]) -> list[Any]:
    """The values as a client has them after a job of R that returned them unchanged."""
    objects = folder / "out" / "objects"
    objects.mkdir(parents=True)
    sink = sink_for_r(objects, "allow")
    sent = Outcome("python", 0, folder, "")
    nodes = [encode(value, sink, str(position)) for position, value in enumerate(values)]
    back: list[Any] = returned(forks["r"].run(ECHO["r"], *[(sent, node) for node in nodes], named=ALLOW))
    return back


def test_arrays_of_every_dtype_shape_and_order_are_the_same_after_r(forks, tmp_path):
    for value, back in zip(ARRAYS, through_r(forks, tmp_path, ARRAYS), strict=True):
        assert (type(back), back.dtype, back.shape) == (np.ndarray, value.dtype, value.shape)
        np.testing.assert_array_equal(back, value)


def test_other_values_are_the_same_after_r(forks, tmp_path):
    for value, back in zip(OTHERS, through_r(forks, tmp_path, OTHERS), strict=True):
        assert type(back) is type(value)
        assert back == value


def test_series_are_the_same_after_r(forks, tmp_path):
    for value, back in zip(SERIES, through_r(forks, tmp_path, SERIES), strict=True):
        pd.testing.assert_series_equal(back, value)


LONG = 1500
DIGITS = Decimal("1234567890123456789.123456789")
REFUSED: dict[str, tuple[Any, str]] = {
    "text": ("a\0b", "its text has a NUL character."),
    "texts": (["a", "b\0"], "its text has a NUL character (element 2)."),
    "many texts": ([*["a"] * LONG, "b\0"], "its text has a NUL character (row 1501)."),
    "a series of text": (pd.Series(["a\0"]), "its text has a NUL character (element 1)."),
    "a level": (pd.Series(["a\0"], dtype="category"), "a name in it has a NUL character (`'a\\x00'`)."),
    "a key": ({"a\0": 1}, "a name in it has a NUL character (`'a\\x00'`)."),
    "beyond 64 bits": (2**80, "an integer beyond 64 bits has no number in R."),
    "several beyond 64 bits": ([1, 2**80], "an integer beyond 64 bits has no number in R (element 2)."),
    "many beyond 64 bits": ([2**80] * LONG, "an integer beyond 64 bits has no number in R."),
    "R's missing integer64": (np.array([0, -(2**63)]), "an integer beyond 64 bits has no number in R (element 2)."),
    "R's missing integer": (np.full(LONG, -(2**31), "int32"), "-2147483648 is R's missing value (row 1)."),
    "unsigned": (np.array([2**64 - 1], "uint64"), "an integer beyond 64 bits has no number in R (element 1)."),
}
LOSSY: dict[str, tuple[Any, str]] = {
    "a decimal": (DIGITS, "decimals of more than 15 digits are doubles in R"),
    "decimals": ([DIGITS, Decimal(1)], "decimals of more than 15 digits are doubles in R"),
    "nanoseconds": (np.array([1], "M8[ns]"), "R keeps times within 0.25 microseconds, not in nanoseconds"),
    "a timestamp": (pd.Timestamp(1), "R keeps times within 0.25 microseconds, not in nanoseconds"),
    "far times": (
        dt.datetime(9999, 1, 1, microsecond=1),
        "R's times are doubles, too coarse for microseconds that far",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_r_would_corrupt_is_refused_in_any_value(name, tmp_path):
    value, reason = REFUSED[name]
    with pytest.raises(ValueCannotCross) as caught:
        encode([None, value], sink_for_r(tmp_path), "x")
    assert caught.value.message == f"`x[1]` cannot cross: {reason}"
    if reason.startswith("its text"):
        # Python's readers have all of it.
        encode(value, FolderSink(tmp_path), "x")


@pytest.mark.parametrize("name", LOSSY)
def test_loss_in_any_value_is_told_refused_or_permitted(name, tmp_path):
    value, reason = LOSSY[name]
    with pytest.warns(LossWarning, match=f"`x` crosses with loss: {reason}"):
        encode(value, sink_for_r(tmp_path), "x")
    with pytest.raises(ValueCannotCross, match='`on_loss` is "error"'):
        encode(value, sink_for_r(tmp_path, "error"), "x")
    encode(value, sink_for_r(tmp_path, "allow"), "x")


def test_equal_arrays_of_several_dtypes_are_told_apart(forks, tmp_path):
    values = [np.arange(3, dtype=dtype) for dtype in ("int8", "int16", "int64")]
    objects = tmp_path / "out" / "objects"
    objects.mkdir(parents=True)
    nodes = [encode(value, sink_for_r(objects)) for value in values]
    sent = [(Outcome("python", 0, tmp_path, ""), node) for node in nodes]
    last = returned(forks["r"].run("f <- function(a, b, c) list(c, a, c + 0L, 0:2)\n", *sent))
    assert [array.dtype.name for array in last] == ["int64", "int8", "int32", "int32"]
