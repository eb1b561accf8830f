"""Short calls of sessions: begun and ended by the thread that submitted them."""

import json
import threading

import pytest
from landbridge_gateway.engines.interface import EngineError
from landbridge_gateway.errors import DiskFull
from landbridge_gateway.warden.near import Lookout, NearCalls
from landbridge_gateway.web import calling

from tests.gateway.conftest import RUNTIMES, source_task, submission, submit
from tests.gateway.test_sessions import ERROR, ONE, SESSION, call
from tests.patience import joined, until

LONG = 60.0


class Worker:
    """What a session's worker does when it is told of a call: by default nothing, so that the call goes on."""

    def __init__(self, layout):
        self._layout, self.told, self.leaves, self.hears = layout, [], None, True

    def tell(self, session, attempt):
        if not self.hears:
            raise EngineError("The session cannot be reached.", "Start another session.")
        self.told.append((session, attempt))
        if self.leaves:
            self.publish(attempt, **self.leaves)

    def publish(self, attempt, **left):
        folder = self._layout.job_folder(attempt)
        for name, document in left.items():
            path = folder.out / f"{name}.json"
            path.with_suffix(".tmp").write_text(json.dumps(document))
            path.with_suffix(".tmp").rename(path)


@pytest.fixture
def worker(services):
    return Worker(services.layout)


@pytest.fixture
def near(services, worker, monkeypatch):
    made = NearCalls(services.layout, services.scheduler.post, 2)
    monkeypatch.setattr(made, "tell", worker.tell)
    yield made
    made.close()


@pytest.fixture
def session(client, road, services, near):
    """A session near by whose container runs: its job and its attempt."""
    services.scheduler._near = near
    road.tell("hello", engine="process", near=True, runtimes=RUNTIMES)
    job = submit(client, submission(SESSION))["id"]
    held = road.started()
    road.step()
    road.commands.sent.clear()
    return job, held


@pytest.fixture
def patient(monkeypatch):
    monkeypatch.setattr(calling, "LONGEST", LONG)
    monkeypatch.setattr(calling, "_ATTENDED", LONG)


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(calling, "_ATTENDED", 0.001)


def asked(client, session, wait="60", headers=None, **task):
    body = submission(source_task(session=session[0], **task))
    return client.post(f"/api/v1/jobs?wait={wait}", json=body, headers=headers or {})


def heard(road):
    """Let the loop deal with the next thing that it is told."""
    scheduler = road.services.scheduler
    while (event := scheduler._inbox.get(timeout=LONG))["event"] in ("wake", "activity"):
        scheduler.handle(event)
    scheduler.handle(event)
    road.step()


