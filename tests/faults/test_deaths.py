"""The outcome ladder in real containers: every death is named with its cause, in R and in Python.

All deaths are submitted at once. What needs a daemon that is killed or a machine that loses power is decided by the
same ladder, and tested in tests/gateway (test_outcome, test_ends, test_attempts).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from typing import Any

import landbridge as lb
import pytest

from tests.gates import WAIT, let_go, until_said
from tests.patience import PATIENCE, until
from tests.serving import COMMAND, Serving, containers_of

pytestmark = pytest.mark.docker
MIB = 1024**2
_ALL_OF_THEM = 3 * PATIENCE
GREEDY = "head -c 1000000000 /dev/zero | tail > /dev/null"  # tail keeps what has no end of line


@dataclass(frozen=True)
class Death:
    python: str
    r: str
    cause: str | None
    says: str
    state: str = "failed"
    options: dict[str, Any] = field(default_factory=dict)
    tail: bool = True


DEATHS = {
    "user error": Death('raise ValueError("mine")', 'stop("mine")', "error", "^mine$", tail=False),
    "exit code": Death(
        "import os; os._exit(3)",
        'quit("no", 3)',
        "killed",
        "ended with exit code 3 .*Its memory peak was [0-9,]+ MiB of",
    ),
    "exit 137 by itself": Death(
        "import sys; sys.exit(137)", 'quit("no", 137)', "killed", "process ended with exit code 137 before"
    ),
    "a signal of user code": Death(
        "import os; os.kill(os.getpid(), 9)",
        "tools::pskill(Sys.getpid(), 9); Sys.sleep(60)",
        "killed",
        "ended by SIGKILL, or by itself with exit code 137",
    ),
    "main process out of memory": Death(
        "bytearray(10**9)",
        "sum(numeric(1.5e8))",
        "memory",
        r"more memory than its limit of 256 MiB \(peak 256 MiB\)",
        options={"memory": 256 * MIB},
    ),
    "a child out of memory": Death(
        f'import subprocess; subprocess.run(["sh", "-c", "{GREEDY}"])',
        f'system("{GREEDY}")',
        None,
        "The kernel ended a process of the job for want of memory .limit 256 MiB.",
        state="succeeded",
        options={"memory": 256 * MIB},
    ),
    "timeout": Death(
        "import time; time.sleep(600)",
        "Sys.sleep(600)",
        "timeout",
        "ran longer than its limit of 5 s.*Its memory peak was [0-9,]+ MiB of",
        options={"seconds": 5},
    ),
    "output limit, one file": Death(
        'open("/job/out/files/a", "wb").write(bytes(3 * 1024**2))',
        'writeBin(raw(3 * 1024^2), "/job/out/files/a"); Sys.sleep(600)',
        "disk",
        "File too large|a file as large as its limit of 1 MiB",
        options={"disk": MIB},
        tail=False,
    ),
    "output limit, many files": Death(
        """import time
    for i in range(9):
        open(f"/job/out/files/{i}", "wb").write(bytes(900_000))
    time.sleep(600)""",
        'for (i in 1:9) writeBin(raw(900000), paste0("/job/out/files/", i)); Sys.sleep(600)',
        "disk",
        "The job wrote [0-9] MiB, and its limit is 1 MiB",
        options={"disk": MIB},
    ),
    "pids limit": Death(
        'import subprocess; children = [subprocess.Popen(["sleep", "600"]) for _ in range(100)]',
        "for (i in 1:100) parallel::mcparallel(Sys.sleep(600))",
        "pids",
        "Resource temporarily unavailable|unable to fork",
        options={"pids": 48},
        tail=False,
    ),
}
LANGUAGES = ("python", "r")
CASES = [(language, name) for name in DEATHS for language in LANGUAGES]


def code(language: str, body: str) -> Any:
    if language == "python":
        return lb.python(f'def f():\n    print("last words", flush=True)\n    {body}\n', "f")
    return lb.r(f'f <- function() {{ cat("last words\\n"); {body} }}', "f")


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    subprocess.run([*COMMAND, "images", "build", "python:3.14", "r:4.6"], check=True)
    given = {"LANDBRIDGE_GRACE": "1", "LANDBRIDGE_LEASE": "3", "LANDBRIDGE_POOL_MEMORY": "0", "LANDBRIDGE_RUNNING": "4"}
    with Serving(tmp_path_factory.mktemp("deaths") / "home", **given) as made:
        lb.connect(made.url, made.token)
        yield made


@pytest.fixture(scope="module")
def dead(serving):
    """Every death by language and name, all of them under way."""
    return {
        (language, name): lb.submit(lb.task(code(language, getattr(DEATHS[name], language)), **DEATHS[name].options))
        for language, name in CASES
    }


def begun(serving: Serving, *bodies: tuple[str, str], **options: Any) -> list[lb.Job]:
    """Jobs whose user code runs."""
    jobs = [lb.submit(lb.task(code(*body), **options)) for body in bodies]
    until_said("last words", *jobs)
    return jobs


SLEEP = (("python", "import time; time.sleep(600)"), ("r", "Sys.sleep(600)"))


@pytest.mark.parametrize(("language", "name"), CASES)
def test_its_cause_is_named_with_what_is_known_of_it(serving, dead, language, name):
    job, death = dead[language, name], DEATHS[name]
    told = job.wait(_ALL_OF_THEM).refresh().document
    assert (told["state"], told["cause"]) == (death.state, death.cause)
    if death.state == "succeeded":
        warned = " ".join(warning["message"] for warning in told["warnings"])
        assert re.search(death.says, warned), serving.call(f"/jobs/{job.id}/attempts")
        return
    error = job.exception()
    assert re.search(death.says, error.message), error.message
    assert death.cause == "error" or error.hint
    if death.tail:
        assert "Last lines of stdout:\n  last words" in str(error)
    show = subprocess.run([*COMMAND, "show", job.id], env=serving.environ, capture_output=True, text=True, check=True)
    assert error.message.splitlines()[0] in show.stdout


def test_the_r_client_says_the_same(serving, dead, tmp_path):
    job = dead["r", "main process out of memory"].wait(_ALL_OF_THEM)
    script = tmp_path / "look.R"
    script.write_text(
        f'library(landbridge)\nx <- tryCatch(result("{job.id}"), error = identity)\ncat(conditionMessage(x))\n'
        f'seen <- attempts("{job.id}")\ncat("\\n", seen$state, seen$cause, seen$memory_peak / 1024^2)'
    )
    done = subprocess.run(
        ["Rscript", "--vanilla", str(script)], env=serving.environ, capture_output=True, text=True, check=True
    )
    assert job.exception().message in done.stdout
    assert "  last words" in done.stdout
    assert done.stdout.splitlines()[-1].split()[:2] == ["failed", "memory"]


def test_a_container_that_somebody_removes_makes_its_job_lost(serving):
    """F5."""
    jobs = begun(serving, *SLEEP)
    names = [name for name in serving.containers() if any(job.id in name for job in jobs)]
    subprocess.run(["docker", "rm", "-f", *names], check=True, capture_output=True)
    for job in jobs:
        error = job.exception(PATIENCE)
        assert isinstance(error, lb.errors.JobLost)
        assert "The job's container was removed by somebody" in error.message
        assert "last words" in str(error)


def test_a_lost_job_is_tried_again_where_that_was_asked_for(serving):
    body = """import time, landbridge
    number = landbridge.context()["attempt"]
    time.sleep(600 if number == 1 else 0)
    return number"""
    (job,) = begun(serving, ("python", body), retries=1)
    (name,) = [name for name in serving.containers() if job.id in name]
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
    assert job.result(PATIENCE) == 2
    assert [one["state"] for one in job.attempts()] == ["lost", "succeeded"]
    assert job.logs("stdout", attempt=1) == "last words\n"


STUBBORN = """import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "86399.25"])
        os._exit(0)
    time.sleep(600)"""


def test_a_job_that_ignores_the_word_and_forks_away_is_dead_all_the_same(serving):
    """F12."""
    (job,) = begun(serving, ("python", STUBBORN))
    job.cancel()
    assert isinstance(job.exception(PATIENCE), lb.errors.JobCancelled)
    left = subprocess.run(["pgrep", "-f", "sleep 86399.25"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def pause(serving: Serving, job: lb.Job) -> None:
    (name,) = [name for name in serving.containers() if job.id in name]
    subprocess.run(["docker", "pause", name], check=True, capture_output=True)


def test_a_container_that_was_paused_by_hand_can_be_cancelled_and_runs_out_of_time(serving):
    """F6."""
    # The first has time enough, and the second is paused as soon as it runs.
    (cancelled,) = begun(serving, SLEEP[0])
    pause(serving, cancelled)
    (late,) = begun(serving, SLEEP[0], seconds=20)
    pause(serving, late)
    cancelled.cancel()
    assert isinstance(cancelled.exception(PATIENCE), lb.errors.JobCancelled)
    assert late.exception(PATIENCE).cause == "timeout"


def test_a_stalled_warden_loses_nothing_and_its_late_word_counts_for_nothing(serving):
    """F25: SIGSTOP for longer than the lease."""
    body = f"""import landbridge
    number = landbridge.context()["attempt"]
    if number > 1:
        return number
    {WAIT}
    return number"""
    patient, eager = (lb.submit(lb.task(code("python", body), retries=retries)) for retries in (0, 1))
    until_said("last words", patient, eager)
    warden = serving.child("warden")
    os.kill(warden, signal.SIGSTOP)
    try:
        for job in (patient, eager):
            let_go(serving.home, job)
            until((serving.home / "depot" / "jobs" / job.id / "1" / "out" / "result.json").exists, "its result")
        until(lambda: eager.refresh().state == "queued", "its next attempt", instead=lambda: eager.state)
        assert patient.refresh().state == "running"
    finally:
        os.kill(warden, signal.SIGCONT)
    assert patient.result(PATIENCE) == 1
    assert eager.result(PATIENCE) == 2
    assert [(one["state"], one["late"]) for one in eager.attempts()] == [("superseded", "result"), ("succeeded", None)]
    assert len(patient.attempts()) == 1


def test_nothing_is_left_of_any_of_them(serving, dead):
    for job in dead.values():
        job.wait(_ALL_OF_THEM)
    until(lambda: not containers_of(serving.home), "the end of all containers", instead=serving.containers, pause=0.1)
