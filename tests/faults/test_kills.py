"""What the README promises under kills: accepted jobs are not lost, running ones go on, nothing runs twice."""

from __future__ import annotations

import os
import signal
import subprocess

import landbridge as lb
import pytest

from tests.serving import COMMAND, Serving, containers_of

pytestmark = pytest.mark.docker

SLOW = """
import time

def f(seconds):
    print("begun", flush=True)
    time.sleep(seconds)
    return "done"
"""


@pytest.fixture(scope="module", autouse=True)
def images():
    subprocess.run([*COMMAND, "images", "build", "python:3.14"], check=True)


@pytest.fixture
def serving(tmp_path):
    with Serving(tmp_path / "home") as made:
        lb.connect(made.url, made.token)
        yield made


def begun(serving: Serving, seconds: float) -> lb.Job:
    """A job whose user code runs."""
    job = lb.submit(lb.python(SLOW, "f"), seconds)
    while "begun" not in str(job.logs()):
        serving.call("/events?wait=0.1")
    return job


def told(serving: Serving, job: lb.Job) -> list[str]:
    page = serving.call(f"/jobs/{job.id}")["job"]
    assert page["attempt"] == 1
    return [event["state"] for event in serving.call("/events?after=0")["events"] if event["job"] == job.id]


@pytest.mark.parametrize("victims", [("gateway",), ("warden",), ("gateway", "warden")], ids="+".join)
def test_a_running_job_goes_on_when_halves_are_killed(serving, victims):
    job = begun(serving, 4)
    for name in victims:
        os.kill(serving.child(name), signal.SIGKILL)
    assert job.result(timeout=60) == "done"
    assert told(serving, job) == ["waiting", "queued", "running", "succeeded"]


def test_what_was_accepted_survives_a_kill_at_once(serving):
    jobs = [lb.submit(lb.python(SLOW, "f"), 0.1) for _ in range(4)]
    os.kill(serving.child("gateway"), signal.SIGKILL)
    assert [job.result(timeout=60) for job in jobs] == ["done"] * 4
    for job in jobs:
        assert serving.call(f"/jobs/{job.id}")["job"]["state"] == "succeeded"


def test_jobs_go_on_while_nothing_serves_and_are_taken_up_again(tmp_path):
    with Serving(tmp_path / "home") as first:
        lb.connect(first.url, first.token)
        short, long = begun(first, 4), begun(first, 12)
        assert first.stop() == 0
        waiting = subprocess.run(
            ["docker", "wait", *[name for name in containers_of(first.home) if short.id in name]],
            capture_output=True,
            text=True,
            check=True,
        )
        assert waiting.stdout.split() == ["0"]
        with Serving(first.home) as second:
            lb.connect(second.url, second.token)
            assert lb.get(short.id).result(timeout=60) == "done"
            assert lb.get(long.id).result(timeout=60) == "done"
            assert told(second, long) == ["waiting", "queued", "running", "succeeded"]


def test_a_container_that_somebody_removed_makes_its_job_lost_and_is_not_run_again(serving):
    job = begun(serving, 600)
    (name,) = [name for name in serving.containers() if job.id in name]
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
    with pytest.raises((lb.errors.JobLost, lb.errors.JobFailed)):
        job.result(timeout=60)
    assert told(serving, job)[:3] == ["waiting", "queued", "running"]
    assert [name for name in serving.containers() if job.id in name] == []


def test_a_container_of_somebody_else_is_not_touched(serving):
    job = lb.submit(lb.python(SLOW, "f"), 0.1)
    assert job.result(timeout=60) == "done"
    used = serving.call(f"/jobs/{job.id}")["job"]["environment"]["image"]
    made = subprocess.run(
        [
            "docker",
            "run",
            "-d",
            "--network",
            "none",
            "--label",
            "landbridge.gateway=another",
            "--entrypoint",
            "sleep",
            used,
            "600",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    try:
        os.kill(serving.child("warden"), signal.SIGKILL)
        assert serving.next_line() == "the warden ended and is started again"
        assert serving.next_line() == "the warden is back"
        assert lb.submit(lb.python(SLOW, "f"), 0.1).result(timeout=60) == "done"
        running = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Running}}", made], capture_output=True, text=True, check=True
        )
        assert running.stdout.strip() == "true"
    finally:
        subprocess.run(["docker", "rm", "-f", made], check=False, capture_output=True)


def ready(serving: Serving) -> None:
    while not any(one["ready"] for one in serving.call("")["pool"]):
        serving.call("/events?wait=0.05")


@pytest.mark.parametrize("victims", [("gateway",), ("warden",), ("gateway", "warden")], ids="+".join)
def test_a_job_in_a_container_that_was_started_ahead_goes_on_too(serving, victims):
    lb.submit(lb.python(SLOW, "f"), 0).result()
    ready(serving)
    job = begun(serving, 4)
    assert job.refresh().document["environment"]["warm"] is True
    for name in victims:
        os.kill(serving.child(name), signal.SIGKILL)
    assert job.result(timeout=60) == "done"
    assert told(serving, job) == ["waiting", "queued", "running", "succeeded"]


def test_what_only_waited_goes_with_the_warden_and_is_replaced(serving):
    lb.submit(lb.python(SLOW, "f"), 0).result()
    ready(serving)
    before = {name for name in containers_of(serving.home) if "slot_" in name}
    os.kill(serving.child("warden"), signal.SIGKILL)
    assert lb.submit(lb.python(SLOW, "f"), 0).result(timeout=60) == "done"
    ready(serving)
    assert before.isdisjoint(containers_of(serving.home))


def test_a_session_outlives_both_halves(serving):
    kept = "def keep(x):\n    global kept\n    kept = x\n"
    with lb.session() as session:
        session.submit(lb.python(kept, "keep"), 41).result()
        for name in ("gateway", "warden"):
            os.kill(serving.child(name), signal.SIGKILL)
        assert session.submit(lb.python("def more(x):\n    return kept + x\n", "more"), 1).result(timeout=60) == 42
    assert session.job.wait(60).state == "succeeded"