class TestAttended:
    @pytest.mark.parametrize(("left", "state"), [({"result": ONE}, "succeeded"), ({"error": ERROR}, "failed")])
    def test_it_is_begun_and_ended_where_it_was_submitted(
        self, client, road, commands, services, session, worker, patient, left, state
    ):
        worker.leaves = left
        told = asked(client, session)
        job = told.json["job"]
        assert (told.status_code, job["state"], job["result"]) == (201, state, left.get("result"))
        assert worker.told == [(session[1], f"{job['id']}.1")]
        assert commands.sent == []
        assert client.get(f"/api/v1/jobs/{job['id']}").json["job"] == job
        assert told.json["cursor"] == services.jobs.cursor()
        events = [(event["state"], event["attempt"]) for event in services.jobs.events_of(job["id"])]
        assert events == [("waiting", 0), ("queued", 0), ("running", 1), (state, 1)]
        assert services.jobs.attempt(job["id"], 1)["state"] == "exited"
        assert services.scheduler._queue.sizes()[""] == 0

    def test_no_stage_of_its_way_ends_before_it_begins(self, client, session, worker, patient):
        worker.leaves = {"result": ONE}
        job = asked(client, session).json["job"]["id"]
        stages = client.get(f"/api/v1/jobs/{job}/record").json["stages"]
        assert [part["stage"] for part in stages] == ["waiting", "queued", "starting", "running", "leaving"]
        assert [part["seconds"] for part in stages[:3]] == [0, 0, 0]
        assert all(part["seconds"] >= 0 for part in stages)

    def test_one_after_another(self, client, session, worker, patient, near):
        worker.leaves = {"result": ONE}
        for _ in range(5):
            assert asked(client, session).json["job"]["state"] == "succeeded"
        assert near._made == 1

    def test_the_session_may_be_idle_from_then_on(self, client, road, commands, session, worker, patient):
        worker.leaves = {"result": ONE}
        asked(client, session).close()
        road.now += 3601
        road.step()
        assert commands.take("end")["session"] == session[1]

    def test_the_loop_is_woken_where_it_would_sleep_beyond_a_new_deadline(
        self, client, road, services, session, worker, patient
    ):
        inbox = services.scheduler._inbox
        while not inbox.empty():
            services.scheduler.handle(inbox.get_nowait())
        services.scheduler._asleep_until = 3500.0
        worker.leaves = {"result": ONE}
        asked(client, session)
        assert inbox.empty()
        services.scheduler._asleep_until = 3700.0
        asked(client, session)
        assert inbox.get_nowait()["event"] == "wake"

    def test_what_waited_for_it_is_begun_once_it_was_answered(
        self, client, road, commands, session, worker, patient, services
    ):
        asking, found = self.submitting(client, session)
        until(lambda: worker.told, "the call", LONG)
        job = services.jobs.calls(session[0], 1)[0]["id"]
        following = call(client, session[0])
        depends = submit(client, submission(source_task(), [None, {"kind": "job", "job": job}]))["id"]
        worker.publish(f"{job}.1", result=ONE)
        joined(asking, "the submission", LONG)
        assert found[0].json["job"]["state"] == "succeeded"
        assert worker.told[1:] == []
        found[0].close()
        assert worker.told[1:] == [(session[1], f"{following}.1")]
        assert road.job(following)["state"] == "running"
        assert commands.take("start")["attempt"] == f"{depends}.1"

    def test_the_loop_does_what_follows_where_no_answer_is_sent(
        self, client, road, services, session, worker, patient, monkeypatch
    ):
        def broken(*_):
            raise RuntimeError("nobody can be answered")

        worker.leaves = {"result": ONE}
        inbox = services.scheduler._inbox
        while not inbox.empty():
            services.scheduler.handle(inbox.get_nowait())
        monkeypatch.setattr(calling, "_told", broken)
        assert asked(client, session).status_code == 500
        assert inbox.get_nowait()["event"] == "wake"
        assert services.scheduler._due

    @staticmethod
    def submitting(client, session):
        found = []
        asking = threading.Thread(target=lambda: found.append(asked(client, session)))
        asking.start()
        return asking, found

    def test_it_ends_with_its_session(self, client, road, session, worker, monkeypatch):
        monkeypatch.setattr(calling, "LONGEST", LONG)
        asking, found = self.submitting(client, session)
        until(lambda: worker.told, "the call", LONG)
        with road.services.scheduler.turn():
            road.exit(session[1], 137, oom=True)
        joined(asking, "the submission", LONG)
        job = found[0].json["job"]
        assert (job["state"], job["cause"]) == ("failed", "memory")


class TestPrepared:
    """The folder of the next call, which is made once a call was answered."""

    @pytest.fixture
    def prepared(self, client, road, services, session, worker, patient):
        """The job of the next call."""
        worker.leaves = {"result": ONE}
        with asked(client, session):
            pass
        return next(job for job in self.calls(road, session) if not road.folder(f"{job}.1").result.exists())

    @staticmethod
    def calls(road, session):
        return {path.name.partition(".")[0] for path in road.folder(session[1]).calls.glob("job_*")}

    def test_the_next_call_has_it(self, client, road, services, session, worker, prepared):
        job = asked(client, session).json["job"]
        assert (job["id"], job["state"]) == (prepared, "succeeded")
        assert json.loads(road.folder(f"{prepared}.1").spec.read_text())["job"] == prepared

    def test_with_what_it_is_given(self, client, road, session, worker, prepared):
        given = client.post("/api/v1/objects?format=file", data=b"x").json["object"]["id"]
        items = [None, {"kind": "file", "object": given, "name": "x"}]
        body = submission(source_task(session=session[0]), items)
        assert client.post("/api/v1/jobs?wait=60", json=body).json["job"]["id"] == prepared
        inputs = road.folder(f"{prepared}.1").inputs
        assert not inputs.exists(), "the links are dropped when it has ended"

    def test_one_that_is_refused_leaves_nothing_of_it(self, client, road, services, session, prepared, monkeypatch):
        def full(*_):
            raise DiskFull

        monkeypatch.setattr(services.scheduler._jobs, "add_begun", full)
        assert asked(client, session).status_code == 507
        assert prepared not in self.calls(road, session)
        assert not (services.layout.jobs / prepared).exists()

    def test_it_goes_with_its_session(self, road, services, session, prepared):
        road.exit(session[1], 137)
        assert prepared not in self.calls(road, session)
        assert not (services.layout.jobs / prepared).exists()

    def test_a_gateway_that_starts_clears_it_away(self, road, services, session, prepared):
        before = self.calls(road, session)
        road.services.scheduler._flights.clear()
        road.tell("disconnected")
        road.connect(RUNTIMES, **{session[1]: None})
        assert self.calls(road, session) == before - {prepared}
        assert not (services.layout.jobs / prepared).exists()


