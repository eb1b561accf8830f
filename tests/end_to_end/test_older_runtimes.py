"""Older versions of both languages through a gateway: built when a job names them, and tables as exact as ever."""

from __future__ import annotations

import landbridge as lb
import pandas as pd
import pytest
from landbridge.errors import UnknownRuntime
from pandas.testing import assert_frame_equal

pytestmark = [pytest.mark.docker, pytest.mark.slow]

FRAME = pd.DataFrame(
    {
        "n": pd.array([1, None, 3], "Int32"),
        "f": pd.Categorical(["a", None, "b"], ["b", "a", "z"]),
        "t": pd.to_datetime(["2024-01-01 10:00:00.123456", None, "2024-06-01 00:00:00.5"]).tz_localize("Europe/Berlin"),
        "text": ["x", None, "é"],
    }
)
VERSION = (
    'f <- function(df) {{\n  stopifnot(startsWith(as.character(getRversion()), "{}"), is.factor(df$f))\n  df\n}}\n'
)
MAPPED = "f <- function(df) df\n"


def same(df, version):
    import sys

    assert sys.version.startswith(f"{version}.")
    return df


@pytest.mark.parametrize("version", ["4.2", "4.5"])
def test_a_table_goes_through_an_older_r_and_comes_back_as_it_was(client, version):
    job = lb.submit(lb.task(lb.r(VERSION.format(version), "f"), runtime=f"r:{version}"), FRAME)
    assert_frame_equal(job.result(timeout=900), FRAME)


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_a_table_goes_through_an_older_python_and_comes_back_as_it_was(client, version):
    job = lb.submit(lb.task(same, runtime=f"python:{version}"), FRAME, version)
    assert_frame_equal(job.result(timeout=900), FRAME)


def test_what_a_runtime_is_without_is_an_error_that_names_the_package(client):
    job = lb.submit(lb.task(lb.r(MAPPED, "f"), runtime="r:4.2", as_="arrow"), FRAME)
    error = job.exception(timeout=900)
    assert 'The job wants its tables as "arrow", and its image has no package arrow.' in str(error)


def test_a_version_that_is_not_offered_is_answered_with_those_that_are(client):
    with pytest.raises(UnknownRuntime) as caught:
        lb.submit(lb.task(lb.r(MAPPED, "f"), runtime="r:3.6"), FRAME)
    assert "There are: `r:4.6`, `polyglot`, `r:4.5`, `r:4.2`." in str(caught.value)
