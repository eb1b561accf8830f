"""What a task may permit: decimals as text, and unsigned integers that no number of R holds."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.objects import Crossing, FolderSink
from landbridge.values import encode

from tests.conformance.harness import Node, Outcome
from tests.types.roads import returned, told

pytestmark = pytest.mark.docker

ECHO = "f <- function(x) x\n"
DIGITS = [Decimal("1234567890123456789.123456789"), None, Decimal("-0.500000000")]
DECIMALS = {
    "pandas": pd.DataFrame({"x": pd.Series(DIGITS, dtype=object)}),
    "polars": pl.DataFrame({"x": pl.Series(DIGITS, dtype=pl.Decimal(38, 9))}),
    "pyarrow": pa.table({"x": pa.array(DIGITS, pa.decimal128(38, 9))}),
}


def sent(frame, folder, crossing: Crossing) -> tuple[Outcome, Node]:
    objects = folder / "out" / "objects"
    objects.mkdir(parents=True)
    return Outcome("python", 0, folder, ""), encode(frame, FolderSink(objects, crossing), "x")


@pytest.mark.parametrize("library", sorted(DECIMALS))
def test_decimals_as_text_keep_every_digit(library, forks, tmp_path):
    frame = DECIMALS[library]
    given = sent(frame, tmp_path, Crossing("r", decimal="string"))
    assert [column["verdict"] for column in given[1]["columns"]] == ["exact"]
    arrived = forks["r"].run("f <- function(x) x$x\n", given)
    assert arrived.result["values"] == ["1234567890123456789.123456789", None, "-0.500000000"]
    echoed = forks["r"].run(ECHO, given)
    assert told(echoed) == {}
    came = returned(echoed)
    assert type(came) is type(frame)
    assert came.equals(frame)
    changed = returned(forks["r"].run("f <- function(x) transform(x, x = paste0(x, '?'))\n", given))
    assert str(changed["x"][0]) == "1234567890123456789.123456789?"


def test_a_python_job_gives_decimals_to_r_as_text(forks):
    source = (
        "from decimal import Decimal\nimport pandas as pd\ndef f():\n    return pd.DataFrame({'x': [Decimal('0.1')]})\n"
    )
    made = forks["python"].run(source, named={"task": {"decimal": "string"}})
    arrived = forks["r"].run("f <- function(x) x$x\n", (made, made.result))
    assert arrived.result["value"] == "0.1"


def test_large_unsigned_integers_are_text_in_r_when_loss_is_allowed(forks, tmp_path):
    frame = pl.DataFrame({"x": pl.Series([1, 2**64 - 1, None], dtype=pl.UInt64)})
    given = sent(frame, tmp_path, Crossing("r", on_loss="allow"))
    assert given[1]["columns"][0]["verdict"] == "lossy"
    allowed = {"task": {"on_loss": "allow"}}
    arrived = forks["r"].run("f <- function(x) x$x\n", given, named=allowed)
    assert arrived.result["values"] == ["1", "18446744073709551615", None]
    assert returned(forks["r"].run(ECHO, given, named=allowed)).equals(frame)
    refused = forks["r"].run(ECHO, given)
    assert "an unsigned integer beyond 2^53 has no number in R (row 2)" in refused.error["message"]
