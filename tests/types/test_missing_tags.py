"""Letters of R's missing doubles (haven's tagged NA) through real workers: they go with their rows."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.types.roads import returned, told

pytestmark = pytest.mark.docker

TAGGED = """
tagged <- function(letter) {
  readBin(as.raw(c(0xa2, 0x07, 0, 0, utf8ToInt(letter), 0, 0xf0, 0x7f)), "double", endian = "little")
}
letters_of <- function(x) {
  x <- as.double(unclass(x))
  bytes <- as.integer(matrix(writeBin(x, raw(), endian = "little"), 8)[5, ])
  ifelse(is.na(x) & !is.nan(x), intToUtf8(ifelse(bytes == 0, 45L, bytes), multiple = TRUE), "value")
}
"""
MADE = (
    TAGGED
    + """
f <- function() {
  labels <- c(yes = 1, refused = tagged("r"))
  answer <- structure(
    c(1, tagged("r"), NA, tagged("d")), labels = labels, class = c("haven_labelled", "vctrs_vctr", "double")
  )
  tibble::tibble(id = 1:4, answer = answer, x = c(tagged("a"), 2, tagged("b"), NaN))
}
"""
)
SEEN = (
    TAGGED
    + """
f <- function(x) {
  stopifnot(identical(names(x), c("id", "answer", "x")))
  stopifnot(inherits(x$answer, "haven_labelled"), letters_of(attr(x$answer, "labels")) == c("value", "r"))
  c(letters_of(x$answer), letters_of(x$x))
}
"""
)
PANDAS = "def f(x):\n    return x.sort_values('id', ascending=False)[lambda x: x['id'] != 3].reset_index(drop=True)\n"
POLARS = "import polars as pl\ndef f(x):\n    return x.sort('id', descending=True).filter(pl.col('id') != 3)\n"
ARROW = (
    "import pyarrow.compute as pc\ndef f(x):\n"
    "    return x.sort_by([('id', 'descending')]).filter(pc.field('id') != 3)\n"
)
SHOWN = """
def f(x):
    return [x.columns.tolist(), x["answer_na_tag"].tolist(), x["answer"].isna().tolist(), x.attrs["r_columns"]]
"""
DROPPED = "def f(x):\n    return x.drop(columns=['x_na_tag'])\n"
QUERY = "f <- function(x) dplyr::filter(x, id != 3L)\n"
SELECTED = "f <- function(x) dplyr::select(x, -x_na_tag)\n"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [(PANDAS, None), (POLARS, "polars"), (ARROW, "arrow")],
    ids=["pandas", "polars", "pyarrow"],
)
def test_rows_that_python_moves_and_drops_keep_their_letters(source, wanted, forks):
    made = forks["r"].run(MADE)
    named = {"task": {"as": wanted}} if wanted else {}
    moved = forks["python"].run(source, (made, made.result), named=named)
    seen = forks["r"].run(SEEN, (moved, moved.result))
    assert seen.result["values"] == ["d", "r", "value", "value", "value", "a"]
    assert "lossy" not in str(told(made, moved, seen))


def test_python_sees_missing_values_letters_and_labels(forks):
    made = forks["r"].run(MADE)
    shown = returned(forks["python"].run(SHOWN, (made, made.result)))
    columns, letters, missing, attributes = shown
    assert columns == ["id", "answer", "answer_na_tag", "x", "x_na_tag"]
    assert [None if pd.isna(one) else one for one in letters] == [None, "r", None, "d"]
    assert missing == [False, True, True, True]
    assert attributes == {"answer": {"labels": {"yes": 1.0, "refused": "r"}}}


def test_without_their_column_the_letters_are_lost_and_that_is_told(forks):
    made = forks["r"].run(MADE)
    dropped = forks["python"].run(DROPPED, (made, made.result))
    assert told(dropped) == {
        "answer": "equal: its class `haven_labelled` is kept for R only",
        "x": "lossy: the tags of its missing values (haven) are lost with the column `x_na_tag`",
    }
    seen = forks["r"].run(SEEN, (dropped, dropped.result))
    assert seen.result["values"] == ["value", "r", "-", "d", "-", "value", "-", "value"]


def test_a_query_over_the_mapped_table_keeps_the_letters(forks):
    made = forks["r"].run(MADE)
    kept = forks["r"].run(QUERY, (made, made.result), named={"task": {"as": "arrow"}})
    seen = forks["r"].run(SEEN, (kept, kept.result))
    assert seen.result["values"] == ["value", "r", "d", "a", "value", "value"]


def test_a_query_that_leaves_their_column_out_is_told(forks):
    made = forks["r"].run(MADE)
    kept = forks["r"].run(SELECTED, (made, made.result), named={"task": {"as": "arrow"}})
    assert told(kept) == {"x": "lossy: the tags of its missing values (haven) are lost with the column `x_na_tag`"}
    refused = forks["r"].run(SELECTED, (made, made.result), named={"task": {"as": "arrow", "on_loss": "error"}})
    assert "are lost with the column `x_na_tag`" in refused.error["message"]
