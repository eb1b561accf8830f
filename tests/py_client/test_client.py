"""The client against a real local server, well-behaved and not."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import landbridge as lb
import pandas as pd
import pytest
from landbridge import client as client_module
from landbridge import errors
from landbridge.client import Client
from landbridge.job import Job, completed

from tests.py_client.conftest import check_schema
from tests.py_client.gateway import TOKEN, FakeGateway, answer, refusal

INT = {"kind": "scalar", "type": "int", "value": 7}


@pytest.fixture
def connected(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    made = gateway.client()
    monkeypatch.setattr(client_module, "_chosen", [made])
    yield made
    made.close()


def handle(gateway: FakeGateway, client: Client, number: int = 1, **fields: Any) -> Job:
    return Job(client, dict(gateway.job(number, **fields)), len(gateway.events))


def double(x: int) -> int:
    return x * 2


def test_a_submission_is_what_the_contract_says(gateway: FakeGateway, connected: Client) -> None:
    other = handle(gateway, connected, 9)
    job = lb.submit(lb.task(double, memory="1g"), other["coef"][0])
    (sent,) = gateway.sent("POST", "/jobs")
    check_schema("submission", sent.json)
    assert sent.json["task"]["limits"] == {"memory": 2**30}
    assert sent.json["values"] == {"items": [[None, {"kind": "job", "job": other.id, "path": ["coef", 0]}]]}
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert len(sent.headers["Idempotency-Key"]) == 32
    assert job.id in gateway.jobs
    assert job.part("coef", 0).__landbridge_node__() == job["coef"][0].__landbridge_node__()


def test_values_are_uploaded_with_their_digest(gateway: FakeGateway, connected: Client) -> None:
    lb.submit(double, pd.DataFrame({"a": [1, 2]}))
    (upload,) = gateway.sent("POST", "/objects")
    assert upload.query["format"] == "arrow"
    assert upload.body.startswith(b"ARROW1")
    (sent,) = gateway.sent("POST", "/jobs")
    assert sent.json["values"]["items"][0][1]["object"] in gateway.objects


def test_a_broken_connection_is_tried_again_with_the_same_key(gateway: FakeGateway, connected: Client) -> None:
    gateway.faults = [None, refusal("overloaded", "Too much to do.", 503)]
    job = lb.submit(double, 2)
    keys = {seen.headers["Idempotency-Key"] for seen in gateway.sent("POST", "/jobs")}
    assert (len(gateway.sent("POST", "/jobs")), len(keys)) == (3, 1)
    assert list(gateway.jobs) == [job.id]


def test_two_submissions_have_two_keys(gateway: FakeGateway, connected: Client) -> None:
    lb.submit(double, 2)
    lb.submit(double, 2)
    first, second = gateway.sent("POST", "/jobs")
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_tries_are_bounded(gateway: FakeGateway, connected: Client) -> None:
    gateway.faults = [refusal("overloaded", "Too much to do.", 503, "Wait a little.")] * 10
    with pytest.raises(errors.Overloaded, match="Too much to do"):
        lb.submit(double, 2)
    assert len(gateway.sent("POST", "/jobs")) == 5
    gateway.faults = [None] * 10
    with pytest.raises(errors.GatewayUnreachable):
        lb.get("job_0000000000000001")
    # A cancel has no key: the second one changes nothing.
    gateway.faults = [None]
    handle(gateway, connected).cancel()
    assert len(gateway.sent("POST", "/jobs/job_0000000000000001/cancel")) == 2


def test_a_wrong_token_is_told_in_the_gateways_words(gateway: FakeGateway) -> None:
    client = gateway.client("wrong")
    with pytest.raises(errors.Unauthorized) as caught:
        client.get("")
    client.close()
    assert str(caught.value) == "The token is not one of this gateway's.\nLook into the file."


def test_details_and_new_codes_arrive(gateway: FakeGateway, connected: Client) -> None:
    gateway.faults = [refusal("code_does_not_parse", "a.R does not parse: x (line 3).", 422, line=3)]
    with pytest.raises(errors.CodeDoesNotParse) as caught:
        lb.submit(lb.r("function(x) x"), 1)
    assert caught.value.detail == {"line": 3}
    gateway.faults = [refusal("brand_new", "Something new.", 418)]
    with pytest.raises(errors.GatewayError) as new:
        connected.get("")
    assert new.value.code == "brand_new"


def bad(gateway: FakeGateway, client: Client, fault: Any) -> errors.LandbridgeError:
    gateway.faults = [fault]
    with pytest.raises(errors.LandbridgeError) as caught:
        client.get("/jobs/job_0000000000000001")
    return caught.value


def test_answers_that_no_gateway_gives(
    gateway: FakeGateway, connected: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = (200, {"Content-Type": "text/html"}, b"<html>hello</html>")
    assert bad(gateway, connected, html).message == f"{gateway.url} answers, but it is no Landbridge gateway."
    assert "no JSON object" in bad(gateway, connected, answer(b"<html>")).message
    assert "no JSON object" in bad(gateway, connected, answer([1])).message
    assert "without saying why" in bad(gateway, connected, answer({"x": 1}, 500)).message
    newer = bad(gateway, connected, (200, {"Landbridge-Protocol": "2"}, b"{}"))
    assert (newer.code, "speaks protocol 2" in newer.message) == ("protocol_mismatch", True)
    monkeypatch.setattr(client_module, "_MOST_JSON", 1024**2)
    assert "answered more than 1 MiB" in bad(gateway, connected, answer(b" " * 1024**2 + b"{}")).message


@pytest.mark.row("CL2")
def test_a_redirect_is_not_followed_and_takes_no_token_along(gateway: FakeGateway, connected: Client) -> None:
    with FakeGateway() as elsewhere:
        moved = answer({}, 307, Location=f"{elsewhere.url}/api/v1/jobs/job_0000000000000001")
        assert bad(gateway, connected, moved).code == "bad_answer"
        assert elsewhere.requests == []


def test_a_result_is_awaited_fetched_and_decoded(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    ended = threading.Thread(target=lambda: (gateway.waiting.acquire(), gateway.end(gateway.jobs[job.id], result=INT)))
    ended.start()
    assert job.result(30) == 7
    ended.join()
    assert len(gateway.sent("GET", "/events")) >= 1
    # The state came with the event; the job was fetched once, for its result.
    assert len(gateway.sent("GET", f"/jobs/{job.id}")) == 1
    assert job.result() == 7
    assert job.state == "succeeded"


def test_who_waits_for_few_jobs_names_them_and_the_thread_ends_with_them(
    gateway: FakeGateway, connected: Client
) -> None:
    job = handle(gateway, connected)
    waiter = threading.Thread(target=lambda: job.result(30))
    waiter.start()
    assert gateway.waiting.acquire(timeout=30)
    gateway.end(gateway.jobs[job.id], result=INT)
    waiter.join(30)
    assert [(seen.query["job"], seen.query["ends"]) for seen in gateway.sent("GET", "/events")] == [(job.id, "only")]
    assert connected.events.waiters == []
    many = [handle(gateway, connected, number) for number in range(2, 60)]
    for one in many:
        gateway.end(gateway.jobs[one.id], result=INT)
    assert {job.id for job in completed(many, 30)} == {job.id for job in many}
    assert all("job" not in seen.query for seen in gateway.sent("GET", "/events")[1:])


def test_two_waiting_requests_serve_all_handles(gateway: FakeGateway, connected: Client) -> None:
    jobs = [handle(gateway, connected, number) for number in range(1, 9)]
    found: dict[str, Any] = {}
    threads = [threading.Thread(target=lambda job=job: found.update({job.id: job.result(30)})) for job in jobs]
    for thread in threads:
        thread.start()
    assert gateway.waiting.acquire(timeout=30)
    _until_joined(connected, len(jobs))
    waiting = len(gateway.sent("GET", "/events"))
    with gateway.changed:
        for job in jobs:
            gateway.jobs[job.id]["result"] = INT
        for job in jobs:
            gateway.end(gateway.jobs[job.id])
    for thread in threads:
        thread.join(30)
    assert found == {job.id: 7 for job in jobs}
    assert 1 <= waiting <= 2
    assert not any(thread.name == "landbridge-events" and not thread.daemon for thread in threading.enumerate())


def _until_joined(client: Client, count: int) -> None:
    # Joining is a matter of microseconds after the threads have started; there is no event to wait for.
    while len(client.events.waiters) < count:
        os.sched_yield()


def test_a_late_handle_misses_nothing(gateway: FakeGateway, connected: Client) -> None:
    first, late = handle(gateway, connected, 1), handle(gateway, connected, 2)
    waiter = threading.Thread(target=lambda: first.result(30))
    waiter.start()
    assert gateway.waiting.acquire(timeout=30)
    gateway.end(gateway.jobs[late.id], result=INT)
    assert gateway.waiting.acquire(timeout=30)
    # The running request has passed this job's end already, so the handle looks for itself.
    assert late.result(30) == 7
    gateway.end(gateway.jobs[first.id], result=INT)
    waiter.join(30)
    assert not waiter.is_alive()


def test_waiting_survives_a_gateway_that_restarts(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    gateway.faults = [None] * 6
    gateway.end(gateway.jobs[job.id], result=INT)
    assert job.result(30) == 7


def test_waiting_ends_with_the_gateways_refusal(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    gateway.faults = [refusal("forbidden", "The token may not read.", 403)]
    with pytest.raises(errors.Forbidden):
        job.result(30)


def test_a_timeout_names_the_job_and_its_state(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    with pytest.raises(errors.WaitTimeout) as caught:
        job.result(timeout=0)
    assert caught.value.message == f"Job {job.id} is still running after 0 s."
    gateway.end(gateway.jobs[job.id], result=INT)
    assert job.wait(timeout=30).known_state == "succeeded"


def test_cancelled_lost_and_the_first_cancel(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    job.cancel()
    with pytest.raises(errors.JobCancelled, match=f"Job {job.id} was cancelled."):
        job.result(30)
    assert isinstance(job.exception(), errors.JobCancelled)
    lost = handle(gateway, connected, 2, state="lost", error={"message": "its container is gone.", "hint": "Again."})
    with pytest.raises(errors.JobLost, match=f"Job {lost.id} was lost: its container is gone."):
        lost.result()


def test_a_lost_job_shows_its_last_words(gateway: FakeGateway, connected: Client) -> None:
    error = {
        "message": "its container is gone.",
        "hint": "Again.",
        "log_tail": {"stdout": ["one", "two"], "stderr": []},
    }
    told = str(handle(gateway, connected, 3, state="lost", error=error).exception())
    assert told.splitlines()[1:] == ["Last lines of stdout:", "  one", "  two", "Again."]


ERROR = {
    "type": "ValueError",
    "classes": ["ValueError", "Exception"],
    "message": "bad 5",
    "frames": [
        {"function": "Worker.run", "file": "worker.py", "line": 1, "source": [[1, "x"]], "ours": True},
        {"function": "fit", "file": "train.py", "line": 12, "source": [[11, "a"], [12, "    raise it"]], "ours": False},
    ],
    "warnings": [{"message": "careful", "category": "UserWarning"}],
    "session": {"language": "python", "version": "3.14.2"},
}


def test_a_failed_job_tells_its_story(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected, state="failed", cause="error", error=ERROR)
    with pytest.raises(errors.JobFailed) as caught:
        job.result()
    failed = caught.value
    assert str(failed) == (
        f"Job {job.id} failed (python 3.14.2).\n"
        "Remote traceback (most recent call last):\n"
        '  File "train.py", line 12, in fit\n'
        "    raise it\n"
        "ValueError: bad 5\n"
        "Warning before it: UserWarning: careful"
    )
    assert "Worker.run" in failed.full()
    assert (failed.type, failed.cause, len(failed.frames)) == ("ValueError", "error", 1)
    assert isinstance(failed.__cause__, ValueError)
    assert str(failed.__cause__) == "bad 5"
    assert isinstance(job.exception(), errors.JobFailed)


def test_a_death_shows_the_last_lines_and_the_way_out(gateway: FakeGateway, connected: Client) -> None:
    death = {
        "type": "memory",
        "classes": ["memory"],
        "message": "The job needed more.",
        "hint": "Give it more.",
        "frames": [],
    }
    death |= {"log_tail": {"stdout": "one\ntwo\n", "stderr": ""}}
    job = handle(gateway, connected, state="failed", cause="memory", error=death)
    with pytest.raises(errors.JobFailed) as caught:
        job.result()
    assert str(caught.value).split("\n") == [
        f"Job {job.id} failed: The job needed more.",
        *["Last lines of stdout:", "  one", "  two", "Give it more."],
    ]
    assert caught.value.__cause__ is None


def test_an_error_of_r_reads_the_same(gateway: FakeGateway, connected: Client) -> None:
    error = {"type": "simpleError", "classes": ["simpleError"], "message": "no", "call": "fit(x)", "frames": []}
    error |= {"session": {"language": "r", "version": "4.6.1"}}
    job = handle(gateway, connected, state="failed", cause="error", error=error)
    assert str(job.exception()) == f"Job {job.id} failed (r 4.6.1).\nsimpleError in fit(x): no"


def test_remote_warnings_are_warnings_at_home_once(gateway: FakeGateway, connected: Client) -> None:
    heard = [{"message": "careful", "category": "UserWarning", "call": None}]
    job = handle(gateway, connected, state="succeeded", result=INT, warnings=heard)
    with pytest.warns(lb.RemoteWarning, match=rf"careful \(job {job.id}\)") as caught:
        assert job.result() == 7
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert job.result() == 7


@pytest.mark.row("DE2", "DE4")
def test_pickles_are_loaded_only_when_trusted(gateway: FakeGateway, connected: Client) -> None:
    import pickle

    gateway.objects["obj_0000000000000001"] = pickle.dumps({1: 2})
    native = {
        "kind": "native",
        "object": "obj_0000000000000001",
        "language": "python",
        "codec": "pickle",
        "class": ["dict"],
    }
    job = handle(gateway, connected, state="succeeded", result=native)
    with pytest.raises(errors.NeedsTrust, match="The result is a Python object of class dict"):
        job.result()
    assert gateway.sent("GET", "/objects/obj_0000000000000001") == []
    assert job.result(trust=True) == {1: 2}
    foreign = handle(gateway, connected, 2, state="succeeded", result=native | {"language": "r", "codec": "rds"})
    assert isinstance(foreign.result(), lb.Native)


def test_a_pickle_with_code_of_another_python_is_never_opened(gateway: FakeGateway, connected: Client) -> None:
    gateway.objects["obj_0000000000000001"] = b"never read"
    native = {
        "kind": "native",
        "object": "obj_0000000000000001",
        "language": "python",
        "codec": "pickle",
        "class": ["Model"],
    }
    native |= {"producer": {"language": "python", "version": "2.7.18", "by_value": True}}
    job = handle(gateway, connected, state="succeeded", result=native)
    with pytest.raises(errors.CodecMissing, match=r"holds code of Python 2\.7\.18"):
        job.result(trust=True)


def test_what_came_without_a_digest_is_never_loaded(gateway: FakeGateway, connected: Client) -> None:
    native = {"kind": "native", "object": "obj_0000000000000003", "language": "python", "codec": "pickle"}
    job = handle(gateway, connected, state="succeeded", result=native)
    connected.describe()
    gateway.objects["obj_0000000000000003"] = b"never loaded"
    gateway.faults = [answer(b"never loaded")]
    connected.download("obj_0000000000000003")
    with pytest.raises(errors.DigestMismatch, match="The gateway sent no digest"):
        job.result(trust=True)


def test_an_object_is_fetched_once_and_checked(gateway: FakeGateway, connected: Client) -> None:
    gateway.objects["obj_0000000000000001"] = b"bytes"
    file = {"kind": "file", "object": "obj_0000000000000001", "name": "a.txt", "media_type": None, "size": 5}
    job = handle(gateway, connected, state="succeeded", result=file)
    path = job.result()
    assert (path.name, path.read_bytes(), job.result().read_bytes()) == ("a.txt", b"bytes", b"bytes")
    assert len(gateway.sent("GET", "/objects/obj_0000000000000001")) == 1
    wrong = hashlib.sha256(b"other").hexdigest()
    gateway.faults = [answer(b"bytes", **{"Landbridge-Digest": f"sha256:{wrong}"})]
    with pytest.raises(errors.DigestMismatch):
        connected.download("obj_0000000000000002")


def test_logs_and_metrics(gateway: FakeGateway, connected: Client) -> None:
    gateway.log = "grüße\nende\n".encode()
    job = handle(gateway, connected, state="succeeded", result=INT)
    assert job.logs("stdout") == "grüße\nende\n"
    assert job.logs() == "grüße\nende\n" * 2
    assert "".join(job.logs("stdout", tail=None, follow=True)) == "grüße\nende\n"
    (metric,) = job.metrics()
    assert metric["value"] != metric["value"]


def test_jobs_can_be_awaited_and_taken_as_they_end(gateway: FakeGateway, connected: Client) -> None:
    async def both() -> list[int]:
        jobs = [handle(gateway, connected, number) for number in (1, 2)]
        waiting = asyncio.gather(*jobs)
        await asyncio.sleep(0)
        for job in jobs:
            gateway.end(gateway.jobs[job.id], result=INT)
        return await waiting

    assert asyncio.run(both()) == [7, 7]
    jobs = [handle(gateway, connected, number) for number in (3, 4)]
    gateway.end(gateway.jobs[jobs[1].id], result=INT)
    ended = lb.as_completed(jobs, timeout=30)
    assert next(ended) is jobs[1]
    gateway.end(gateway.jobs[jobs[0].id], result=INT)
    assert list(ended) == [jobs[0]]
    assert lb.wait(jobs) == jobs


@pytest.mark.row("CL6")
def test_ctrl_c_stops_the_waiting_only(
    gateway: FakeGateway, connected: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    # Where the tests run in the background, the shell has this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    job = handle(gateway, connected)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        gateway.waiting.acquire()
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        job.result()
    thread.join()
    signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    assert said == f"Stopped waiting; {job.id} goes on: {job.url} (job.cancel() ends it)\n"
    assert job.state == "running"
    gateway.end(gateway.jobs[job.id], result=INT)
    assert job.result(30) == 7


def test_a_job_looks_well_in_a_notebook(gateway: FakeGateway, connected: Client) -> None:
    frame = {
        "kind": "frame",
        "object": "obj_0000000000000001",
        "rows": 1200,
        "columns": [{"name": "c1", "type": "string"}],
        "descriptor": {"names": ["<b>"]},
        "preview": [["<script>"], [None]],
    }
    job = handle(gateway, connected, name="fit & co", state="succeeded", result=frame)
    shown = job._repr_html_()
    assert "<script>" not in shown
    assert "<th>&lt;b&gt;</th>" in shown
    assert "fit &amp; co" in shown
    assert "succeeded</span> 1.5 s" in shown
    assert "1,200 rows, 1 columns" in shown
    assert f'href="{job.url}"' in shown
    assert repr(job) == f"<Job fit & co {job.id} succeeded 1.5 s {job.url}>"
    failed = handle(gateway, connected, 2, state="failed", cause="error", error=ERROR)
    assert "failed (error)</span>" in failed._repr_html_()
    assert "ValueError: bad 5" in failed._repr_html_()
    gateway.faults = [None] * 4
    running = handle(gateway, connected, 3)
    assert "running</span>" in running._repr_html_()


def test_connect_asks_once_and_stays(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_chosen", [])
    client = lb.connect(gateway.url, TOKEN)
    assert client_module.current() is client
    assert [seen.path for seen in gateway.requests] == [""]
    client.close()
    with pytest.raises(errors.Unauthorized):
        lb.connect(gateway.url, "wrong")
    assert client_module.current() is client


def test_a_handle_from_a_list_looks_before_it_waits(gateway: FakeGateway, connected: Client) -> None:
    for number in range(20):
        gateway.end(gateway.job(100 + number), result=INT)
    gateway.job(1)
    (listed,) = [job for job in lb.jobs() if job.id == "job_0000000000000001"]
    gateway.end(gateway.jobs[listed.id], result=INT)
    assert listed.result(30) == 7
    assert all(int(seen.query["after"]) >= 20 for seen in gateway.sent("GET", "/events"))
