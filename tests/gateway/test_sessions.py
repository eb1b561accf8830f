"""Sessions in the loop: one container, and jobs that run in it one after another."""

import json
import stat

import pytest

from tests.gateway.conftest import NULL, RUNTIMES, source_task, submission, submit

ONE = {"kind": "scalar", "type": "int", "value": 1}
ERROR = {"type": "ValueError", "classes": ["ValueError", "Exception"], "message": "no"}
SESSION = {"language": "python", "function": {"type": "session"}}


def call(client, session, **more):
    return submit(client, submission(source_task(session=session, **more)))["id"]


@pytest.fixture
def session(client, road):
    """A session whose container runs: its job and its attempt."""
    job = submit(client, submission(SESSION))["id"]
    return job, road.started()


def taken(road, commands):
    road.step()
    return commands.take("call")["attempt"]


class TestCalls:
    def test_they_run_in_the_sessions_folder_one_after_another(self, client, road, commands, session):
        job, held = session
        first, second = call(client, job), call(client, job)
        attempt = taken(road, commands)
        assert attempt == f"{first}.1"
        assert road.job(first)["state"] == "running"
        assert "call" not in commands.verbs()
        assert road.job(second)["state"] == "queued"
        place = road.folder(attempt).path.resolve()
        assert place.parent == road.folder(held).calls.resolve()
        assert json.loads((place / "job.json").read_text())["job"] == first
        road.leave(attempt, result=ONE)
        assert road.job(first)["state"] == "succeeded"
        assert commands.take("forget")["attempt"] == attempt
        told = commands.take("call")
        assert (told["session"], told["attempt"]) == (held, f"{second}.1")
        assert "start" not in commands.verbs()

    def test_an_error_ends_the_call_alone(self, client, road, commands, session):
        job, _ = session
        failed, following = call(client, job), call(client, job)
        road.leave(taken(road, commands), error=ERROR)
        assert (road.job(failed)["state"], road.job(failed)["cause"]) == ("failed", "error")
        assert commands.take("call")["attempt"] == f"{following}.1"
        assert road.job(job)["state"] == "running"

    def test_what_is_not_to_be_changed_is_not_the_container_users(self, client, road, commands, session):
        job, held = session
        given = client.post("/api/v1/objects?format=file", data=b"x").json["object"]["id"]
        body = submission(source_task(session=job), [None, {"kind": "file", "object": given, "name": "x"}])
        submit(client, body)
        folder = road.folder(taken(road, commands)).path
        for path in (road.folder(held).calls, folder, folder / "in", folder / "job.json"):
            assert not path.stat().st_mode & stat.S_IWOTH
        assert stat.S_ISFIFO(road.folder(held).requests.stat().st_mode)

    def test_neither_sessions_nor_their_calls_keep_others_from_running(self, client, road, commands, session):
        job, _ = session
        call(client, job)
        taken(road, commands)
        submit(client), submit(client)
        road.step()
        assert commands.verbs().count("start") == 2

    def test_calls_wait_for_a_session_that_has_not_started(self, client, road, commands):
        job = submit(client, submission(SESSION))["id"]
        made = call(client, job)
        road.step()
        assert "call" not in commands.verbs()
        road.started()
        assert taken(road, commands) == f"{made}.1"


class TestStopping:
    def test_cancelling_a_call_interrupts_it_and_leaves_the_session(self, client, road, commands, session):
        job, held = session
        made = call(client, job)
        attempt = taken(road, commands)
        client.post(f"/api/v1/jobs/{made}/cancel")
        road.step()
        assert commands.take("interrupt")["session"] == held
        road.leave(attempt, error=ERROR | {"type": "KeyboardInterrupt"})
        assert road.job(made)["state"] == "cancelled"
        assert road.job(job)["state"] == "running"

    def test_a_call_that_goes_on_takes_its_session_with_it(self, client, road, commands, session):
        job, held = session
        made = call(client, job)
        taken(road, commands)
        client.post(f"/api/v1/jobs/{made}/cancel")
        road.step()
        assert "stop" not in commands.verbs()
        road.now += 6
        road.step()
        assert commands.take("stop")["attempt"] == held
        road.exit(held, 137)
        assert (road.job(made)["state"], road.job(job)["state"]) == ("cancelled", "cancelled")

    def test_a_call_has_its_own_limit_of_time(self, client, road, commands, session):
        job, held = session
        made = call(client, job, limits={"seconds": 5})
        attempt = taken(road, commands)
        road.now += 6
        road.step()
        assert commands.take("interrupt")["session"] == held
        road.leave(attempt, error=ERROR)
        assert (road.job(made)["state"], road.job(made)["cause"]) == ("failed", "timeout")
        assert road.job(job)["state"] == "running"

    def test_a_session_ends_when_it_was_idle(self, client, road, commands):
        job = submit(client, submission(SESSION | {"function": {"type": "session", "idle": 60}}))["id"]
        held = road.started()
        made = call(client, job)
        attempt = taken(road, commands)
        road.now += 500
        road.step()
        assert "end" not in commands.verbs()  # a call runs
        road.leave(attempt, result=NULL)
        road.now += 61
        road.step()
        assert commands.take("end")["session"] == held
        road.leave(held, result=NULL)
        road.exit(held, 0)
        assert (road.job(job)["state"], road.job(made)["state"]) == ("succeeded", "succeeded")
        assert any("60 s without a call" in (event["note"] or "") for event in road.services.jobs.events_of(job))

    def test_one_that_does_not_end_is_stopped(self, client, road, commands, session):
        job, held = session
        road.step()
        road.now += 3601
        road.step()
        commands.take("end")
        road.now += 11
        road.step()
        assert commands.take("stop")["attempt"] == held
        road.exit(held, 137)
        assert road.job(job)["state"] == "cancelled"

    def test_it_ends_after_the_calls_that_it_was_given(self, client, road, commands, session):
        job, held = session
        call(client, job)
        attempt = taken(road, commands)
        assert client.post(f"/api/v1/jobs/{job}/end").status_code == 200
        road.step()
        assert "end" not in commands.verbs()
        road.leave(attempt, result=NULL)
        assert commands.take("end")["session"] == held
        refused = client.post("/api/v1/jobs", json=submission(source_task(session=job)))
        assert refused.json["error"]["message"] == f"The session `{job}` takes no more jobs: it is ending."


