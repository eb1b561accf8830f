"""A gateway that is full, or not there: how long the client waits, and what it says then."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from landbridge import errors
from landbridge.client import Client

from tests.py_client.gateway import TOKEN, FakeGateway, refusal


def full(retry_after: str) -> Any:
    status, headers, body = refusal("too_many_jobs", "10 jobs wait already.", 429, "Wait.", most=10, whose="all")
    return status, headers | {"Retry-After": retry_after}, body


def test_a_full_gateway_is_asked_again_when_it_says_so(gateway: FakeGateway) -> None:
    pauses: list[float] = []
    client = Client(gateway.url, TOKEN, pause=pauses.append)
    gateway.job(1)
    gateway.faults = [full("5"), full("2"), full("soon")]
    client.post("/jobs/job_0000000000000001/cancel")
    client.close()
    assert len(gateway.sent("POST", "/jobs/job_0000000000000001/cancel")) == 4
    assert [low <= pause <= 1.5 * low for low, pause in zip([5, 2, 1], pauses, strict=True)] == [True] * 3


def test_a_gateway_that_stays_full_is_given_up_with_its_own_error(gateway: FakeGateway) -> None:
    pauses: list[float] = []
    client = Client(gateway.url, TOKEN, pause=pauses.append)
    gateway.faults = [full("4")] * 20
    with pytest.raises(errors.TooManyJobs, match="10 jobs wait already") as caught:
        client.get("/jobs")
    client.close()
    assert (caught.value.detail, caught.value.retry_after) == ({"most": 10, "whose": "all"}, 4.0)
    assert caught.value.code == "too_many_jobs"
    assert 20 < sum(pauses) <= 30
    assert len(gateway.requests) == len(pauses) + 1


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    pauses: list[float] = []
    client = Client(url, pause=pauses.append)
    with pytest.raises(errors.GatewayUnreachable) as caught:
        client.get("")
    client.close()
    assert caught.value.message == f"No gateway answers at {url}."
    assert pauses == []


def test_a_gateway_that_was_there_is_waited_for() -> None:
    pauses: list[float] = []
    with FakeGateway() as stopped:
        client = Client(stopped.url, TOKEN, pause=pauses.append)
        client.get("")
    client.close()  # the connection that was kept would go on
    with pytest.raises(errors.GatewayUnreachable):
        client.post("/jobs/job_0000000000000001/cancel")
    client.close()
    assert 5 < sum(pauses) < 10
