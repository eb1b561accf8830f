"""submit() from Python: real jobs of both languages in real containers."""

from __future__ import annotations

import threading
import warnings

import landbridge as lb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.patience import LONG

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("client")]

FACTOR = 3


def times(x):
    return x * FACTOR


def triple(x):
    """Uses a helper and a global of this file."""
    return times(x)


class OwnError(ValueError):
    pass


def fails(depth):
    print("before the end")
    if depth > 6:
        raise OwnError(f"depth {depth} is too deep")


DYING = """
import os, sys

def half_a_result():
    with open(os.environ["LANDBRIDGE_JOB_FOLDER"] + "/out/result.json", "w") as out:
        out.write('{"kind": ')
    os._exit(0)

def f():
    print("last words", flush=True)
"""
TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 1.5], "c": ["x", None, "z"]})


def test_a_function_with_its_helpers():
    assert lb.submit(triple, 14).result() == 42


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_frame_comes_back_in_the_kind_it_came(kind):
    table = {"pandas": lambda: TABLE, "polars": lambda: pl.from_pandas(TABLE), "pyarrow": lambda: pa.table(TABLE)}[
        kind
    ]()
    back = lb.submit(lambda x: x, table).result()
    assert type(back) is type(table)
    assert pd.DataFrame(back.to_pandas() if kind != "pandas" else back).equals(
        pd.DataFrame(table.to_pandas() if kind != "pandas" else table)
    )


def test_a_job_of_the_other_language_uses_the_result_and_nothing_passes_through_the_client():
    python = lb.submit(lambda: pd.DataFrame({"x": [1.5, 2.5]}))
    r = lb.submit(lb.r("double <- function(d) { d$x <- d$x * 2; d }"), python)
    assert r.result()["x"].tolist() == [3.0, 5.0]
    whole = lb.submit(lambda d: float(d["x"].sum()), r)
    assert whole.result() == 8.0


def test_a_part_of_a_result_can_be_handed_on():
    both = lb.submit(lambda: {"left": [1, 2], "right": "yes"})
    assert lb.submit(lambda x: sum(x), both["left"]).result() == 3


def test_an_error_tells_where_in_whose_code():
    with pytest.raises(lb.errors.JobFailed) as caught:
        lb.submit(fails, 7).result()
    text = str(caught.value)
    assert "OwnError" in text
    assert "depth 7 is too deep" in text
    assert "raise OwnError" in text
    assert "test_python.py" in text
    assert "landbridge/worker" not in text


def test_an_error_of_r_tells_its_class_and_line():
    with pytest.raises(lb.errors.JobFailed) as caught:
        lb.submit(lb.r("f <- function(x) {\n  stop('no such ', x)\n}"), "thing").result()
    assert "no such thing" in str(caught.value)
    assert "stop('no such ', x)" in str(caught.value)


def test_warnings_of_the_job_are_warnings_here():
    def warns():
        import warnings

        warnings.warn("careful now", stacklevel=1)
        return 1

    job = lb.submit(warns)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert job.result() == 1
        assert job.result() == 1
    assert [str(warning.message) for warning in caught].count("careful now") <= 1
    assert "careful now" in str(caught[0].message)


def test_logs_record_and_state_are_readable():
    def reports():
        import landbridge as lb

        print("hello")
        lb.log_metric("loss", 0.5, step=1)
        lb.log_param("depth", 6)
        lb.set_tag("stage", "trial")
        lb.save_value("kept", [1, 2])

    job = lb.submit(lb.task(reports, name="reporter", experiment="trials"))
    assert job.result() is None
    assert job.state == "succeeded"
    assert job.done()
    assert "hello" in str(job.logs())
    assert [(metric["name"], metric["value"]) for metric in job.metrics()] == [("loss", 0.5)]
    record = job.record()
    assert record["params"] == {"depth": 6}
    assert record["tags"] == {"stage": "trial"}
    assert lb.get(job.id).name == "reporter"
    assert job.id in [found.id for found in lb.jobs(experiment="trials")]


def test_a_script_runs_as_it_is(tmp_path):
    script = tmp_path / "report.R"
    script.write_text("total <- depth + 1\n")
    assert lb.submit(lb.task(str(script), outputs=["total"]), depth=3).result() == {"total": 4}


