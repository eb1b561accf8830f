"""How many commits a job is made of, and what becomes of the loop's belief where the disk refuses one."""

from contextlib import contextmanager

import pytest
from landbridge_gateway.errors import DiskFull

from tests.gateway.conftest import submission, submit
from tests.gateway.test_sessions import ONE, SESSION, call, taken

LARGE = {"kind": "scalar", "type": "str", "value": "x" * 200_000}  # more than the pages that are free anyway


@contextmanager
def commits(services):
    """Each commit within, durable or not."""
    found = []
    connection = services.database._writer.conn
    levels = {1: "kept for a while", 2: "on the disk"}

    def heard(statement):
        if statement == "COMMIT":
            found.append(levels[level[0]])
        elif statement.startswith("PRAGMA synchronous = "):
            level[0] = 2 if statement.endswith("FULL") else 1

    level = [{"FULL": 2, "NORMAL": 1}[services.database._level]]
    connection.set_trace_callback(heard)
    yield found
    connection.set_trace_callback(None)


@contextmanager
def full_disk(services):
    """The store can take no further page."""
    connection = services.database._writer.conn
    before = connection.execute("PRAGMA max_page_count").fetchone()[0]
    connection.execute("PRAGMA max_page_count = 1")  # as many as there are, which is the least
    yield
    connection.execute(f"PRAGMA max_page_count = {before}")


@pytest.mark.parametrize("begins", ["with its acceptance", "in line"])
def test_a_job_takes_four_commits_and_one_more_in_line(client, road, services, commands, request, begins):
    if begins == "in line":
        request.getfixturevalue("in_line")
    with commits(services) as made:
        job = submit(client)["id"]
        attempt = road.started()
        road.folder(attempt).events.write_text(
            '{"event": "metric", "at": "2026-01-01T00:00:00Z", "name": "a", "value": 1}\n'
        )
        road.leave(attempt, result=ONE)
        road.exit(attempt, 0)
    assert road.job(job)["state"] == "succeeded"
    # It is accepted; it is begun; it runs; it has ended, with what it reported; its container is gone.
    accepted_and_begun = ["on the disk"] * (2 if begins == "in line" else 1)
    assert made == [*accepted_and_begun, "kept for a while", "on the disk", "kept for a while"]


def test_a_call_takes_three_commits(client, road, services, commands):
    session = submit(client, submission(SESSION))["id"]
    road.started()
    with commits(services) as made:
        job = call(client, session)
        attempt = taken(road, commands)
        road.folder(attempt).events.write_text(
            '{"event": "metric", "at": "2026-01-01T00:00:00Z", "name": "a", "value": 1}\n'
        )
        road.leave(attempt, result=ONE)
    assert road.job(job)["state"] == "succeeded"
    assert client.get(f"/api/v1/jobs/{job}/record").json["metrics"][0]["value"] == 1
    assert services.jobs.attempt(job, 1)["state"] == "exited"
    # It is accepted; it is begun and runs; it has ended, with what it reported.
    assert made == ["on the disk", "kept for a while", "on the disk"]


@pytest.mark.parametrize("kind", ["job", "call"])
def test_an_end_that_the_disk_refuses_is_told_when_there_is_room(client, road, services, commands, kind):
    if kind == "call":
        session = submit(client, submission(SESSION))["id"]
        road.started()
        job = call(client, session)
        attempt = taken(road, commands)
    else:
        job = submit(client)["id"]
        road.step()
        attempt = commands.take("start")["attempt"]  # its end is heard of before its start
    flight = services.scheduler._flights[attempt]
    before = dict(vars(flight))
    state = road.job(job)["state"]
    with full_disk(services), pytest.raises(DiskFull):
        road.leave(attempt, result=LARGE)
    assert vars(flight) == before
    assert road.job(job)["state"] == state
    road.tell("finished", attempt=attempt)
    told = road.job(job)
    assert (told["state"], told["result"]) == ("succeeded", LARGE)


def test_a_call_that_cannot_be_written_down_is_not_sent(client, road, services, commands, monkeypatch):
    session = submit(client, submission(SESSION))["id"]
    road.started()
    job = call(client, session)

    def refused(*_, **__):
        raise DiskFull

    with monkeypatch.context() as patched:
        patched.setattr(services.scheduler._jobs, "begin_attempt", refused)
        with pytest.raises(DiskFull):
            road.step()
    assert "call" not in commands.verbs()
    assert road.job(job)["state"] == "queued"
    road.leave(taken(road, commands), result=ONE)
    assert road.job(job)["state"] == "succeeded"


def test_a_call_that_was_cancelled_a_moment_ago_is_not_begun(client, road, services, commands):
    session = submit(client, submission(SESSION))["id"]
    road.started()
    job = call(client, session)
    row = services.jobs.next_call(session)
    assert client.post(f"/api/v1/jobs/{job}/cancel").json["job"]["state"] == "cancelled"
    assert services.scheduler.begin_call(row, f"{session}.1") is None
    assert services.jobs.attempts(job) == []
    road.step()
    assert "call" not in commands.verbs()