class TestLeft:
    def test_one_that_takes_longer_is_on_the_disk_before_it_is_acknowledged(
        self, client, road, services, session, worker, brief, monkeypatch
    ):
        brought = []
        monkeypatch.setattr(services.database, "bring_to_disk", lambda: brought.append(services.jobs.cursor()))
        told = asked(client, session, "0.01")
        job = told.json["job"]
        assert (told.status_code, job["state"]) == (201, "running")
        assert brought == [services.jobs.cursor()]
        worker.publish(f"{job['id']}.1", result=ONE)
        heard(road)
        assert road.job(job["id"])["state"] == "succeeded"

    def test_its_end_in_between_is_not_missed(self, client, road, session, worker, brief, monkeypatch):
        seen = Lookout.sees_end

        def too_late(lookout, seconds):
            assert seen(lookout, 0) is False
            worker.publish(worker.told[0][1], result=ONE)
            return False

        monkeypatch.setattr(Lookout, "sees_end", too_late)
        job = asked(client, session, "0.01").json["job"]["id"]
        heard(road)
        assert road.job(job)["state"] == "succeeded"

    def test_it_is_cancelled_as_any_other(self, client, road, commands, session, worker, brief):
        job = asked(client, session, "0.01").json["job"]["id"]
        client.post(f"/api/v1/jobs/{job}/cancel")
        road.step()
        assert commands.take("interrupt")["session"] == session[1]
        worker.publish(f"{job}.1", error=ERROR)
        heard(road)
        assert road.job(job)["state"] == "cancelled"

    def test_it_has_its_own_limit_of_time(self, client, road, commands, session, brief):
        job = asked(client, session, "0.01", limits={"seconds": 5}).json["job"]["id"]
        road.now += 6
        road.step()
        assert commands.take("interrupt")["session"] == session[1]
        assert road.job(job)["state"] == "running"

    def test_where_its_folder_cannot_be_watched_it_fails(self, client, road, session, near, brief, monkeypatch):
        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(near, "watch", full)
        job = asked(client, session, "0.01").json["job"]["id"]
        heard(road)
        assert (road.job(job)["state"], road.job(job)["cause"]) == ("failed", "engine")
        assert "cannot be watched: No space left on device" in road.job(job)["error"]["message"]

    def test_who_repeats_it_meanwhile_is_answered_when_it_is_on_the_disk(
        self, client, road, services, session, worker, patient, monkeypatch
    ):
        key = {"Idempotency-Key": "once"}
        asking = threading.Thread(target=lambda: asked(client, session, headers=key))
        asking.start()
        until(lambda: worker.told, "the call", LONG)
        brought = []
        monkeypatch.setattr(services.database, "bring_to_disk", lambda: brought.append(True))
        again = asked(client, session, "0", headers=key)
        assert (again.status_code, brought) == (200, [True])
        worker.publish(worker.told[0][1], result=ONE)
        joined(asking, "the submission", LONG)
        assert len(worker.told) == 1

    def test_after_a_restart_of_the_gateway_the_warden_tells_it_again(
        self, client, road, commands, session, worker, brief
    ):
        job = asked(client, session, "0.01").json["job"]["id"]
        road.services.scheduler._flights.clear()
        road.tell("disconnected")
        road.connect(RUNTIMES, **{session[1]: None})
        assert commands.take("call")["attempt"] == f"{job}.1"

    def test_after_one_of_the_warden_nobody_need_tell_it(self, client, road, commands, session, worker, brief):
        job = asked(client, session, "0.01").json["job"]["id"]
        road.tell("disconnected")
        road.connect(RUNTIMES, **{session[1]: None})
        assert "call" not in commands.verbs()
        worker.publish(f"{job}.1", result=ONE)
        while road.job(job)["state"] == "running":
            heard(road)
        assert road.job(job)["state"] == "succeeded"