def test_a_running_job_is_cancelled(gateway):
    def sleeps():
        import time

        time.sleep(600)

    job = lb.submit(sleeps)
    while job.state != "running":
        gateway.call("/events?wait=5")
    job.cancel()
    with pytest.raises(lb.errors.JobCancelled, match=f"Job {job.id} was cancelled."):
        job.result(timeout=LONG)


def test_a_file_out_is_saved_and_downloaded():
    def writes():
        from pathlib import Path

        import landbridge as lb

        Path("notes.txt").write_text("made inside")
        return lb.as_file("notes.txt")

    assert lb.submit(writes).result().read_text() == "made inside"


def test_an_object_of_python_is_loaded_only_when_trusted():
    job = lb.submit(lambda: {1, 2, 3})
    with pytest.raises(lb.errors.NeedsTrust, match="is loaded only when trusted"):
        job.result()
    assert lb.submit(lambda s: len(s), job).result() == 3


def test_one_waiting_request_serves_all_jobs_and_a_result_comes_before_the_container_is_gone(gateway):
    def lingers():
        import threading
        import time

        # What is left running after the result keeps the process, and so the container, for a while.
        threading.Thread(target=time.sleep, args=(60,)).start()
        return "early"

    job = lb.submit(lingers)
    assert job.result(timeout=LONG) == "early"
    slot = gateway.home / "depot" / "jobs" / job.id / "1" / "slot"
    container = slot.read_text() if slot.exists() else job.id
    assert [name for name in gateway.containers() if container in name]
    job.cancel()


def test_many_handles_wait_at_once():
    jobs = [lb.submit(lambda x: x, number) for number in range(4)]
    found = {}
    waiting = [threading.Thread(target=lambda job=job: found.update({job.id: job.result()})) for job in jobs]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(120)
    assert [found[job.id] for job in jobs] == [0, 1, 2, 3]


class TestBadInput:
    def test_a_misspelt_option(self):
        with pytest.raises(lb.errors.UnknownOption) as caught:
            lb.task(triple, memroy="4g")
        assert str(caught.value) == "`memroy` is not an option of task().\nDid you mean `memory`?"

    def test_a_misspelt_argument(self):
        with pytest.raises(lb.errors.UnknownArgument) as caught:
            lb.submit(fails, detph=1)
        assert str(caught.value) == "`fails` has no argument `detph`.\nDid you mean `depth`?"

    def test_a_function_that_cannot_be_captured_names_the_thing_inside(self):
        lock = threading.Lock()
        with pytest.raises(lb.errors.FunctionNotCaptured, match="lock"):
            lb.submit(lambda: lock.locked())

    def test_a_value_that_cannot_cross_names_its_path(self):
        with pytest.raises(lb.errors.ValueCannotCross, match=r"`x\[.a.\]\[1\]` cannot cross: "):
            lb.submit(triple, {"a": [1, threading.Lock()]})

    def test_an_unknown_runtime_lists_those_there_are(self):
        with pytest.raises(lb.errors.UnknownRuntime) as caught:
            lb.submit(lb.task(triple, runtime="python:2.7"), 1)
        assert "There is no runtime `python:2.7` for python." in str(caught.value)
        assert "`python:3.14`" in str(caught.value)

    def test_code_that_does_not_parse(self):
        with pytest.raises(lb.errors.CodeDoesNotParse, match=r"\(line 2\)"):
            lb.submit(lb.python("def f(x):\n    return (x\n", "f"), 1)
        with pytest.raises(lb.errors.CodeDoesNotParse, match=r"unexpected `\}` \(line 3\)"):
            lb.submit(lb.r("f <- function(x) {\n  x +\n}", "f"), 1)

    def test_a_job_that_does_not_exist(self):
        with pytest.raises(lb.errors.UnknownJob, match=r"There is no job `job_0000000000000000`\."):
            lb.get("job_0000000000000000")

    def test_no_gateway_says_how_to_start_one(self, gateway):
        try:
            with pytest.raises(lb.errors.GatewayUnreachable) as caught:
                lb.connect("http://127.0.0.1:9", "x")
                lb.submit(triple, 1)
            assert str(caught.value) == (
                "No gateway answers at http://127.0.0.1:9.\nStart one with `landbridge serve`, or set LANDBRIDGE_URL."
            )
        finally:
            lb.connect(gateway.url, gateway.token)

    def test_a_wrong_token(self, gateway):
        try:
            with pytest.raises(lb.errors.Unauthorized, match=r"The token is not one of this gateway's\."):
                lb.connect(gateway.url, "lb_wrong")
                lb.submit(triple, 1)
        finally:
            lb.connect(gateway.url, gateway.token)

    @pytest.mark.parametrize(
        ("ending", "cause", "told"),
        [
            ("sys.exit(3)", "killed", "exit code 3"),
            ("os._exit(137)", "killed", "SIGKILL"),
            ("os.kill(os.getpid(), 9)", "killed", "SIGKILL"),
            ("os._exit(0)", "protocol", "ended without a result"),
            ("half_a_result()", "protocol", "result.json is not whole JSON"),
        ],
    )
    def test_a_death_is_named_and_its_last_lines_shown(self, ending, cause, told):
        job = lb.submit(lb.python(DYING + f"    {ending}\n", "f"))
        with pytest.raises(lb.errors.JobFailed) as caught:
            job.result(timeout=LONG)
        assert told in str(caught.value)
        assert "last words" in str(caught.value)
        assert lb.get(job.id).state == "failed"
        assert caught.value.detail["cause"] == cause

    def test_too_much_memory_is_named_with_its_limit(self):
        def grows():
            held = []
            while True:
                held.append(bytearray(32 * 1024 * 1024))

        with pytest.raises(lb.errors.JobFailed, match="more memory than its limit of 256 MiB"):
            lb.submit(lb.task(grows, memory="256m")).result(timeout=LONG)

    def test_too_long_is_named_with_its_limit(self):
        def sleeps():
            import time

            time.sleep(600)

        with pytest.raises(lb.errors.JobFailed, match="longer than its limit of 2 s"):
            lb.submit(lb.task(sleeps, seconds=2)).result(timeout=LONG)


