"""Secrets in real jobs, in containers and as plain processes, through kills: nothing has them but a file in memory."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import landbridge as lb
import pytest

from tests.hostile.canaries import CANARY, HIDDEN, files_with, has_canary, processes_with
from tests.serving import COMMAND, Serving

MEMORY = Path("/dev/shm")
# Prints it whole and in two writes, unless it is to be quiet; then it waits to be stopped, or ends as it is told.
PYTHON = """
import os, signal, sys
import landbridge as lb

def f(end):
    value = lb.secret("db_password")
    if end != "quiet":
        os.write(1, f"whole {value}\\n".encode())
        half = len(value) // 2
        os.write(2, value[:half].encode())
        os.write(2, value[half:].encode())
    print("begun", os.getpid(), flush=True)
    if end in ("wait", "quiet"):
        signal.pause()
    if end == "raise":
        raise ValueError(f"cannot sign in with {value}")
    return [len(value), value]
"""
R = """
f <- function(end) {
  value <- landbridge::secret("db_password")
  if (end != "quiet") {
    cat("whole", value, "\\n")
    half <- nchar(value) %/% 2
    cat(substr(value, 1, half), file = stderr()); cat(substring(value, half + 1), file = stderr())
  }
  cat("begun", Sys.getpid(), "\\n"); flush(stdout())
  if (end %in% c("wait", "quiet")) Sys.sleep(600)
  if (end == "raise") stop("cannot sign in with ", value)
  list(nchar(value), value)
}
"""
CODE = {"python": lambda: lb.python(PYTHON, "f"), "r": lambda: lb.r(R, "f")}
LANGUAGES = list(CODE)


def store(serving: Serving) -> None:
    """By the command line, from standard input."""
    command = [*COMMAND, "secret", "set", "db_password", "--home", str(serving.home)]
    done = subprocess.run(command, input=CANARY + "\n", capture_output=True, text=True, check=True)
    assert not has_canary((done.stdout + done.stderr).encode())


def test_the_command_line_tells_names_and_never_values(processes):
    def run(*words: str, given: bytes = b"") -> tuple[int, str]:
        command = [*COMMAND, "secret", *words, "--home", str(processes.home)]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        assert not has_canary(done.stdout + done.stderr)
        return done.returncode, (done.stdout + done.stderr).decode()

    assert run("set", "another", given=CANARY.encode())[0] == 0
    code, told = run("list")
    assert (code, [line.split()[:2] for line in told.splitlines()]) == (
        0,
        [["another", "owner"], ["db_password", "owner"]],
    )
    assert run("set", "bytes", given=b"\xff" * 20) == (
        1, "The value of a secret is text in UTF-8.\nStore bytes as base64, say.\n",
    )  # fmt: skip
    assert run("set", "another", CANARY[:-1])[0] == 2  # a value is no argument
    assert run("remove", "another") == (0, "another  removed\n")
    assert run("remove", "another")[0] == 1


def submit(language: str, end: str, **options) -> lb.Job:
    return lb.submit(lb.task(CODE[language](), secrets="db_password", **options), end)


def begun(serving: Serving, job: lb.Job) -> int:
    """Wait until user code has its secret; the process that runs it, as it sees itself."""
    while "begun" not in str(job.logs()):
        assert not lb.get(job.id).refresh().document["ended"], job.refresh().document
        serving.call("/events?wait=0.1")
    return int(str(job.logs()).split("begun ")[1].split()[0])


def gone(serving: Serving, job: lb.Job | lb.Sweep) -> None:
    """Wait until the container or process has been removed, and what it left was looked through."""
    while not any(stage["stage"] == "leaving" for stage in serving.call(f"/jobs/{job.id}/record")["stages"]):
        serving.call("/events?wait=0.1")


def nowhere(serving: Serving, job: lb.Job) -> None:
    gone(serving, job)
    found = [files_with(serving.home), processes_with(), list(MEMORY.glob(f"landbridge-{job.id}*"))]
    told = [str(job.logs()), serving.logs(), str(serving.call(f"/jobs/{job.id}")), *serving.said]
    told.append(str(serving.call(f"/jobs/{job.id}/record")))
    assert found == [[], [], []]
    assert not [text for text in told if has_canary(text.encode())]


def printed(job: lb.Job) -> None:
    text = str(job.logs())
    assert f"whole {HIDDEN}" in text
    assert text.count(HIDDEN) == 2


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("secrets") / "home", "process") as made:
        store(made)
        yield made


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    subprocess.run([*COMMAND, "images", "build", "python:3.14", "r:4.6"], check=True)
    with Serving(tmp_path_factory.mktemp("secrets") / "home") as made:
        store(made)
        yield made


class TestProcesses:
    @pytest.fixture(autouse=True)
    def serving(self, processes):
        lb.connect(processes.url, processes.token)
        return processes

    @pytest.mark.row("SE1", "SE2", "LG3")
    @pytest.mark.filterwarnings("ignore::landbridge.RemoteWarning")
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_it_is_nowhere_after_a_result_and_after_an_error(self, serving, language):
        job = submit(language, "return")
        assert job.result(timeout=60) == [len(CANARY), HIDDEN[1:]]  # a character of it has two bytes
        nowhere(serving, job)
        printed(job)
        failed = submit(language, "raise")
        with pytest.raises(lb.errors.JobFailed) as raised:
            failed.result(timeout=60)
        assert raised.value.message == f"cannot sign in with {HIDDEN[1:]}"
        nowhere(serving, failed)

    @pytest.mark.row("SE1", "SE2")
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_while_it_runs_it_is_in_its_file_alone(self, serving, language):
        job = submit(language, "quiet")
        begun(serving, job)
        (file,) = MEMORY.glob(f"landbridge-{job.id}.1/*")
        assert has_canary(file.read_bytes())
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o400, 0o700)
        assert (files_with(serving.home), processes_with()) == ([], [])
        job.cancel()
        nowhere(serving, job)

    @pytest.mark.row("SE4")
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_it_is_nowhere_after_its_process_was_killed(self, serving, language):
        job = submit(language, "wait")
        os.kill(begun(serving, job), signal.SIGKILL)
        with pytest.raises(lb.errors.JobFailed):
            job.result(timeout=60)
        nowhere(serving, job)
        printed(job)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_call_of_a_session_has_it_and_the_next_one_has_not(self, serving, language):
        with lb.session(language) as session:
            for _ in range(2):
                failed = session.submit(CODE[language](), "raise")
                with pytest.raises(lb.errors.JobFailed, match="was not given a secret"):
                    failed.result(timeout=60)
                call = session.submit(lb.task(CODE[language](), secrets="db_password"), "raise")
                with pytest.raises(lb.errors.JobFailed, match="cannot sign in with"):
                    call.result(timeout=60)
                nowhere(serving, call)
                assert list(MEMORY.glob(f"landbridge-{session.id}.1/*")) == []
        session.job.wait(60)
        nowhere(serving, session.job)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_points_of_a_sweep_have_it(self, serving, language):
        sweep = lb.map(lb.task(CODE[language](), secrets="db_password"), ["raise", "raise"])
        failed = sweep.result(on_error="return")
        gone(serving, sweep)
        assert [error.message for error in failed] == [f"cannot sign in with {HIDDEN[1:]}"] * 2
        assert files_with(serving.home) == []

    @pytest.mark.row("SE4")
    def test_it_is_nowhere_after_both_halves_were_killed(self, serving):
        job = submit("python", "wait")
        process = begun(serving, job)
        for name in ("gateway", "warden"):
            os.kill(serving.child(name), signal.SIGKILL)
        with pytest.raises(lb.errors.JobLost):
            job.result(timeout=60)
        os.kill(process, signal.SIGKILL)  # nobody knows the children of a warden that was killed
        nowhere(serving, job)


def inspected(name: str) -> bytes:
    """What Docker says of a container, of its image, and of the image's history."""
    told = subprocess.run(["docker", "inspect", name], capture_output=True, check=True).stdout
    image = subprocess.run(
        ["docker", "inspect", "-f", "{{.Image}}", name], capture_output=True, text=True, check=True
    ).stdout.strip()
    for command in (["inspect", image], ["history", "--no-trunc", image], ["logs", name], ["diff", name]):
        done = subprocess.run(["docker", *command], capture_output=True, check=False)
        told += done.stdout + done.stderr
    return told


