"""A job that is waited for with its submission: one request for both."""

import threading

import pytest
from landbridge_gateway.web import calling

from tests.gateway.conftest import submission, submit
from tests.gateway.test_sessions import ERROR, ONE, SESSION, call, session, source_task, taken
from tests.patience import joined, until

__all__ = ["session"]


@pytest.fixture
def impatient(monkeypatch):
    """Nothing may wait."""

    def wait(*_):
        raise AssertionError("it waits")

    monkeypatch.setattr(calling, "answer_when", wait)


def asked(client, session, wait="1", **headers):
    body = submission(source_task(session=session))
    return client.post(f"/api/v1/jobs?wait={wait}", json=body, headers=headers)


@pytest.mark.parametrize(("left", "state"), [({"result": ONE}, "succeeded"), ({"error": ERROR}, "failed")])
def test_its_end_comes_with_its_acceptance(client, road, commands, services, session, left, state, monkeypatch):
    monkeypatch.setattr(calling, "LONGEST", 60)
    found = []
    asking = threading.Thread(target=lambda: found.append(asked(client, session[0], "60")))
    asking.start()
    until(lambda: services.hub.waiting, "the submission's wait", 60)
    road.leave(taken(road, commands), **left)
    joined(asking, "the submission", 60)
    made = found[0]
    assert made.status_code == 201
    job = made.json["job"]
    assert job["state"] == state
    assert job["result"] == left.get("result")
    assert made.json["cursor"] == services.jobs.cursor()
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"] == job


def test_one_that_takes_longer_is_answered_before_its_end(client, road, commands, session):
    told = asked(client, session[0], "0.01")
    assert (told.status_code, told.json["job"]["state"], told.json["job"]["result"]) == (201, "queued", None)
    road.leave(taken(road, commands), result=ONE)
    assert road.job(told.json["job"]["id"])["state"] == "succeeded"


def test_one_behind_another_is_answered_at_once(client, road, session, impatient):
    call(client, session[0])
    assert asked(client, session[0]).json["job"]["state"] == "queued"


def test_so_does_that_of_a_job_of_no_session(client, road, commands, services, monkeypatch):
    monkeypatch.setattr(calling, "LONGEST", 60)
    found = []
    asking = threading.Thread(target=lambda: found.append(client.post("/api/v1/jobs?wait=60", json=submission())))
    asking.start()
    until(lambda: services.hub.waiting, "the submission's wait", 60)
    road.leave(road.started(), result=ONE)
    joined(asking, "the submission", 60)
    assert (found[0].status_code, found[0].json["job"]["state"]) == (201, "succeeded")
    assert found[0].json["job"]["result"] == ONE


def test_a_sweep_and_a_job_that_waits_for_another_are_jobs_as_any(client, road, services):
    first = submit(client)["id"]
    body = submission(source_task(), [None, {"kind": "job", "job": first}])
    told = client.post("/api/v1/jobs?wait=0.01", json=body)
    assert (told.status_code, told.json["job"]["state"]) == (201, "waiting")


def test_a_repeat_has_the_end_at_once(client, road, commands, session, impatient):
    key = {"Idempotency-Key": "once"}
    first = asked(client, session[0], "0", **key).json["job"]
    road.leave(taken(road, commands), result=ONE)
    again = asked(client, session[0], **key)
    assert (again.status_code, again.json["job"]["id"], again.json["job"]["state"]) == (200, first["id"], "succeeded")


def test_where_nobody_else_may_wait_it_is_answered_as_any_other(client, road, services, session):
    services.hub._places = 0
    told = asked(client, session[0])
    assert (told.status_code, told.json["job"]["state"]) == (201, "queued")


@pytest.mark.parametrize("wait", ["-1", "soon", "nan", ""])
def test_a_wait_that_is_none_is_refused_before_anything_is_stored(client, road, services, session, wait):
    before = services.jobs.cursor()
    told = asked(client, session[0], wait)
    assert told.status_code == 400
    assert "`wait` cannot be" in told.json["error"]["message"]
    assert services.jobs.cursor() == before


def test_a_session_itself_is_answered_at_once(client, road, impatient):
    assert client.post("/api/v1/jobs?wait=1", json=submission(SESSION)).json["job"]["state"] == "queued"
    assert submit(client)["state"] == "queued"
