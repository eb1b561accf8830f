"""Jobs in containers that were started ahead: each in one of its own, with nothing left over from before."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time

import docker
import landbridge as lb
import pandas as pd
import pytest
from landbridge import submission
from landbridge_gateway.engines.docker import ATTEMPT_LABEL, GATEWAY_LABEL, DockerEngine
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder

from tests.faults.armed import FOLDER
from tests.faults.killing import Armed
from tests.faults.meeting import Meeting
from tests.patience import LONG, until
from tests.serving import COMMAND, Serving, containers_of

pytestmark = pytest.mark.docker
TRIES = 5

PYTHON = """
def look():
    import os
    import random
    import socket
    import tempfile
    from pathlib import Path

    import numpy as np

    drawn = [random.random(), float(np.random.rand())]
    left = sorted(str(path) for path in Path("/tmp").rglob("*") if "__pycache__" not in str(path))
    return {
        "host": socket.gethostname(), "pid": os.getpid(), "drawn": drawn, "left": left, "cwd": os.listdir("."),
        "environment": sorted(os.environ), "zone": os.environ["TZ"], "folder": os.environ["LANDBRIDGE_JOB_FOLDER"],
        "temporary": tempfile.gettempdir(),
    }
"""
R = """
look <- function() {
  seeded <- exists(".Random.seed", globalenv())
  drawn <- runif(2)
  list(
    host = Sys.info()[["nodename"]], pid = Sys.getpid(), drawn = drawn, seeded = seeded,
    left = as.list(setdiff(list.files("/tmp", all.files = TRUE, no.. = TRUE), basename(tempdir()))),
    own = as.list(list.files(tempdir())), cwd = as.list(list.files()), globals = as.list(ls(globalenv())),
    environment = as.list(sort(names(Sys.getenv()))), zone = Sys.getenv("TZ"),
    folder = Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  )
}
"""
LOOKS = {"python": lambda: lb.python(PYTHON, "look"), "r": lambda: lb.r(R, "look")}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    subprocess.run([*COMMAND, "images", "build", "python:3.14", "r:4.6"], check=True)
    with Serving(tmp_path_factory.mktemp("warm") / "home", LANDBRIDGE_POOL_MEMORY="400m") as made:
        yield made


@pytest.fixture(autouse=True)
def connected(serving):
    lb.connect(serving.url, serving.token)


def waiting(serving, language):
    usual = 2 * 1024**3
    return [one for one in serving.call("")["pool"] if (one["language"], one["memory"]) == (language, usual)]


def until_pool(serving, language, condition):
    """Wait for the pool by asking again: what it does is no event of a job."""
    deadline = time.monotonic() + LONG
    while not condition(waiting(serving, language)):
        assert time.monotonic() < deadline, waiting(serving, language)
        serving.call("/events?wait=0.05")


def ready_slot(serving, language="python"):
    lb.submit(LOOKS[language]()).result(LONG)
    until_pool(serving, language, lambda found: found and found[0]["ready"])


def run_warm(serving, language, task, *values):
    """A job that was handed a container which waited."""
    for _ in range(TRIES):
        ready_slot(serving, language)
        job = lb.submit(task, *values).wait(LONG)
        if job.document["environment"]["warm"]:
            return job
        # What the gateway says of the pool may be a moment old, and the one that waited be one too many since.
    raise AssertionError(serving.call("")["pool"])


@pytest.mark.parametrize("language", LOOKS)
def test_each_job_has_a_container_that_no_other_had_and_is_as_if_it_were_cold(serving, language):
    cold = lb.submit(lb.task(LOOKS[language](), seed=7, memory="1g"))
    expected = cold.result()
    assert cold.document["environment"]["warm"] is False
    found = [run_warm(serving, language, lb.task(LOOKS[language](), seed=7)).result() for _ in range(2)]
    assert len({one["host"] for one in (*found, expected)}) == 3
    for one in found:
        changing = {"host", "pid", "temporary", "left"} if language == "python" else {"host", "pid"}
        for name in set(expected) - changing:
            assert one[name] == pytest.approx(expected[name]) if name == "drawn" else one[name] == expected[name], name
    assert [len(one["left"]) for one in found] == [len(expected["left"])] * 2


@pytest.mark.parametrize("language", LOOKS)
def test_the_end_of_a_short_job_comes_with_its_acceptance(serving, language, monkeypatch):
    monkeypatch.setattr(submission, "_SHORT", 1.0)  # which a slow machine takes, too
    code = lb.python("def f():\n    return 1\n") if language == "python" else lb.r("f <- function() 1L")
    for _ in range(4 * TRIES):
        job = lb.submit(code)
        if job.known_state == "succeeded":
            return
        assert job.result(LONG) == 1  # it was cold, or the one before was
        cursor = serving.call("/events")["cursor"]
        serving.call(f"/events?after={cursor}&wait=2")  # nothing happens, but that a container is made ready
    raise AssertionError("no end came with its acceptance")


@pytest.mark.parametrize("language", LOOKS)
def test_tables_logs_and_errors_are_those_of_any_job(serving, language):
    frame = pd.DataFrame({"n": pd.array([1, None], "Int32"), "f": pd.Categorical(["b", None], ["a", "b"])})
    same = {
        "python": "def f(df):\n    print('hello')\n    return df\n",
        "r": "f <- function(df) { cat('hello\\n'); df }",
    }
    code = lb.python if language == "python" else lb.r
    job = run_warm(serving, language, code(same[language], "f"), frame)
    pd.testing.assert_frame_equal(job.result(), frame)
    assert job.logs("stdout") == "hello\n"
    bad = {"python": "def f():\n    raise ValueError('no')\n", "r": "f <- function() stop('no')"}
    failed = run_warm(serving, language, code(bad[language], "f"))
    assert "no" in str(failed.exception())
    died = {
        "python": "def f():\n    import os\n    os._exit(9)\n",
        "r": "f <- function() tools::pskill(Sys.getpid(), 9)",
    }
    dead = run_warm(serving, language, code(died[language], "f"))
    assert (dead.document["state"], dead.document["cause"]) == ("failed", "killed")


def test_a_job_with_limits_of_its_own_is_not_handed_a_slot_of_others(serving):
    run_warm(serving, "python", LOOKS["python"]())
    until_pool(serving, "python", lambda found: found and found[0]["ready"])
    job = lb.submit(lb.task(LOOKS["python"](), cpus=0.5))
    job.wait()
    assert job.document["environment"]["warm"] is False


def harmed(serving, harm, command=()):
    """Have it befall all slots that run; gives the names of those that it befell, which are some."""

    def befell():
        slots = [name for name in containers_of(serving.home, "status=running") if "slot_" in name]
        return [
            name
            for name in slots
            if not subprocess.run(["docker", harm, name, *command], capture_output=True).returncode
        ]

    # One that was killed may still be on its way out, and the one that was ready be too many, and removed just now.
    return until(befell, f"a slot to {harm}", LONG, lambda: containers_of(serving.home))


def test_a_slot_that_dies_or_is_paused_is_replaced(serving):
    for harm in ("kill", "pause"):
        ready_slot(serving)
        harmed(serving, harm)
        assert lb.submit(LOOKS["python"]()).result(LONG)["cwd"] == []


def test_a_job_whose_slot_is_killed_before_it_has_read_the_word_runs_elsewhere(tmp_path):
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="200m") as serving:
        lb.connect(serving.url, serving.token)
        for language in LOOKS:
            ready_slot(serving, language)
            (slot,) = harmed(serving, "exec", command=("sh", "-c", "kill -STOP -1"))  # it reads nothing any more
            job = lb.submit(LOOKS[language]())
            until(lambda job=job: job.refresh().state == "running", "a job that was handed a slot", LONG)
            assert job.document["environment"]["warm"] is True
            subprocess.run(["docker", "kill", slot], check=True, capture_output=True)
            assert job.result(LONG)["cwd"] == []
            again = job.refresh().document
            assert (again["environment"]["warm"], again["attempt"]) == (False, 1)


def test_a_job_whose_slot_was_paused_before_it_had_the_word_runs(tmp_path):
    meeting = Meeting(tmp_path / "meet")
    environ = {FOLDER: str(meeting.folder), "LANDBRIDGE_POOL_MEMORY": "200m"}
    with Armed(tmp_path / "home", "docker", **environ) as serving:
        lb.connect(serving.url, serving.token)
        ready_slot(serving)
        meeting.want("created and noted")
        job = lb.submit(LOOKS["python"]())
        handing = meeting.met()
        harmed(serving, "pause")
        handing.let_go()
        assert job.result(LONG)["cwd"] == []
        assert job.refresh().document["environment"]["warm"] is True
    meeting.close()


def test_the_engine_tells_of_a_pause_that_nobody_heard_of_and_ends_it(tmp_path):
    client, gateway, slot = docker.from_env(timeout=120), f"test{os.getpid()}", "slot_0000000000000000"
    runtimes = Runtimes.load(packaged_folder("containers"))
    engine = DockerEngine(gateway, runtimes, lambda given: ImageBuilder(given, locks=tmp_path))
    made = client.containers.run(
        *(engine.prepare("python:3.14", lambda _: None), ["600"]),
        entrypoint=["sleep"],
        name=f"landbridge-{gateway}-{slot}",
        labels={GATEWAY_LABEL: gateway, ATTEMPT_LABEL: slot},
        detach=True,
    )
    try:
        made.pause()
        told = queue.Queue()
        threading.Thread(target=engine.watch, args=(lambda *_: None, told.put), daemon=True).start()
        assert told.get(timeout=LONG) == slot
        engine.resume(slot)
        made.reload()
        assert made.status == "running"
        engine.resume(slot)  # which is fine
    finally:
        engine.close()
        made.remove(force=True)
        client.close()


def test_a_job_that_has_begun_and_is_paused_stays_so(serving):
    text = "def f():\n    import socket, time\n    print(socket.gethostname(), flush=True)\n    time.sleep(600)\n"
    ready_slot(serving)
    job = lb.submit(lb.python(text, "f"))
    deadline = time.monotonic() + LONG
    while not (host := job.logs("stdout").strip()):
        assert time.monotonic() < deadline
        serving.call("/events?wait=0.05")
    subprocess.run(["docker", "pause", host], check=True, capture_output=True)
    # A slot that is paused after it goes: by then the warden has heard of both.
    until_pool(serving, "python", lambda found: found and found[0]["ready"])
    later = harmed(serving, "pause")
    while set(later) & set(containers_of(serving.home)):
        assert time.monotonic() < deadline
    state = ["docker", "inspect", "--format", "{{.State.Status}}", host]
    assert subprocess.run(state, check=True, capture_output=True, text=True).stdout.strip() == "paused"
    job.cancel()
    assert job.wait(LONG).state == "cancelled"


def test_cancelling_reaches_a_warm_container(serving):
    text = "def f():\n    import time\n    print('begun', flush=True)\n    time.sleep(600)\n"
    lb.submit(LOOKS["python"]()).result()
    for _ in range(TRIES):
        until_pool(serving, "python", lambda found: found and found[0]["ready"])
        job = lb.submit(lb.python(text, "f"))
        while "begun" not in job.logs("stdout"):
            serving.call("/events?wait=0.05")
        warm = job.refresh().document["environment"]["warm"]
        job.cancel()
        assert job.wait().state == "cancelled"
        if warm:
            break
    assert warm is True


def test_the_bound_holds_and_the_end_leaves_nothing(tmp_path):
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="200m") as serving:
        lb.connect(serving.url, serving.token)
        for _ in range(3):
            lb.submit(LOOKS["python"]()).result()
        until_pool(serving, "python", lambda found: found and found[0]["ready"])
        assert sum(one["waiting"] for one in serving.call("")["pool"]) == 1
        told = subprocess.run([*COMMAND, "doctor"], env=serving.environ, capture_output=True, text=True, check=False)
        assert "pool: 1 of 1 ready for python:3.14; at most 200 MiB" in told.stdout
        serving.stop()
        assert containers_of(serving.home) == []


def test_too_little_memory_for_one_means_that_jobs_run_cold(tmp_path):
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="64m") as serving:
        lb.connect(serving.url, serving.token)
        for _ in range(2):
            job = lb.submit(LOOKS["python"]())
            job.wait()
            assert job.document["environment"]["warm"] is False
        assert serving.call("")["pool"] == []
