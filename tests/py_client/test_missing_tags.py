"""R's missing numbers with letters: shown, kept through changes of rows, and missed when their column is gone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge import LossWarning
from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json
from landbridge.missing_tags import shown_attributes
from landbridge.objects import Crossing

from tests.py_client.conftest import Road

TABLE = pa.table({"x": [1.5, None, None], "x_na_tag": pa.array([None, "a", None]), "y": [1.5, None, 2.5]})
LOST = "the tags of its missing values (haven) are lost with the column `x_na_tag`"
LABELS: Json = {
    "kind": "vector",
    "type": "float",
    "n": 3,
    "values": [1, None, None],
    "names": ["yes", "refused", "none"],
    "tags": {"na_tags": {"r": [2]}},
    "container": "r",
}


def of_r(road: Road, attributes: list[Json] | None = None) -> Json:
    """The node of a frame of R with tagged missing values."""
    tag: Json = {"na_tags": "x_na_tag"} | ({"attributes": attributes} if attributes else {})
    described = {"class": "tbl_df", "columns": {"x": {"tag": tag}}, "row_names": "automatic", "library": {}}
    node = road.node(TABLE)
    return node | {"descriptor": {"names": TABLE.column_names, "rows": 3} | described}


def verdicts(node: Json) -> dict[str, Any]:
    return {one["name"]: one.get("reason") for one in node["columns"]}


def test_letters_are_a_column_whose_link_goes_home(road: Road) -> None:
    frame = road.decode(of_r(road))
    assert list(frame.columns) == ["x", "x_na_tag", "y"]
    assert frame["x"].isna().tolist() == [False, True, True]
    home = road.node(frame[frame["x"].isna()].iloc[::-1])
    assert home["descriptor"]["columns"]["x"]["tag"]["na_tags"] == "x_na_tag"
    assert set(verdicts(home).values()) == {None}


@pytest.mark.filterwarnings("ignore::landbridge.LossWarning")
def test_a_pandas_column_without_its_letters_is_lossy_while_a_value_is_missing(road: Road) -> None:
    frame = road.decode(of_r(road)).drop(columns="x_na_tag")
    assert verdicts(road.node(frame)) == {"x": LOST, "y": None}
    assert verdicts(road.node(frame.dropna(subset="x"))) == {"x": None, "y": None}
    assert verdicts(road.node(frame.rename(columns={"x": "z"}))) == {"z": None, "y": None}


@pytest.mark.filterwarnings("ignore::landbridge.LossWarning")
@pytest.mark.parametrize("made", [pl.from_arrow, lambda table: table], ids=["polars", "pyarrow"])
def test_other_tables_know_it_from_what_the_job_was_given(road: Road, made: Any) -> None:
    road.sink.crossing = Crossing(given=[of_r(road)])
    kept = road.node(made(TABLE))
    assert set(verdicts(kept).values()) == {None}
    assert kept["descriptor"]["hint"]["columns"]["x"]["tag"] == {"na_tags": "x_na_tag"}
    assert verdicts(road.node(made(TABLE.drop_columns(["x_na_tag"])))) == {"x": LOST, "y": None}


def test_the_loss_is_told_or_refused(road: Road) -> None:
    frame = road.decode(of_r(road)).drop(columns="x_na_tag")
    with pytest.warns(LossWarning, match="are lost with the column"):
        road.node(frame)
    road.sink.crossing = Crossing(on_loss="error")
    with pytest.raises(ValueCannotCross, match="are lost with the column"):
        road.node(frame)


def test_labels_are_shown_with_their_letters_and_survive_a_concatenation(road: Road) -> None:
    attributes = [{"name": "labels", "value": LABELS}]
    frame = road.decode(of_r(road, attributes))
    labels = frame.attrs["r_columns"]["x"]["labels"]
    assert (labels["yes"], labels["refused"]) == (1.0, "r")
    assert pd.isna(labels["none"])
    home = road.node(pd.concat([frame, frame]))
    assert home["descriptor"]["columns"]["x"]["tag"]["attributes"] == attributes
    assert "r_columns" not in str(home["descriptor"]["library"])


@pytest.mark.parametrize("names", [None, ["a", None], ["a", "a"]])
def test_attributes_whose_names_are_no_keys_are_lists(names: list[Any] | None) -> None:
    value = {"kind": "vector", "type": "float", "n": 2, "values": [1.5, 2.5], "container": "r"}
    value |= {"names": names} if names else {}
    assert shown_attributes([{"name": "range", "value": value}]) == {"range": [1.5, 2.5]}


def test_a_single_tagged_value_is_its_letter() -> None:
    value = {"kind": "scalar", "type": "float", "na": True, "tags": {"na_tags": {"q": [1]}}}
    assert shown_attributes([{"name": "na", "value": value}]) == {"na": "q"}