class TestNot:
    """Calls that are stored as any other job, and begun by the loop."""

    def stored(self, road, commands, told):
        job = told.json["job"]["id"]
        assert (told.status_code, road.job(job)["state"]) == (201, "queued")
        return job

    def test_while_the_warden_is_away(self, client, road, commands, session, worker):
        road.tell("disconnected")
        self.stored(road, commands, asked(client, session, "0.01"))
        assert worker.told == []

    def test_on_another_machine(self, client, road, commands, session, worker):
        road.tell("hello", engine="docker", runtimes=RUNTIMES)
        job = self.stored(road, commands, asked(client, session, "0.01"))
        road.step()
        assert commands.take("call")["attempt"] == f"{job}.1"

    def test_with_a_secret(self, client, road, commands, session, worker):
        client.put("/api/v1/secrets/password", json={"value": "a long enough word"})
        job = self.stored(road, commands, asked(client, session, "0.01", secrets=["password"]))
        road.step()
        assert commands.take("call")["attempt"] == f"{job}.1"
        assert worker.told == []

    def test_where_as_many_are_attended_to_as_may(self, client, road, commands, session, near):
        taken = [near.lookout() for _ in range(2)]
        self.stored(road, commands, asked(client, session, "0.01"))
        for lookout in taken:
            near.give_back(lookout)

    def test_behind_another_and_told_without_the_warden_all_the_same(
        self, client, road, commands, session, worker, brief
    ):
        first = asked(client, session, "0.01").json["job"]["id"]
        second = self.stored(road, commands, asked(client, session, "0.01"))
        worker.publish(f"{first}.1", result=ONE)
        heard(road)
        assert worker.told[-1] == (session[1], f"{second}.1")
        worker.publish(f"{second}.1", result=ONE)
        heard(road)
        assert road.job(second)["state"] == "succeeded"
        assert commands.sent == []

    def test_without_a_wait(self, client, road, commands, session):
        self.stored(road, commands, asked(client, session, "0"))


class TestTrouble:
    def test_a_session_that_hears_nothing(self, client, road, services, session, worker, patient):
        worker.hears = False
        job = asked(client, session).json["job"]
        assert (job["state"], job["cause"]) == ("failed", "engine")
        assert "cannot be reached" in job["error"]["message"]

    def test_so_does_one_behind_another(self, client, road, session, worker, brief):
        first = asked(client, session, "0.01").json["job"]["id"]
        second = call(client, session[0])
        worker.hears = False
        worker.publish(f"{first}.1", result=ONE)
        heard(road)
        heard(road)
        assert (road.job(second)["state"], road.job(second)["cause"]) == ("failed", "engine")

    def test_a_full_disk_refuses_it_and_nothing_is_left(self, client, road, services, session, worker, monkeypatch):
        def full(*_):
            raise DiskFull

        before = set(road.folder(session[1]).calls.iterdir())
        monkeypatch.setattr(services.scheduler._jobs, "_insert_attempt", full)
        assert asked(client, session).status_code == 507
        assert services.jobs.open_calls(session[0]) == 0
        assert set(road.folder(session[1]).calls.iterdir()) == before
        assert {path.name for path in services.layout.jobs.iterdir()} == {session[0]}
        assert worker.told == []

    def test_a_folder_that_cannot_be_written_is_told_by_the_loop(
        self, client, road, services, session, worker, monkeypatch
    ):
        def refused(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("landbridge_gateway.scheduler.spec.write_folder", refused)
        job = asked(client, session, "0.01").json["job"]["id"]
        road.step()
        assert (road.job(job)["state"], road.job(job)["cause"]) == ("failed", "disk")

    def test_an_end_that_the_disk_does_not_take_is_written_later(
        self, client, road, services, session, worker, patient, monkeypatch
    ):
        worker.leaves = {"result": ONE}
        with monkeypatch.context() as patched:

            def full(*_, **__):
                raise DiskFull

            patched.setattr(services.scheduler._publishing, "publish", full)
            patched.setattr(services.database, "bring_to_disk", full)
            assert asked(client, session).status_code == 507
        job = worker.told[0][1].partition(".")[0]
        assert road.job(job)["state"] == "running"
        heard(road)
        assert road.job(job)["state"] == "succeeded"
