"""What begins along with its acceptance, on the thread that was asked, and what stands in line."""

import json
import queue
import threading

import pytest
from landbridge_gateway.errors import DiskFull
from landbridge_gateway.scheduler import spec
from landbridge_gateway.store.queue import Bounds, Door
from landbridge_gateway.web.app import create_app

from tests.gateway.conftest import NULL, RUNTIMES, source_task, submission, submit
from tests.gateway.test_sessions import SESSION, call
from tests.patience import PATIENCE, joined, until


def begun(commands):
    """The attempts that the warden was told to start, in that order."""
    return [command["attempt"] for command in commands.sent if command["verb"] == "start"]


def test_a_job_that_nothing_keeps_from_running_begins_with_its_acceptance(client, road, services, commands):
    job = submit(client)["id"]
    assert begun(commands) == [f"{job}.1"]
    row = road.job(job)
    assert (row["state"], row["attempt"]) == ("queued", 1)
    assert services.jobs.attempt(job, 1)["state"] == "starting"
    assert road.folder(f"{job}.1").spec.exists()
    road.step()
    assert begun(commands) == [f"{job}.1"]  # once
    road.leave(road.started(), result=NULL)
    assert road.job(job)["state"] == "succeeded"


def test_a_session_does_too(client, road, commands):
    job = submit(client, submission(SESSION))["id"]
    (start,) = commands.sent
    assert (start["attempt"], start["held"]) == (f"{job}.1", True)
    road.started()
    assert road.services.scheduler._flights[f"{job}.1"].takes_calls


def test_its_command_is_the_one_that_it_would_have_been_given_in_line(client, road, services, commands, monkeypatch):
    first = submit(client, submission(source_task(limits={"seconds": 7, "memory": 2**30}, retries=2)))["id"]
    with monkeypatch.context() as patched:
        patched.setattr(services.scheduler.starting, "accept", lambda *_: None)
        second = submit(client, submission(source_task(limits={"seconds": 7, "memory": 2**30}, retries=2)))["id"]
        road.step()
    starts = [dict(command) for command in commands.sent]
    flights = [dict(vars(services.scheduler._flights[f"{job}.1"])) for job in (first, second)]
    for one in (*starts, *flights):
        for own in ("attempt", "token", "job"):
            one.pop(own, None)
    assert starts[0] == starts[1]
    assert flights[0] == flights[1]
    specs = [json.loads(road.folder(f"{job}.1").spec.read_text()) for job in (first, second)]
    assert specs[0].keys() == specs[1].keys()


