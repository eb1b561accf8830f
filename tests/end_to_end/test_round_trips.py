"""A table that goes to the other language and back is what it was, to the type of every column."""

from __future__ import annotations

import landbridge as lb
import numpy as np
import pandas as pd
import polars as pl
import pytest

pytestmark = pytest.mark.docker

IN_R = """
library(landbridge)
options(warn = 2)
table <- data.frame(
  i = c(1L, NA, 3L), x = c(1.5, NaN, NA), b = c(TRUE, NA, FALSE), s = c("a", NA, "\\u00fc"),
  d = as.Date(c("2020-01-01", NA, "1969-12-31")),
  t = as.POSIXct(c(0, NA, 1.5), origin = "1970-01-01", tz = "Europe/Berlin"),
  dt = as.difftime(c(1, NA, 3), units = "mins"), h = hms::hms(c(1, 2, NA)),
  r = as.raw(1:3), z = complex(real = 1:3, imaginary = 0),
  f = factor(c("a", NA, "b"), levels = c("b", "a", "z")), o = factor(c("a", "b", "b"), ordered = TRUE)
)
table$l <- list(1:2, integer(0), 3L)
named <- data.frame(x = 1:2, row.names = c("a", "b"))
back <- python("def f(d):\\n    return d\\n")
job <- task(back, on_loss = "error") |> submit(table["i"])
told <- { result(job); fidelity(job) }
stopifnot(identical(told$value, c("1", "result")), identical(told$column, c("i", "i")), all(told$verdict == "exact"))
for (given in list(table, tibble::as_tibble(table), data.table::as.data.table(table), named)) {
  stopifnot(identical(result(submit(back, given)), given))
}
"""


@pytest.fixture
def table():
    when = pd.to_datetime(["2026-01-01", "2026-06-01T01:02:03.5", None], format="ISO8601")
    return pd.DataFrame(
        {
            "int16": pd.array([1, None, 3], "Int16"),
            "float32": np.array([1, 2, 3], "float32"),
            "text": ["a", None, "ü"],
            "category": pd.Categorical(["a", None, "b"], ["b", "a", "z"]),
            "zone": when.tz_localize("Europe/Berlin"),
            "naive": when,
            "took": pd.to_timedelta([1, None, 3], "s"),
            "flag": pd.array([True, None, False], "boolean"),
            "uint8": np.array([1, 2, 255], "uint8"),
        },
        index=pd.Index([10, 20, 30], name="key"),
    )


@pytest.mark.usefixtures("client")
def test_pandas_and_polars_through_r(table):
    same = lb.r("f <- function(d) d")
    pd.testing.assert_frame_equal(lb.submit(same, table).result(), table)
    frame = pl.from_pandas(table.reset_index())
    back = lb.submit(same, frame).result()
    assert isinstance(back, pl.DataFrame)
    assert back.schema == frame.schema
    assert back.equals(frame)


@pytest.mark.usefixtures("client")
def test_what_was_told_of_each_column_is_in_the_record(table):
    job = lb.submit(lb.r("f <- function(d) d"), table)
    job.result()
    told = job.fidelity()
    assert {entry["value"] for entry in told} == {"1", "result"}
    assert {entry["verdict"] for entry in told} <= {"exact", "equal"}
    assert [entry["column"] for entry in told if entry["value"] == "1"][:3] == ["int16", "float32", "text"]


def test_every_frame_of_r_through_python(run_r):
    assert run_r(IN_R) == ""


WITH_A_FORMULA = """f <- function() {
  frame <- structure(data.frame(y = c(1, 2, 4), x = 1:3), model = y ~ x, class = c("survey", "data.frame"))
  attr(frame$x, "transform") <- function(v) v + 1
  frame
}
"""
FORMULA_JUDGE = """f <- function(frame) {
  list(class(frame), deparse(attr(frame, "model")), attr(frame$x, "transform")(1), names(frame))
}
"""


@pytest.mark.usefixtures("client")
def test_what_only_r_can_read_goes_with_a_frame_through_python_jobs():
    made = lb.submit(lb.r(WITH_A_FORMULA))
    through = lb.submit(lb.python("def f(frame):\n    return frame\n"), made)
    found = lb.submit(lb.r(FORMULA_JUDGE), through).result()
    assert list(found[0]) == ["survey", "data.frame"]
    assert found[1:3] == ["y ~ x", 2.0]
    assert list(through.result().columns) == ["y", "x"]