def test_numeric_libraries_use_as_many_threads_as_the_job_has_processors():
    def threads():
        import os

        return os.environ["OMP_NUM_THREADS"]

    assert [lb.submit(lb.task(threads, cpus=cpus)).result() for cpus in (1, 1.5)] == ["1", "2"]


def test_the_container_is_hardened():
    def probe():
        import os
        import socket
        from pathlib import Path

        status = dict(
            line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
        )

        def refused(action):
            try:
                action()
            except OSError as error:
                return error.strerror
            return "allowed"

        return {
            "capabilities": status["CapEff"],
            "no new privileges": status["NoNewPrivs"],
            "seccomp": status["Seccomp"],
            "uid": os.getuid(),
            "root": refused(lambda: Path("/probe").write_text("x")),
            "inputs": refused(lambda: Path("/job/job.json").write_text("x")),
            "home": refused(lambda: Path("/usr/probe").write_text("x")),
            "network": refused(lambda: socket.create_connection(("172.17.0.1", 80), 2)),
            "sockets": [name for name in ("/var/run/docker.sock", "/run/docker.sock") if Path(name).exists()],
            "secrets": [name for name in os.environ if "TOKEN" in name or "SECRET" in name],
            "processes": len([path for path in Path("/proc").iterdir() if path.name.isdigit()]) <= 3,
        }

    assert lb.submit(probe).result() == {
        "capabilities": "0000000000000000",
        "no new privileges": "1",
        "seccomp": "2",
        "uid": 64000,
        "root": "Read-only file system",
        "inputs": "Read-only file system",
        "home": "Read-only file system",
        "network": "Network is unreachable",
        "sockets": [],
        "secrets": [],
        "processes": True,
    }


def test_containers_are_gone_when_their_jobs_have_ended(gateway):
    job = lb.submit(lambda: 1)
    job.result()
    cursor = gateway.call("/events")["cursor"]
    while [name for name in gateway.containers() if job.id in name]:
        gateway.call(f"/events?after={cursor}&wait=1")