class TestDeath:
    def test_a_running_call_ends_as_its_session_and_those_that_waited_say_so(self, client, road, commands, session):
        job, held = session
        running, waiting = call(client, job), call(client, job)
        taken(road, commands)
        road.exit(held, 137, oom=True)
        road.step()
        assert [road.job(one)["cause"] for one in (job, running, waiting)] == ["memory", "memory", "input"]
        assert road.job(waiting)["error"]["message"] == f"The session {job} has ended: it is failed."

    def test_cancelling_a_session_ends_all_of_it(self, client, road, commands, session):
        job, held = session
        running, waiting = call(client, job), call(client, job)
        taken(road, commands)
        client.post(f"/api/v1/jobs/{job}/cancel")
        road.step()
        assert commands.take("stop")["attempt"] == held
        road.exit(held, 143)
        road.step()
        states = [(road.job(one)["state"], road.job(one)["cause"]) for one in (job, running, waiting)]
        assert states == [("cancelled", None), ("failed", "killed"), ("failed", "input")]

    def test_a_session_that_never_began(self, client, road, commands, in_line):
        job = submit(client, submission(SESSION))["id"]
        made = call(client, job)
        client.post(f"/api/v1/jobs/{job}/cancel")
        road.step()
        assert (road.job(made)["state"], road.job(made)["cause"]) == ("failed", "input")

    def test_a_call_that_cannot_be_handed_over(self, client, road, commands, session):
        job, _ = session
        made = call(client, job)
        road.tell("start_failed", attempt=taken(road, commands), message="The session cannot be reached.", hint="x")
        assert (road.job(made)["state"], road.job(made)["cause"]) == ("failed", "engine")

    def test_after_a_restart_the_call_is_told_again_and_goes_on(self, client, road, commands, session):
        job, held = session
        made = call(client, job)
        attempt = taken(road, commands)
        road.services.scheduler._flights.clear()
        road.tell("disconnected")
        road.connect(RUNTIMES, **{held: None})
        told = commands.take("call")
        assert (told["session"], told["attempt"]) == (held, attempt)
        road.leave(attempt, result=ONE)
        assert (road.job(made)["state"], road.job(job)["state"]) == ("succeeded", "running")

    def test_after_a_restart_without_its_container_both_are_lost(self, client, road, commands, session):
        job, _ = session
        made = call(client, job)
        attempt = taken(road, commands)
        road.folder(attempt).events.write_text("")
        road.services.scheduler._flights.clear()
        road.tell("disconnected")
        road.connect(RUNTIMES)
        assert (road.job(made)["state"], road.job(job)["state"]) == ("lost", "lost")

    def test_after_a_power_cut_nobody_knows_which_calls_began(self, client, road, commands, session):
        job, _ = session
        made = call(client, job)  # no attempt of it is known: either there was none, or it did not reach the disk
        road.services.scheduler._flights.clear()
        road.services.scheduler._recovery.machine_restarted = True
        road.tell("disconnected")
        road.connect(RUNTIMES)
        assert (road.job(made)["state"], road.job(job)["state"]) == ("lost", "lost")
        assert "whether the job began is not known" in road.job(made)["error"]["message"]


class TestRefusals:
    def refused(self, client, task):
        answer = client.post("/api/v1/jobs", json=submission(task))
        return answer.status_code, answer.json["error"]["message"]

    def test_only_sessions_take_jobs(self, client, road):
        job = submit(client)["id"]
        told = self.refused(client, source_task(session=job))
        assert told == (422, f"`{job}` is a job, not a session.")
        assert client.post(f"/api/v1/jobs/{job}/end").json["error"]["message"] == "Only sessions are ended."

    def test_there_is_no_such_session(self, client, road):
        assert self.refused(client, source_task(session="job_0000000000000000"))[0] == 404

    def test_the_language_is_the_sessions(self, client, road, session):
        task = {"language": "r", "function": {"type": "source", "name": "f", "text": "f <- function() 1"}}
        status, message = self.refused(client, task | {"session": session[0]})
        assert (status, message) == (422, f"The session `{session[0]}` is of python, and the task of r.")

    @pytest.mark.parametrize("more", [{"limits": {"memory": 2**30}}, {"runtime": "python:3.11"}])
    def test_the_container_is_the_sessions(self, client, road, session, more):
        status, message = self.refused(client, source_task(session=session[0], **more))
        assert status == 422
        assert "session" in message

    def test_a_session_in_a_session(self, client, road, session):
        assert self.refused(client, SESSION | {"session": session[0]}) == (422, "A session cannot run in a session.")

    def test_no_more_sessions_than_the_gateway_holds(self, client, road, services):
        for _ in range(services.settings.sessions):
            submit(client, submission(SESSION))
        status, message = self.refused(client, SESSION)
        assert (status, message) == (503, "There are 8 sessions already, which is as many as this gateway holds.")