class TestInLine:
    def test_where_no_place_is_free(self, client, road, commands):
        jobs = [submit(client)["id"] for _ in range(3)]  # two may run
        assert begun(commands) == [f"{job}.1" for job in jobs[:2]]
        assert road.job(jobs[2])["attempt"] == 0

    def test_behind_others_that_stand_there(self, client, road, commands, services, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(services.scheduler.starting, "accept", lambda *_: None)
            before = submit(client)["id"]
        after = submit(client)["id"]
        assert begun(commands) == []
        road.step()
        assert begun(commands) == [f"{before}.1", f"{after}.1"]

    def test_what_waits_for_another_job(self, client, road, commands):
        first = submit(client)["id"]
        given = {"kind": "job", "job": first, "path": []}
        second = submit(client, submission(None, [None, given]))["id"]
        assert begun(commands) == [f"{first}.1"]
        assert road.job(second)["state"] == "waiting"

    def test_while_the_warden_is_away(self, client, road, commands):
        road.tell("disconnected")
        job = submit(client)["id"]
        assert begun(commands) == []
        road.connect()
        assert begun(commands) == [f"{job}.1"]

    def test_a_call(self, client, road, commands):
        session = submit(client, submission(SESSION))["id"]
        road.started()
        job = call(client, session)
        assert road.job(job)["attempt"] == 0


def test_a_key_that_is_known_begins_nothing_again(client, road, commands):
    one = submit(client, **{"Idempotency-Key": "k"})["id"]
    assert submit(client, **{"Idempotency-Key": "k"})["id"] == one
    assert begun(commands) == [f"{one}.1"]


def test_one_that_is_cancelled_before_it_was_started_ends_as_cancelled(client, road, commands):
    job = submit(client)["id"]
    client.post(f"/api/v1/jobs/{job}/cancel")
    road.step()
    assert commands.take("stop")["attempt"] == f"{job}.1"
    road.tell("start_failed", attempt=f"{job}.1", message="It was stopped.", hint="")
    assert road.job(job)["state"] == "cancelled"


def test_what_a_gateway_had_not_sent_is_begun_by_the_next(client, road, commands):
    """It was killed between the commit and the command."""
    job = submit(client)["id"]
    commands.sent.clear()
    road.tell("disconnected")
    road.services.scheduler._flights.clear()
    road.connect()
    assert begun(commands) == [f"{job}.2"]


def test_where_neither_the_folder_nor_its_end_can_be_written_the_job_ends_when_there_is_room(
    client, road, services, monkeypatch
):
    def full(*_, **__):
        raise DiskFull

    with monkeypatch.context() as patched:
        patched.setattr(spec, "write_folder", full)
        patched.setattr(services.scheduler._jobs, "update_attempt", full)
        job = submit(client)["id"]
    assert road.job(job)["state"] == "queued"
    services.scheduler.handle(services.scheduler._inbox.get(timeout=PATIENCE))
    row = road.job(job)
    assert (row["state"], row["cause"]) == ("failed", "disk")
    assert services.jobs.attempt(job, 1)["state"] == "exited"


def test_many_at_once_begin_as_many_as_may_run(client, road, services, commands):
    both = threading.Barrier(8)
    made = []

    def one():
        both.wait(PATIENCE)
        made.append(submit(client)["id"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        joined(thread, "a client")
    assert len(set(made)) == 8
    assert len(begun(commands)) == 2
    road.step()
    assert len(begun(commands)) == 2


@pytest.mark.parametrize("bounds", [Bounds(0, 9), Bounds(9, 0)])
def test_a_full_queue_refuses_it_as_any_other(client, road, services, commands, bounds):
    services.door = Door(services.database, bounds)
    answer = client.post("/api/v1/jobs", json=submission())
    assert answer.status_code == 429
    assert begun(commands) == []


class Ending:
    """Stands in for the warden: jobs begin as they are started, and end as fast as the loop takes that in."""

    def __init__(self, services):
        self.services, self.begun = services, queue.Queue()

    def send(self, verb, **fields):
        if verb == "start":
            self.begun.put(fields["attempt"])
        return True

    def end(self, count):
        for _ in range(count):
            attempt = self.begun.get(timeout=PATIENCE)
            self.services.layout.job_folder(attempt).result.write_text(json.dumps(NULL))
            for event in ({"event": "started", "image": "sha256:p"}, {"event": "finished"}):
                self.services.scheduler.post(event | {"attempt": attempt})
            self.services.scheduler.post({"event": "exited", "attempt": attempt, "exit": {"code": 0, "oom": False}})


def test_whatever_is_submitted_while_the_loop_rests_begins_in_the_end(services, monkeypatch):
    """With threads: a word to the loop that came as its rest began or ended would be lost, and a job stand there."""
    scheduler, resting = services.scheduler, threading.Event()
    may_rest = scheduler._may_rest

    def noted(event):
        if rests := may_rest(event):
            resting.set()
        return rests

    monkeypatch.setattr(scheduler, "_may_rest", noted)
    warden, app, token = Ending(services), create_app(services), services.home.token()
    scheduler.start(warden)
    scheduler.post({"event": "hello", "engine": "docker", "runtimes": RUNTIMES})
    scheduler.post({"event": "found", "attempts": {}})
    until(lambda: scheduler.connected, "the engine's word")

    def submit_some():
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        for _ in range(15):
            submit(client)

    for _ in range(5):
        resting.clear()
        threads = [threading.Thread(target=submit_some) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert resting.wait(PATIENCE)  # both slots are taken, and more is submitted
        warden.end(60)
        for thread in threads:
            joined(thread, "a client")
    until(lambda: not scheduler._flights, "the end of all")
    states = services.database.rows("SELECT state, count(*) AS n FROM jobs GROUP BY state")
    assert [(row["state"], row["n"]) for row in states] == [("succeeded", 300)]
