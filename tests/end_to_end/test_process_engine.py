"""The same workers as plain child processes: this machine's own Python and R, without a container."""

from __future__ import annotations

import os
import select
import sys

import landbridge as lb
import pandas as pd
import pytest

from tests.patience import LONG
from tests.serving import Serving


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("process") / "home", "process") as made:
        yield made


@pytest.fixture(autouse=True)
def connected(serving):
    lb.connect(serving.url, serving.token)


def test_it_offers_what_this_machine_has(serving):
    names = [runtime["name"] for runtime in serving.call("")["runtimes"]]
    assert f"python:{sys.version_info.major}.{sys.version_info.minor}" in names
    assert any(name.startswith("r:") for name in names)


def test_jobs_of_both_languages_run_and_hand_tables_on():
    first = lb.submit(lb.r("f <- function() data.frame(x = c(1.5, NA), y = c('a', NA))"))
    second = lb.submit(lambda d: d.assign(x=d["x"] * 2), first)
    pd.testing.assert_frame_equal(second.result(), pd.DataFrame({"x": [3.0, None], "y": ["a", None]}))


def test_a_death_is_named_as_in_a_container():
    with pytest.raises(lb.errors.JobFailed, match="SIGKILL"):
        lb.submit(lb.python("import os\n\ndef f():\n    os.kill(os.getpid(), 9)\n", "f")).result(timeout=LONG)


def test_a_cancelled_job_and_its_children_end(serving, tmp_path):
    mark = tmp_path / "child"
    code = f"import subprocess\n\ndef f():\n    subprocess.run(['sh', '-c', 'echo $$ > {mark}; exec sleep 600'])\n"
    job = lb.submit(lb.python(code, "f"))
    while not (mark.exists() and mark.read_text().strip()):
        serving.call("/events?wait=0.2")
    child = os.pidfd_open(int(mark.read_text()))
    job.cancel()
    with pytest.raises(lb.errors.JobCancelled):
        job.result(timeout=LONG)
    ended = select.poll()
    ended.register(child, select.POLLIN)
    assert ended.poll(LONG * 1000), "the job's child still runs"
    os.close(child)
