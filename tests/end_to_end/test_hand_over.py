"""Large tables between a client, a job and back on one machine: the files themselves, never copies."""

from __future__ import annotations

import landbridge as lb
import pandas as pd
import pytest
from landbridge.client import current

pytestmark = pytest.mark.docker

FRAME = pd.DataFrame({"n": range(100_000), "x": [0.5] * 100_000})
SAME = "def f(df):\n    return df\n"


def numbers(folder):
    return {path.stat().st_ino for path in folder.rglob("*.arrow")}


def inside():
    """What a job sees of its input: which file, and that it cannot change it."""
    return lb.python(
        "def f(df):\n    import os\n    from pathlib import Path\n"
        "    path = next(Path('/job/in').glob('*.arrow'))\n    return [path.stat().st_ino, os.access(path, os.W_OK)]\n"
    )


def test_the_file_that_the_client_wrote_is_the_one_that_the_job_maps(client, gateway):
    objects = gateway.home / "depot" / "objects"
    before = numbers(objects)
    number, writable = lb.submit(inside(), FRAME).result()
    assert number in numbers(objects) - before
    assert writable is False


def test_the_result_is_mapped_where_it_lies(client, gateway):
    job = lb.submit(lb.python(SAME), FRAME)
    pd.testing.assert_frame_equal(job.result(), FRAME)
    reference = job.document["result"]["object"]
    assert current().download(reference).is_relative_to(gateway.home / "depot" / "objects")
    assert list((gateway.home / "depot" / "intake").glob("c_*")) == []


def test_without_the_same_files_all_goes_over_http_and_is_the_same(client, gateway, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_SHARED_FILES", "0")
    lb.connect(gateway.url, gateway.token)
    job = lb.submit(lb.python(SAME), FRAME)
    pd.testing.assert_frame_equal(job.result(), FRAME)
    assert not current().download(job.document["result"]["object"]).is_relative_to(gateway.home)


def test_a_nonce_of_another_machine_is_noticed(client, gateway, tmp_path):
    told = current().get("")["depot"]
    (tmp_path / "nonce").write_text("0" * 32)
    shared = current().shared()
    assert shared is not None
    current()._shared = type(shared)(tmp_path, tmp_path, "0" * 32)
    made = lb.submit(lb.python(SAME), FRAME)
    pd.testing.assert_frame_equal(made.result(), FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["nonce"]
    assert current().get("")["depot"] == told


R_STORY = """
library(landbridge)
frame <- data.frame(n = seq_len(1e5), x = 0.5)
job <- submit(function(df) df, frame)
stopifnot(identical(result(job), frame))
id <- landbridge:::ended_job(job)$result$object
path <- landbridge:::object_path(landbridge:::current_client(), id)
cat(path)
"""


def test_the_same_from_r(run_r, gateway):
    objects = str(gateway.home / "depot" / "objects")
    assert run_r(R_STORY).startswith(objects)
    assert not run_r(R_STORY, LANDBRIDGE_SHARED_FILES="0").startswith(objects)
    assert list((gateway.home / "depot" / "intake").glob("c_*")) == []
