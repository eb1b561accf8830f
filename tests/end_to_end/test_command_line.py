"""The `landbridge` command beside a running gateway."""

from __future__ import annotations

import json
import subprocess

import landbridge as lb
import pytest
from landbridge.client import current

from tests.patience import LONG
from tests.serving import COMMAND, Serving

REPORTING = """
import landbridge as lb

def f():
    print("one")
    print("two")
    lb.log_metric("loss", 0.5)
    return 1
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("command") / "home", "process") as made:
        yield made


@pytest.fixture
def landbridge(serving):
    def run(*words: str, expect: int = 0, home: str | None = None) -> str:
        command = [*COMMAND, *words, "--home", home or str(serving.home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout if expect == 0 else done.stderr

    return run


@pytest.fixture(scope="module")
def job(serving):
    lb.connect(serving.url, serving.token)
    made = lb.submit(lb.task(lb.python(REPORTING, "f"), name="shown", experiment="commands"))
    assert made.result(timeout=LONG) == 1
    return made


def test_jobs_are_listed_and_shown(landbridge, job):
    line = landbridge("jobs", "--experiment", "commands").split()
    assert line[:3] == [job.id, "succeeded", "python"]
    assert line[-1] == "shown"
    assert [found["id"] for found in json.loads(landbridge("jobs", "--json"))] == [job.id]
    assert landbridge("jobs", "--state", "failed") == ""
    shown = landbridge("show", job.id)
    assert "state       succeeded" in shown
    assert "loss        0.5" in shown
    assert json.loads(landbridge("show", job.id, "--json"))["record"]["metrics"][0]["name"] == "loss"


def test_logs_are_printed_to_their_end(landbridge, job):
    assert landbridge("logs", job.id, "--tail", "1") == "two\n"
    assert landbridge("logs", job.id, "--follow") == "one\ntwo\n"


def test_a_job_is_cancelled_and_an_ended_one_stays(landbridge, job):
    sleeper = lb.submit(lb.python("import time\n\ndef f():\n    time.sleep(600)\n", "f"))
    landbridge("cancel", sleeper.id)
    with pytest.raises(lb.errors.JobCancelled):
        sleeper.result(timeout=LONG)
    assert landbridge("cancel", job.id) == f"{job.id}  succeeded\n"


def test_tokens_and_links(landbridge, serving):
    assert landbridge("token").strip() == serving.token
    assert landbridge("token", "--link").startswith(f"{serving.url}/signin?code=")


def test_tokens_of_others_are_made_listed_and_taken_back(landbridge, serving):
    secret = landbridge("token", "add", "--name", "anna", "--role", "viewer", "--expires", "30d").strip()
    lb.connect(serving.url, secret)
    with pytest.raises(lb.errors.Forbidden, match="of the role viewer"):
        lb.submit(lb.python("def f():\n    return 1\n", "f"))
    rows = {row["name"]: row for row in json.loads(landbridge("token", "list", "--json"))}
    assert (rows["anna"]["role"], rows["anna"]["valid"], rows["owner"]["role"]) == ("viewer", True, "admin")
    assert secret not in landbridge("token", "list")
    assert landbridge("token", "revoke", "anna") == "anna  revoked\n"
    with pytest.raises(lb.errors.Unauthorized):
        lb.connect(serving.url, secret)
    assert "revoked" in landbridge("token", "list").splitlines()[0]
    assert landbridge("token", "revoke", "nobody", expect=1).startswith("There is no token `nobody`.")
    assert "no duration" in landbridge("token", "add", "--name", "b", "--expires", "soon", expect=2)


def test_a_running_home_is_backed_up_and_another_made_of_it(landbridge, job, serving, tmp_path):
    archive, new = tmp_path / "backup.tar", tmp_path / "new"
    assert landbridge("backup", str(archive)).startswith(f"{archive}  ")
    assert landbridge("backup", str(archive), expect=1).splitlines()[0] == f"{archive} is there already."
    assert landbridge("restore", str(archive), home=str(new)).startswith(f"{new}  ")
    assert landbridge("restore", str(archive), expect=1, home=str(new)).splitlines()[0] == f"{new} is not empty."
    with Serving(new, "process") as restored:
        found = restored.call(f"/jobs/{job.id}")["job"]
        assert (found["state"], found["result"]["value"]) == ("succeeded", 1)
        assert restored.token != serving.token


def test_old_jobs_are_removed_once_it_is_said_so(landbridge, serving):
    lb.connect(serving.url, serving.token)
    made = lb.submit(lb.task(lb.python("def f():\n    return 1\n", "f"), name="old", experiment="old"))
    made.result(timeout=LONG)
    lines = landbridge("gc", "--experiment", "old").splitlines()
    assert lines[0].split()[:2] == [made.id, "succeeded"]
    assert lines[1].startswith("would remove 1 job, 0 objects, ")
    assert lines[-1] == "nothing was removed; --yes removes it"
    assert landbridge("gc", "--experiment", "old", "--older-than", "1d").startswith("would remove 0 jobs, 0 objects")
    assert landbridge("gc", "--experiment", "old", "--yes").splitlines()[1].startswith("removed 1 job, 0 objects, ")
    with pytest.raises(lb.errors.JobRemoved, match=f"The job `{made.id}` .old, succeeded. was removed by"):
        current().get(f"/jobs/{made.id}")
    assert landbridge("gc", expect=1).splitlines()[0] == "Nothing says what is to go."
    assert "no duration" in landbridge("gc", "--older-than", "soon", expect=2)


def test_what_is_not_there_is_said_with_a_way_out(landbridge, tmp_path):
    assert landbridge("show", "job_0000000000000000", expect=1).splitlines()[0] == (
        "There is no job `job_0000000000000000`."
    )
    assert landbridge("jobs", "--state", "done", expect=1).startswith("`done` is not a state.")
    assert landbridge("jobs", home=str(tmp_path), expect=1).splitlines() == [
        f"No gateway was started with {tmp_path} yet.",
        "Start one with `landbridge serve`.",
    ]


def test_settings_say_where_they_come_from(landbridge, serving):
    rows = {row["name"]: row for row in json.loads(landbridge("config", "--json"))}
    assert rows["home"]["value"] == str(serving.home)
    assert rows["home"]["from"] == "call"
    assert rows["port"]["variable"] == "LANDBRIDGE_PORT"
