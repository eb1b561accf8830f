"""What the README promises under kills: accepted jobs are not lost, running ones go on, nothing runs twice."""

from __future__ import annotations

import subprocess

import landbridge as lb
import pytest

from tests.gates import WAIT, let_go, until_said
from tests.patience import PATIENCE, until
from tests.serving import COMMAND, Serving, containers_of

pytestmark = pytest.mark.docker

SLOW = """
import time

def f(seconds):
    print("begun", flush=True)
    time.sleep(seconds)
    return "done"
"""
HELD = f"""
def f():
    print("begun", flush=True)
    {WAIT}
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
    until_said("begun", job)
    return job


def told(serving: Serving, job: lb.Job) -> list[str]:
    page = serving.call(f"/jobs/{job.id}")["job"]
    assert page["attempt"] == 1
    return [event["state"] for event in serving.call("/events?after=0")["events"] if event["job"] == job.id]


@pytest.mark.parametrize("victims", [("gateway",), ("warden",), ("gateway", "warden")], ids="+".join)
def test_a_running_job_goes_on_when_halves_are_killed(serving, victims):
    job = begun(serving, 4)
    for name in victims:
        serving.kill(name)
    assert job.result(timeout=PATIENCE) == "done"
    assert told(serving, job) == ["waiting", "queued", "running", "succeeded"]


def test_what_was_accepted_survives_a_kill_at_once(serving):
    jobs = [lb.submit(lb.python(SLOW, "f"), 0.1) for _ in range(4)]
    serving.kill("gateway")
    assert [job.result(timeout=PATIENCE) for job in jobs] == ["done"] * 4
    for job in jobs:
        assert serving.call(f"/jobs/{job.id}")["job"]["state"] == "succeeded"


def test_jobs_go_on_while_nothing_serves_and_are_taken_up_again(tmp_path):
    # Each in a container of its own, which waits until it is let go.
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="0") as first:
        lb.connect(first.url, first.token)
        short, long = (lb.submit(lb.python(HELD, "f")) for _ in range(2))
        until_said("begun", short, long)
        assert first.stop() == 0
        (name,) = [name for name in containers_of(first.home) if short.id in name]
        let_go(first.home, short)
        waiting = subprocess.run(["docker", "wait", name], capture_output=True, text=True, check=True, timeout=PATIENCE)
        assert waiting.stdout.split() == ["0"]
        with Serving(first.home, LANDBRIDGE_POOL_MEMORY="0") as second:
            lb.connect(second.url, second.token)
            let_go(second.home, long)
            assert lb.get(short.id).result(timeout=PATIENCE) == "done"
            assert lb.get(long.id).result(timeout=PATIENCE) == "done"
            assert told(second, long) == ["waiting", "queued", "running", "succeeded"]


def test_a_container_that_somebody_removed_makes_its_job_lost_and_is_not_run_again(serving):
    job = begun(serving, 600)
    (name,) = [name for name in serving.containers() if job.id in name]
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
    with pytest.raises((lb.errors.JobLost, lb.errors.JobFailed)):
        job.result(timeout=PATIENCE)
    assert told(serving, job)[:3] == ["waiting", "queued", "running"]
    assert [name for name in serving.containers() if job.id in name] == []


def test_a_container_of_somebody_else_is_not_touched(serving):
    job = lb.submit(lb.python(SLOW, "f"), 0.1)
    assert job.result(timeout=PATIENCE) == "done"
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
        serving.kill("warden")
        assert serving.next_line() == "the warden ended and is started again"
        assert serving.next_line() == "the warden is back"
        assert lb.submit(lb.python(SLOW, "f"), 0.1).result(timeout=PATIENCE) == "done"
        running = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Running}}", made], capture_output=True, text=True, check=True
        )
        assert running.stdout.strip() == "true"
    finally:
        subprocess.run(["docker", "rm", "-f", made], check=False, capture_output=True)


def ready(serving: Serving) -> None:
    def waits() -> bool:
        return any(one["ready"] for one in serving.call("")["pool"])

    until(waits, "a container that waits for a job", instead=lambda: serving.call("")["pool"])


@pytest.mark.parametrize("victims", [("gateway",), ("warden",), ("gateway", "warden")], ids="+".join)
def test_a_job_in_a_container_that_was_started_ahead_goes_on_too(serving, victims):
    lb.submit(lb.python(SLOW, "f"), 0).result(timeout=PATIENCE)
    ready(serving)
    job = begun(serving, 4)
    assert job.refresh().document["environment"]["warm"] is True
    for name in victims:
        serving.kill(name)
    assert job.result(timeout=PATIENCE) == "done"
    assert told(serving, job) == ["waiting", "queued", "running", "succeeded"]


def test_what_only_waited_goes_with_the_warden_and_is_replaced(serving):
    lb.submit(lb.python(SLOW, "f"), 0).result(timeout=PATIENCE)
    ready(serving)
    before = {name for name in containers_of(serving.home) if "slot_" in name}
    serving.kill("warden")
    assert lb.submit(lb.python(SLOW, "f"), 0).result(timeout=PATIENCE) == "done"
    ready(serving)
    until(lambda: before.isdisjoint(containers_of(serving.home)), f"the end of {before}", instead=serving.containers)


def test_a_session_outlives_both_halves(serving):
    kept = "def keep(x):\n    global kept\n    kept = x\n"
    with lb.session() as session:
        session.submit(lb.python(kept, "keep"), 41).result(timeout=PATIENCE)
        for name in ("gateway", "warden"):
            serving.kill(name)
        assert (
            session.submit(lb.python("def more(x):\n    return kept + x\n", "more"), 1).result(timeout=PATIENCE) == 42
        )
    assert session.job.wait(PATIENCE).state == "succeeded"
