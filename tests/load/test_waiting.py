"""Requests that wait hold no thread: hundreds of them, woken, refused beyond the bound, and sent home at the end."""

from __future__ import annotations

import threading

import pytest

from tests.gateway.conftest import source_task, submission
from tests.load.waiters import crowd, open_files, resident_megabytes, threads
from tests.patience import PATIENCE, joined, until
from tests.serving import Serving

CLIENTS = 500
SPARE_THREADS, SPARE_FILES = 2, 20  # what a job that runs takes in the gateway, however many wait


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    home = tmp_path_factory.mktemp("load") / "home"
    with Serving(home, engine="process", LANDBRIDGE_THREADS="8", LANDBRIDGE_WAITING="600") as started:
        yield started


def until_waiting(serving, count):
    """Until as many requests wait as the gateway says in its answer to one that is too many."""

    def waits() -> bool:
        return serving.call("")["load"]["waiting"] == count

    until(waits, f"{count} requests that wait", instead=lambda: serving.call("")["load"])


def test_500_waiting_clients_hold_no_thread_and_one_file_each(serving):
    gateway = serving.child("gateway")
    until_waiting(serving, 0)
    before = threads(gateway), open_files(gateway), resident_megabytes(gateway)
    with crowd(serving.url, CLIENTS) as clients:
        cursor = serving.call("/events?wait=0")["cursor"]
        clients.ask(f"/events?after={cursor}&wait=60", serving.token)
        until_waiting(serving, CLIENTS)
        assert threads(gateway) <= before[0] + SPARE_THREADS
        assert open_files(gateway) <= before[1] + CLIENTS + SPARE_FILES
        assert resident_megabytes(gateway) < before[2] + 200
        job = serving.call("/jobs", "POST", submission(source_task()))["job"]
        answers = clients.answers(PATIENCE)
        assert {answer.status for answer in answers} == {200}
        assert {answer.body["events"][0]["job"] for answer in answers} == {job["id"]}
        assert {answer.headers["landbridge-protocol"] for answer in answers} == {"1"}
        # The connections live on, and the next request of each waits as the first did.
        clients.ask(f"/events?after={answers[0].body['cursor'] + 1000}&wait=60&job=job_0000000000000000", serving.token)
        until_waiting(serving, CLIENTS)
        assert threads(gateway) <= before[0] + SPARE_THREADS
    until_waiting(serving, 0)
    assert open_files(gateway) <= before[1] + SPARE_FILES


def test_who_names_a_job_is_not_woken_by_another(serving):
    cursor = serving.call("/events?wait=0")["cursor"]
    with crowd(serving.url, 1) as client:
        client.ask(f"/events?after={cursor}&wait=60&job=job_0000000000000000", serving.token)
        until_waiting(serving, 1)
        job = serving.call("/jobs", "POST", submission(source_task()))

        def succeeded() -> bool:
            told = serving.call(f"/events?after={job['cursor']}&wait=1&job={job['job']['id']}")
            assert {event["job"] for event in told["events"]} <= {job["job"]["id"]}
            return "succeeded" in [event["state"] for event in told["events"]]

        until(succeeded, "the end of the other job")
        assert serving.call("")["load"]["waiting"] == 1


def test_a_wait_that_is_over_is_answered_without_events(serving):
    with crowd(serving.url, 50) as clients:
        clients.ask("/events?after=1000000&wait=0.2", serving.token)
        assert [answer.body for answer in clients.answers(PATIENCE)] == [{"events": [], "cursor": 1000000}] * 50


def test_more_than_may_wait_are_refused_with_a_time_to_come_back(serving):
    with crowd(serving.url, 610) as clients:
        clients.ask("/events?after=1000000&wait=60", serving.token)
        refused = clients.answers(PATIENCE, most=10)
        until_waiting(serving, 600)
    assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
    error = refused[0].body["error"]
    assert (error["code"], error["detail"]) == ("too_many_waiting", {"most": 600})
    assert error["hint"] == "Try again in a second, or raise LANDBRIDGE_WAITING."
    until_waiting(serving, 0)


def test_others_are_answered_while_all_places_are_taken(serving):
    with crowd(serving.url, 600) as clients:
        clients.ask("/events?after=1000000&wait=60", serving.token)
        until_waiting(serving, 600)
        assert serving.call("/jobs?limit=1")["jobs"]


def test_a_request_sent_too_early_is_answered_after_the_one_that_waits(serving):
    with crowd(serving.url, 1) as client:
        client.ask("/events?after=1000000&wait=10", serving.token)
        until_waiting(serving, 1)
        client.ask("/events?after=2000000&wait=0", serving.token)
        assert client.answers(PATIENCE)[0].body == {"events": [], "cursor": 1000000}


def test_the_end_answers_everybody_who_waits(tmp_path):
    with Serving(tmp_path / "home", engine="process") as serving, crowd(serving.url, CLIENTS) as clients:
        clients.ask("/events?after=1000000&wait=60", serving.token)
        until_waiting(serving, CLIENTS)
        ending = threading.Thread(target=serving.stop)
        ending.start()
        answers = clients.answers(PATIENCE)
        joined(ending, "a gateway that was told to stop")
        assert serving.process.returncode == 0
        assert [answer.body for answer in answers] == [{"events": [], "cursor": 1000000}] * CLIENTS
        assert {answer.headers["connection"] for answer in answers} == {"close"}
        assert "Traceback" not in serving.logs()
