"""Who waits alone asks in its own thread; whoever comes meanwhile is heard for by the client's threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from landbridge import errors
from landbridge.client import Client
from landbridge.job import Job
from landbridge.submission import send

from tests.py_client.gateway import FakeGateway, answer, refusal
from tests.py_client.test_client import INT, connected, handle

__all__ = ["connected"]


def ended_soon(gateway: FakeGateway, job: Any) -> threading.Thread:
    """Ends a job as soon as somebody waits for it."""

    def end() -> None:
        gateway.waiting.acquire(timeout=60)
        gateway.end(gateway.jobs[job.id], result=INT)

    thread = threading.Thread(target=end)
    thread.start()
    return thread


def listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "landbridge-events"]


def test_who_waits_alone_needs_no_thread(gateway: FakeGateway, connected: Client, monkeypatch: Any) -> None:
    started: list[object] = []
    monkeypatch.setattr("landbridge.events._Request.start", lambda request: started.append(request))
    job = handle(gateway, connected)
    ending = ended_soon(gateway, job)
    assert job.result() == 7
    ending.join(60)
    assert started == []
    (seen,) = gateway.sent("GET", "/events")
    assert (seen.query["job"], seen.query["ends"]) == (job.id, "only")


def test_others_that_wait_meanwhile_are_heard_for_by_threads(gateway: FakeGateway, connected: Client) -> None:
    jobs = [handle(gateway, connected, number) for number in range(1, 21)]
    found: dict[str, Any] = {}
    threads = [threading.Thread(target=lambda job=job: found.update({job.id: job.result()})) for job in jobs]
    for thread in threads:
        thread.start()
    assert gateway.waiting.acquire(timeout=60)
    while len(connected.events.waiters) < len(jobs) - 1:  # all but the one that asks itself
        gateway.waiting.acquire(timeout=0.01)
    waiting = len(gateway.sent("GET", "/events"))
    for job in jobs:
        gateway.end(gateway.jobs[job.id], result=INT)
    for thread in threads:
        thread.join(60)
    assert found == {job.id: 7 for job in jobs}
    assert 1 <= waiting <= 3


def test_the_next_one_may_ask_itself_again(gateway: FakeGateway, connected: Client) -> None:
    for number in (1, 2):
        job = handle(gateway, connected, number)
        ending = ended_soon(gateway, job)
        assert job.result() == 7
        ending.join(60)
        with connected.events.alone() as alone:
            assert alone


def test_a_gateway_that_restarts_is_asked_again(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    gateway.faults = [None] * 6
    gateway.end(gateway.jobs[job.id], result=INT)
    assert job.result() == 7
    assert listeners() == []


def test_a_refusal_is_told(gateway: FakeGateway, connected: Client) -> None:
    job = handle(gateway, connected)
    gateway.faults = [refusal("forbidden", "The token may not read.", 403)]
    with pytest.raises(errors.Forbidden, match="The token may not read"):
        job.result()


@pytest.mark.parametrize(
    "told", [{"events": 5, "cursor": 1}, {"events": [{"seq": 1}], "cursor": 1}, {"events": []}, {"cursor": 1}]
)
def test_an_answer_that_makes_no_sense_is_named(gateway: FakeGateway, connected: Client, told: Any) -> None:
    job = handle(gateway, connected)
    gateway.faults = [answer(told)]
    with pytest.raises(errors.BadAnswer, match="Waiting for the gateway ended"):
        job.result()


def test_who_stops_waiting_is_told_that_the_job_goes_on(
    gateway: FakeGateway, connected: Client, monkeypatch: Any, capsys: Any
) -> None:
    job = handle(gateway, connected)

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connected, "get", stopped)
    with pytest.raises(KeyboardInterrupt):
        job.result()
    assert f"Stopped waiting; {job.id} goes on" in capsys.readouterr().err
    with connected.events.alone() as alone:
        assert alone


SHORT, LONG = {"seconds": 0.01}, {"seconds": 0.2}


def called(gateway: FakeGateway, client: Client, session: str) -> tuple[Job, str | None]:
    """A call in a session, and the wait that it was sent with."""
    body = {"protocol": 1, "task": {"session": session}, "values": {"items": []}}
    job = send(client, body)
    return job, gateway.sent("POST", "/jobs")[-1].query.get("wait")


def test_a_call_is_waited_for_with_its_submission_where_the_last_one_was_short(
    gateway: FakeGateway, connected: Client
) -> None:
    first, waited = called(gateway, connected, "job_a")
    assert waited is None
    second, waited = called(gateway, connected, "job_a")
    assert waited is None  # nobody has waited for the first: many are submitted at once
    for job in (first, second):
        gateway.end(gateway.jobs[job.id], result=INT, **SHORT)
    assert second.result() == 7
    third, waited = called(gateway, connected, "job_a")
    assert waited == "0.05"
    assert called(gateway, connected, "job_b")[1] is None  # another session
    gateway.end(gateway.jobs[third.id], result=INT, **LONG)
    third.result()
    assert called(gateway, connected, "job_a")[1] is None
    send(connected, {"protocol": 1, "task": {}, "values": {"items": []}})
    assert "wait" not in gateway.sent("POST", "/jobs")[-1].query


def test_so_is_a_job_of_no_session(gateway: FakeGateway, connected: Client) -> None:
    def submitted(seconds: float) -> str | None:
        job = send(connected, {"protocol": 1, "task": {}, "values": {"items": []}})
        gateway.end(gateway.jobs[job.id], result=INT, seconds=seconds)
        assert job.result() == 7
        return gateway.sent("POST", "/jobs")[-1].query.get("wait")

    assert [submitted(seconds) for seconds in (0.01, 0.2, 0.01, 0.01)] == [None, "0.05", None, "0.05"]
    assert called(gateway, connected, "job_a")[1] is None


def test_an_end_that_came_with_the_acceptance_is_not_asked_for(gateway: FakeGateway, connected: Client) -> None:
    made = gateway.job(1, state="succeeded", result=INT, **SHORT)
    gateway.faults = [answer({"job": made, "cursor": 3}, 201)]
    job, _ = called(gateway, connected, "job_a")
    assert job.result() == 7
    assert [(seen.method, seen.path) for seen in gateway.requests] == [("POST", "/jobs")]
    assert called(gateway, connected, "job_a")[1] == "0.05"