def inside(name: str) -> list[str]:
    """The files in a container that hold it."""
    pattern = "4711-of-the-mine"
    found = subprocess.run(
        ["docker", "exec", name, "grep", "-rlF", pattern, "/dev/shm", "/tmp", "/job", "/run", "/var", "/etc"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return sorted(found.stdout.split())


@pytest.mark.docker
class TestContainers:
    @pytest.fixture(autouse=True)
    def serving(self, containers):
        lb.connect(containers.url, containers.token)
        return containers

    @pytest.mark.row("SE1", "SE2", "SE4", "LG3")
    @pytest.mark.parametrize("victims", [(), ("gateway", "warden")], ids=["", "killed"])
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_while_it_runs_it_is_in_its_file_alone_and_nowhere_afterwards(self, serving, language, victims):
        job = submit(language, "quiet")  # the first in a container of its own, the second in one that waited
        begun(serving, job)
        (name,) = [name for name in serving.containers() if name_of(serving, job) in name]
        assert inside(name) == [f"/dev/shm/landbridge-{job.id}.1/{job.id}.1"]
        assert not has_canary(inspected(name))
        assert (files_with(serving.home), processes_with()) == ([], [])
        for victim in victims:
            os.kill(serving.child(victim), signal.SIGKILL)
        job.cancel()
        assert job.wait(60).state == "cancelled"
        nowhere(serving, job)

    @pytest.mark.row("SE1", "LG3")
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_what_was_printed_is_masked_after_a_death(self, serving, language):
        job = submit(language, "wait")
        begun(serving, job)
        printed(job)
        (name,) = [name for name in serving.containers() if name_of(serving, job) in name]
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)
        with pytest.raises(lb.errors.JobFailed):
            job.result(timeout=60)
        nowhere(serving, job)
        printed(job)


def name_of(serving: Serving, job: lb.Job) -> str:
    """The attempt's own name, or that of the slot whose folder it has."""
    mark = serving.home / "depot" / "jobs" / job.id / "1" / "slot"
    return mark.read_text() if mark.exists() else job.id
