"""Verdicts and refusals: what a column becomes is said, and what would be corrupted does not go."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import landbridge as lb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.columns import read_table
from landbridge.errors import ValueCannotCross
from landbridge.job import Job
from landbridge.objects import Crossing

from tests.py_client.conftest import Road, Workshop
from tests.py_client.gateway import FakeGateway, answer


def for_r(road: Road, on_loss: str = "warn") -> Road:
    road.sink.crossing = Crossing("r", on_loss)
    return road


def one(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"ok": range(len(values)), "m": pd.Series(values, dtype=object)})


BROKEN = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.array([0, 1, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff\xfe")]
)
EVERYWHERE: dict[str, tuple[Any, int, str]] = {
    "NUL": (pd.DataFrame({"m": ["a", "b\0c"]}), 2, "its text has a NUL character"),
    "NUL in polars": (pl.DataFrame({"m": ["a", "b\0c"]}), 2, "NUL"),
    "NUL in a category": (pd.DataFrame({"m": pd.Categorical(["a", "b\0c"])}), 2, "NUL"),
    "NUL in a list": (pl.DataFrame({"m": [["a"], ["b", "c\0"]]}), 2, "NUL"),
    "lone surrogate": (one(["a", None, "\ud800"]), 3, "not valid Unicode"),
    "invalid UTF-8": (pa.table({"m": BROKEN}), 2, "not valid UTF-8"),
    "mixed": (one([1, None, "a"]), 3, "it mixes int (row 1) and str (row 3)"),
    "numbers of two types": (one([1.5, 2]), 2, "it mixes float (row 1) and int (row 2)"),
    "sets": (one([None, {1}]), 2, "a set has no order"),
    "big integers": (one([1, 2**70]), 2, "an integer beyond 64 bits"),
    "integers of both ends": (one([-1, 2**63]), 2, "an integer beyond 64 bits"),
    "objects": (one([None, object()]), 2, "no exact Arrow type"),
}


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
def test_what_would_be_corrupted_is_refused_with_column_and_row(road: Road, name: str) -> None:
    value, row, reason = EVERYWHERE[name]
    with pytest.raises(ValueCannotCross) as caught:
        road.node(value)
    assert caught.value.message.startswith('`x["m"]` cannot cross: ')
    assert reason in caught.value.message
    assert (caught.value.detail["column"], caught.value.detail["row"]) == ("m", row)
    assert f"row {row}" in caught.value.message


def test_sparse_columns_are_refused(road: Road) -> None:
    with pytest.raises(ValueCannotCross, match="is sparse") as caught:
        road.node(pd.DataFrame({"m": pd.arrays.SparseArray([0, 1])}))
    assert caught.value.detail["column"] == "m"


FOR_R: dict[str, tuple[pa.Array, str]] = {
    "int32": (pa.array([0, -(2**31)], pa.int32()), "-2147483648 is R's missing value"),
    "int64": (pa.array([0, -(2**63)], pa.int64()), "is R's missing value"),
    "uint64": (pa.array([0, 2**53 + 1], pa.uint64()), "unsigned integer beyond 2^53"),
}


@pytest.mark.parametrize("name", sorted(FOR_R))
def test_what_r_has_no_value_for_is_refused_for_r_only(road: Road, name: str) -> None:
    column, reason = FOR_R[name]
    table = pa.table({"m": column})
    assert road.node(table)["columns"][0]["verdict"] == "exact"
    with pytest.raises(ValueCannotCross) as caught:
        for_r(road).node(table)
    assert reason in caught.value.message
    assert (caught.value.detail["column"], caught.value.detail["row"]) == ("m", 2)


LOSSY: dict[str, Any] = {
    "nanoseconds": pd.DataFrame({"m": pd.to_datetime([1, 1000], unit="ns")}),
    "long decimals": pa.table({"m": [Decimal("1.2345678901234567890")]}),
    "far microseconds": pa.table({"m": pa.array([2**56 + 1], pa.timestamp("us"))}),
    "nested nanoseconds": pa.table({"m": pa.array([[1]], pa.list_(pa.timestamp("ns")))}),
}


@pytest.mark.parametrize("name", sorted(LOSSY))
def test_loss_is_a_warning_an_error_or_permitted(road: Road, name: str) -> None:
    assert road.node(LOSSY[name])["columns"][0]["verdict"] == "exact"
    with pytest.warns(lb.LossWarning, match=r'^`x\["m"\]` crosses with loss: ') as told:
        (entry,) = for_r(road).node(LOSSY[name])["columns"]
    assert entry["verdict"] == "lossy"
    assert entry["reason"]
    assert "tests" in Path(told[0].filename).parts  # and not a line of the client
    with pytest.raises(ValueCannotCross, match='`on_loss` is "error"'):
        for_r(road, "error").node(LOSSY[name])
    assert for_r(road, "allow").node(LOSSY[name])["columns"][0]["verdict"] == "lossy"


def test_what_is_exact_for_r_is_called_so(road: Road) -> None:
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int32"),
            "t": pd.to_datetime(["2024-01-01 00:00:00.123456", None]).as_unit("us"),
            "n": pd.to_datetime(["2024-01-01 00:00:00.123456", None]).as_unit("ns"),
            "d": [Decimal("1.25"), None],
            "u": np.array([1, 2**53], dtype="uint64"),
            "s": ["a", None],
        }
    )
    assert {entry["verdict"] for entry in for_r(road).node(frame)["columns"]} == {"exact"}


def test_permission_lets_unsigned_integers_go(road: Road) -> None:
    table = pa.table({"m": pa.array([2**60], pa.uint64())})
    assert for_r(road, "allow").node(table)["columns"][0]["verdict"] == "lossy"


OBJECTS: dict[str, list[Any]] = {
    "integers": [1, None, 3],
    "large integers": [2**63, 1],
    "integers and NaN": [1, math.nan],
    "floats": [1.5, None, math.nan],
    "bools": [True, None],
    "text and NaN": ["a", math.nan],
    "text and NA": ["a", pd.NA],
    "dates": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "times": [dt.time(1, 2, 3, 4), None],
    "datetimes": [dt.datetime(1, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 0, 1)],
    "zoned": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None],
    "durations": [dt.timedelta(days=3, microseconds=1)],
    "decimals": [Decimal("1.50"), Decimal("2.25")],
    "bytes": [b"a\0", None, b""],
    "lists": [[1], [], None, [2, 3]],
    "tuples": [(1, 2), (3,)],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    "nested": [[[1], [2, 3]], []],
    "nothing": [None, None],
    "nans": [math.nan, math.nan],
    "empty": [],
    "timestamps": [pd.Timestamp("2024-01-01 00:00:00.000000001"), pd.NaT],
}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_columns_of_objects_return_as_they_were(road: Road, name: str) -> None:
    frame = pd.DataFrame({"m": pd.Series(OBJECTS[name], dtype=object)})
    node = road.node(frame)
    assert node["columns"][0]["verdict"] == "exact"
    back = road.decode(node)
    pd.testing.assert_frame_equal(back, frame)
    for ours, theirs in zip(back["m"], frame["m"], strict=True):
        assert type(ours) is type(theirs)


def test_cells_that_change_their_type_are_equal_or_lossy(road: Road) -> None:
    (_, arrays) = road.node(pd.DataFrame({"ok": [1], "m": [[1, 2.5]]}))["columns"]
    assert arrays["verdict"] == "equal"
    with pytest.warns(lb.LossWarning):
        (keys,) = road.node(pd.DataFrame({"m": [{"a": 1}, {"b": 2}]}))["columns"]
    assert keys["verdict"] == "lossy"
    (several,) = road.node(pd.DataFrame({"m": pd.Series(["a", None, math.nan], dtype=object)}))["columns"]
    assert several["verdict"] == "equal"


def test_complex_columns_keep_their_width(road: Road) -> None:
    frame = pd.DataFrame({"a": np.array([1 + 2j], dtype="complex64"), "b": [3 + 0j]}, index=["x"])
    pd.testing.assert_frame_equal(road.there_and_back(frame), frame)


def test_the_frequency_of_an_index_returns(road: Road) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=pd.date_range("2024", periods=3, freq="D"))
    assert road.there_and_back(frame).index.freq == frame.index.freq


def test_on_loss_is_an_option_of_a_task() -> None:
    assert lb.task(math.sqrt, on_loss="allow").fields()["on_loss"] == "allow"
    with pytest.raises(lb.errors.InvalidField, match="`on_loss` cannot be `'never'`"):
        lb.task(math.sqrt, on_loss="never")


def test_decimals_as_text_are_an_option_of_a_task() -> None:
    assert lb.task(math.sqrt, decimal="string").fields()["decimal"] == "string"
    with pytest.raises(lb.errors.InvalidField, match="`decimal` cannot be `'float'`"):
        lb.task(math.sqrt, decimal="float")


def frame_of_r(workshop: Workshop, table: pa.Table, tags: dict[str, Any]) -> Any:
    node = workshop.node(table)
    columns = {name: {"tag": tag} for name, tag in tags.items()}
    made = {"class": "tbl_df", "names": table.column_names, "columns": columns, "row_names": "automatic"}
    return node | {"descriptor": made | {"rows": table.num_rows}}


def test_a_job_tells_what_python_shows_otherwise(workshop: Workshop) -> None:
    table = pa.table(
        {
            "day": [1.5],
            "far": pa.array([10_000_000], pa.date32()),
            "z": pa.array([None], pa.struct([("re", pa.float64()), ("im", pa.float64())])),
            "plain": [1],
            "named": [1.5],
            "label": [1],
        }
    )
    tags = {"day": {"type": "date"}, "named": {"names": ["a"]}, "label": {"class": ["haven_labelled", "integer"]}}
    text = "def f(x, y):\n    return [str(t) for t in y.dtypes]\n"
    function = {"type": "source", "name": "f", "text": text, "file": "a.py", "line": 1}
    node = frame_of_r(workshop, table, tags)
    ran = workshop.run(function, (None, {"kind": "list", "shape": "list", "items": [[None, node]]}), ("y", node))
    first, second = ran.heard("fidelity")
    assert (first["value"], second["value"]) == ("1", "y")
    assert [(one["name"], one["verdict"]) for one in second["columns"]] == [
        (name, "equal") for name in ("day", "far", "z", "named", "label")
    ]
    assert "haven_labelled" in second["columns"][-1]["reason"]
    assert ran.decoded() == ["float64", "date32[day][pyarrow]", "complex128", "int64", "float64", "int64"]


def test_missing_complex_numbers_of_r_go_home_as_missing(road: Road) -> None:
    kind = pa.struct([("re", pa.float64()), ("im", pa.float64())])
    column = pa.array([{"re": 1.0, "im": math.inf}, None], kind)
    node = road.node(pa.table({"z": column}))
    made = {"class": "tbl_df", "names": ["z"], "columns": {}, "row_names": "automatic", "rows": 2}
    back = road.decode(node | {"descriptor": made})
    assert back["z"][0] == complex(1, math.inf)
    home = read_table(road.source.path(road.node(back)["object"])).column("z")
    assert home.to_pylist() == column.to_pylist()


def test_a_result_obeys_on_loss(workshop: Workshop) -> None:
    text = "def f():\n    import pandas as pd\n    return pd.DataFrame({'m': [{'a': 1}, {'b': 2}]})\n"
    function = {"type": "source", "name": "f", "text": text, "file": "a.py", "line": 1}
    ran = workshop.run(function)
    assert ran.heard("warning")[0]["category"] == "landbridge.kinds.LossWarning"
    assert ran.result["columns"][0]["verdict"] == "lossy"
    again = Workshop(workshop.folder.with_name("again")).run(function, on_loss="error")
    assert again.error["type"] == "landbridge.errors.ValueCannotCross"
    quiet = Workshop(workshop.folder.with_name("quiet")).run(function, on_loss="allow")
    assert not quiet.heard("warning")


def test_a_job_gives_its_fidelity(gateway: FakeGateway) -> None:
    client = gateway.client()
    entry = {"value": "x", "column": "a", "step": "sent", "verdict": "exact", "reason": None}
    job = Job(client, gateway.job(), 0)
    assert job.fidelity() == []
    gateway.faults.append(answer({"metrics": [], "fidelity": [entry]}))
    assert job.fidelity() == [entry]
