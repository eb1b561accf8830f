"""Attempts: tried again only as asked, one published result, and one end in every race."""

import json

import pytest
from landbridge_gateway.model import Gone, State
from landbridge_gateway.store.jobs import IllegalTransition

from tests.gateway.conftest import NULL, source_task, submission, submit

ONE = {"kind": "scalar", "type": "int", "value": 1}
ERROR = {"type": "ValueError", "classes": ["ValueError", "Exception"], "message": "no"}
MIB = 1024**2


def ask(client, **task):
    return submit(client, submission(source_task(**task)))["id"]


def tries(client, job):
    return client.get(f"/api/v1/jobs/{job}/attempts").json["attempts"]


def states(road, job):
    return [event["state"] for event in road.services.jobs.events_of(job)]


def end(road, attempt, how):
    """Let an attempt come to nothing in one of the ways there are."""
    if how == "error":
        road.leave(attempt, error=ERROR)
        road.exit(attempt, 0)
    elif how == "memory":
        road.exit(attempt, 137, oom=True)
    elif how == "killed":
        road.exit(attempt, 3)
    elif how == "timeout":
        road.now += 3600
        road.step()
        road.exit(attempt, 137)
    elif how == "disk":
        road.exit(attempt, 153)
    elif how == "lost":
        road.exit(attempt, None, gone=Gone.REMOVED)


class TestOnlyAsAsked:
    @pytest.mark.parametrize("how", ["error", "memory", "killed", "timeout", "disk", "lost"])
    def test_without_a_word_nothing_is_run_twice(self, client, road, commands, how):
        job = ask(client)
        end(road, road.started(), how)
        assert road.job(job)["ended"]
        assert "start" not in commands.verbs()

    @pytest.mark.parametrize("how", ["error", "memory", "killed", "timeout", "disk", "lost"])
    def test_a_named_end_is_followed_by_another_attempt(self, client, road, how):
        job = ask(client, retries=1, retry_on=[how])
        first = road.started()
        road.folder(first).log("stdout").write_text("first\n")
        end(road, first, how)
        assert road.job(job)["state"] == "queued"
        assert road.job(job)["note"].startswith("attempt 1 came to nothing, and another follows: ")
        second = road.started()
        assert second == f"{job}.2"
        road.folder(second).log("stdout").write_text("second\n")
        road.leave(second, result=ONE)
        road.exit(second, 0)
        assert road.job(job)["result"] == ONE
        assert [(one["number"], one["state"]) for one in tries(client, job)] == [
            (1, "lost" if how == "lost" else "failed"),
            (2, "succeeded"),
        ]
        logs = [client.get(f"/api/v1/jobs/{job}/log?attempt={number}").data for number in (1, 2)]
        assert logs == [b"first\n", b"second\n"]

    def test_an_end_that_was_not_named_is_the_jobs(self, client, road, commands):
        job = ask(client, retries=3, retry_on=["lost"])
        end(road, road.started(), "memory")
        assert (road.job(job)["state"], road.job(job)["cause"]) == ("failed", "memory")
        assert "start" not in commands.verbs()

    def test_where_none_is_named_only_what_the_job_had_no_part_in(self, client, road):
        job = ask(client, retries=1)
        end(road, road.started(), "lost")
        end(road, road.started(), "killed")
        assert (road.job(job)["state"], road.job(job)["cause"]) == ("failed", "killed")

    def test_an_engine_that_cannot_start_it_is_asked_again_as_often_as_said(self, client, road, commands):
        job = ask(client, retries=2)
        for _ in range(3):
            road.step()
            attempt = commands.take("start")["attempt"]
            road.tell("start_failed", attempt=attempt, message="Docker is out of space.", hint="Free some.")
        row = road.job(job)
        assert (row["state"], row["cause"]) == ("failed", "engine")
        assert row["error"]["message"] == "Docker is out of space. It was tried 3 times."
        assert "start" not in commands.verbs()

    def test_a_poison_job_stops_after_the_cap_and_names_the_cause(self, client, road, commands):
        """F37."""
        job = ask(client, retries=2, retry_on=["memory"], limits={"memory": 256 * MIB})
        for _ in range(3):
            end(road, road.started(), "memory")
        row = road.job(job)
        assert (row["state"], row["cause"], row["error"]["attempts"]) == ("failed", "memory", 3)
        assert row["error"]["message"] == (
            "The job needed more memory than its limit of 256 MiB. It was tried 3 times."
        )
        assert [one["cause"] for one in tries(client, job)] == ["memory"] * 3
        assert "start" not in commands.verbs()

    def test_each_attempt_is_told_as_a_change_of_the_job(self, client, road):
        job = ask(client, retries=1)
        end(road, road.started(), "lost")
        road.leave(road.started(), result=NULL)
        assert states(road, job) == ["waiting", "queued", "running", "queued", "running", "succeeded"]

    def test_its_page_shows_every_attempt(self, client, road):
        job = ask(client, retries=1)
        end(road, road.started(), "lost")
        road.leave(road.started(), result=NULL)
        page = client.get(f"/jobs/{job}").text
        assert "1 of at most 2" in page
        assert "The job&#39;s container was removed by somebody" in page
        assert f"/jobs/{job}/stdout.txt?attempt=1" in page

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"retries": 21}, "task.retries"),
            ({"retries": -1}, "task.retries"),
            ({"retries": 1, "retry_on": ["boredom"]}, "task.retry_on[0]"),
            ({"retries": 1, "retry_on": []}, "task.retry_on"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, client, road, fields, field):
        answer = client.post("/api/v1/jobs", json=submission(source_task(**fields)))
        assert answer.status_code == 422
        assert answer.json["error"]["detail"]["field"] == field

    def test_sweeps_and_sessions_say_that_they_are_not_tried_again(self, client, road):
        points = {"n": 1, "columns": [{"kind": "vector", "type": "int", "values": [1]}]}
        body = submission(source_task(retries=1), [None, {"kind": "each", "column": 0}]) | {"points": points}
        answer = client.post("/api/v1/jobs/batch", json=body)
        assert answer.json["error"]["message"] == "A point of a sweep is not tried again."
        held = {"language": "python", "function": {"type": "session"}, "retries": 1}
        answer = client.post("/api/v1/jobs", json=submission(held))
        assert answer.json["error"]["message"] == "A session is not tried again."


class TestCancel:
    """F30, F31: one terminal state, whoever is first."""

    def test_between_two_attempts(self, client, road, commands):
        job = ask(client, retries=1, retry_on=["error"])
        attempt = road.started()
        road.leave(attempt, error=ERROR)  # its container is not gone yet
        client.post(f"/api/v1/jobs/{job}/cancel")
        road.step()
        assert road.job(job)["state"] == "cancelled"
        road.exit(attempt, 0)
        assert "start" not in commands.verbs()

    def test_a_death_after_the_word_is_no_reason_to_try_again(self, client, road, commands):
        job = ask(client, retries=1, retry_on=["killed"])
        attempt = road.started()
        client.post(f"/api/v1/jobs/{job}/cancel")
        # The death is told before the loop has seen the word.
        road.services.scheduler.handle({"event": "exited", "attempt": attempt, "exit": {"code": 3}})
        road.step()
        assert road.job(job)["state"] == "failed"
        assert "start" not in commands.verbs()

    @pytest.mark.parametrize("twice", [1, 2])
    @pytest.mark.parametrize("when", ["before", "starting", "running", "finished", "ended"])
    def test_in_every_state_and_twice(self, client, road, commands, when, twice):
        job = ask(client)
        attempt = f"{job}.1"
        if when != "before":
            road.step()
        if when in ("running", "finished", "ended"):
            road.tell("started", attempt=attempt, image="sha256:p")
        if when in ("finished", "ended"):
            road.leave(attempt, result=ONE)
        if when == "ended":
            road.exit(attempt, 0)
        answers = [client.post(f"/api/v1/jobs/{job}/cancel").status_code for _ in range(twice)]
        road.step()
        road.exit(attempt, 143)
        assert answers == [200] * twice
        expected = "succeeded" if when in ("finished", "ended") else "cancelled"
        assert road.job(job)["state"] == expected
        assert len([state for state in states(road, job) if state not in ("waiting", "queued", "running")]) == 1

    @pytest.mark.parametrize("first", ["result", "timeout"])
    def test_a_time_limit_and_a_result_at_once(self, client, road, first):
        job = ask(client, limits={"seconds": 10})
        attempt = road.started()
        road.now = 10.0
        if first == "timeout":
            road.step()
        road.leave(attempt, result=ONE)
        road.exit(attempt, 143)
        assert road.job(job)["state"] == "succeeded"
        assert states(road, job).count("succeeded") == 1

    def test_what_comes_after_the_end_is_not_accepted(self, client, road):
        """F33: a result that appears when the end was told already."""
        job = ask(client)
        attempt = road.started()
        road.exit(attempt, 3)
        road.leave(attempt, result=ONE)
        assert (road.job(job)["state"], road.job(job)["result"]) == ("failed", None)
        assert road.folder(attempt).result.exists()


class TestFencing:
    """F25, F26: a stalled warden, and what comes of its attempts when it is back."""

    def test_only_what_was_to_be_tried_again_gets_another_attempt(self, client, road, commands):
        patient, eager = ask(client), ask(client, retries=1)
        first, second = road.started(), road.started()
        road.tell("suspected", lease=60)
        assert road.job(patient)["state"] == "running"
        assert road.job(eager)["state"] == "queued"
        assert "start" not in commands.verbs()  # there is nobody who could
        road.connect(**{first: None, second: None})
        assert commands.take("remove")["attempt"] == second
        assert commands.take("start")["attempt"] == f"{eager}.2"
        road.leave(first, result=ONE)
        assert road.job(patient)["result"] == ONE

    def test_a_late_result_is_kept_aside_and_changes_nothing(self, client, road, commands):
        job = ask(client, retries=1)
        first = road.started()
        road.tell("suspected", lease=60)
        road.connect(**{first: None})
        second = road.started()
        road.leave(first, result={"kind": "scalar", "type": "int", "value": 666})
        assert road.job(job)["state"] == "running"
        road.leave(second, result=ONE)
        road.exit(second, 0)
        road.exit(first, 0)
        assert road.job(job)["result"] == ONE
        told = tries(client, job)
        assert [(one["state"], one["late"]) for one in told] == [("superseded", "result"), ("succeeded", None)]
        assert told[0]["message"] == "The warden did not answer for 60 s, and nobody knew what became of the job."
        assert json.loads(road.folder(first).result.read_text())["value"] == 666

    def test_a_late_result_does_not_win_even_when_it_is_there_before_the_second_begins(self, client, road):
        job = ask(client, retries=1)
        first = road.started()
        road.tell("suspected", lease=60)
        road.folder(first).result.write_text(json.dumps(ONE))
        road.connect(**{first: {"code": 0, "oom": False}})
        assert road.job(job)["state"] == "queued"
        assert tries(client, job)[0]["late"] == "result"

    def test_a_stall_that_comes_again_uses_up_the_attempts(self, client, road):
        job = ask(client, retries=1)
        road.started()
        road.tell("suspected", lease=60)
        road.connect()
        second = road.started()
        road.tell("suspected", lease=60)
        assert road.job(job)["state"] == "running"
        road.connect(**{second: None})
        road.leave(second, result=ONE)
        assert road.job(job)["state"] == "succeeded"

    def test_each_attempt_has_a_token_of_its_own_which_its_folder_and_its_warden_know(self, client, road, commands):
        ask(client)
        road.step()
        start = commands.take("start")
        spec = json.loads(road.folder(start["attempt"]).spec.read_text())
        assert start["token"] == spec["token"]
        road.services.schemas.check("job", spec)

    @pytest.mark.parametrize(
        "event",
        [
            {"event": "finished"},
            {"event": "exited", "exit": {"code": 0}},
            {"event": "start_failed", "message": "no", "hint": ""},
        ],
        ids=lambda event: event["event"],
    )
    def test_a_word_with_another_token_is_of_another_attempt(self, client, road, event):
        """An attempt of this number from another history of the same home, which a backup brought back."""
        job = ask(client)
        attempt = road.started()
        road.folder(attempt).result.write_text(json.dumps(ONE))
        road.tell(**event, attempt=attempt, token="att_0000000000000000")
        assert road.job(job)["state"] == "running"

    def test_a_container_with_another_token_is_removed_and_not_adopted(self, client, road, commands):
        ask(client)
        attempt = road.started()
        road.tell("disconnected")
        road.tell("found", attempts={attempt: None}, tokens={attempt: "att_0000000000000000"})
        assert commands.take("remove")["attempt"] == attempt

    def test_a_start_that_nobody_waits_for_any_more_is_ended(self, road, commands):
        road.tell("started", attempt="job_0000000000000000.1", image="sha256:p")
        assert commands.take("remove")["attempt"] == "job_0000000000000000.1"

    def test_an_attempt_that_is_not_the_jobs_any_more_cannot_move_it(self, client, road):
        job = ask(client, retries=1)
        end(road, road.started(), "lost")
        road.started()
        with pytest.raises(IllegalTransition):
            road.services.jobs.move(job, State.SUCCEEDED, attempt=1, result=ONE)


class TestDeaths:
    def test_after_a_power_cut_an_end_that_was_found_is_the_machines(self, client, road, services):
        job = ask(client)
        attempt = road.started()
        services.scheduler._recovery.machine_restarted = True
        road.tell("disconnected")
        road.connect(**{attempt: {"code": 255, "oom": False}})
        assert road.job(job)["state"] == "lost"
        assert road.job(job)["error"]["message"] == "The machine was started anew while the job ran."

    def test_a_job_that_the_engine_took_along_is_lost(self, client, road):
        job = ask(client)
        road.exit(road.started(), 137, gone=Gone.ENGINE)
        assert road.job(job)["state"] == "lost"
        assert road.job(job)["error"]["message"].startswith("The container engine stopped while the job ran")

    def test_what_the_kernel_did_is_told_too_where_the_result_came_while_one_half_was_away(self, client, road):
        job = submit(client)["id"]
        attempt = road.started()
        road.tell("disconnected")
        road.folder(attempt).result.write_text(json.dumps(ONE))
        counted = {"limit": 256 * MIB, "peak": 256 * MIB, "oom_kills": 1, "refused": 0}
        road.tell("found", attempts={attempt: None}, usage={attempt: counted})
        told = client.get(f"/api/v1/jobs/{job}").json["job"]
        assert (told["state"], len(told["warnings"])) == ("succeeded", 1)
        assert "for want of memory" in told["warnings"][0]["message"]

    def test_a_child_that_the_kernel_ended_is_a_warning_of_a_job_that_succeeded(self, client, road):
        """F9."""
        job = ask(client, limits={"memory": 256 * MIB})
        attempt = road.started()
        road.folder(attempt).result.write_text(json.dumps(ONE))
        counted = {"limit": 256 * MIB, "peak": 256 * MIB, "oom_kills": 1, "refused": 0}
        road.tell("finished", attempt=attempt, usage=counted)
        told = client.get(f"/api/v1/jobs/{job}").json["job"]
        assert told["state"] == "succeeded"
        assert [warning["message"] for warning in told["warnings"]] == [
            "The kernel ended a process of the job for want of memory (limit 256 MiB)."
        ]

    def test_the_peak_of_each_attempt_is_in_the_record(self, client, road):
        job = ask(client)
        attempt = road.started()
        road.leave(attempt, result=ONE)
        road.exit(attempt, 0, usage={"limit": 256 * MIB, "peak": 34 * MIB, "oom_kills": 0, "refused": 0})
        assert tries(client, job)[0]["memory_peak"] == 34 * MIB
        assert "34.0 MiB of 256.0 MiB" in client.get(f"/jobs/{job}").text

    def test_an_exit_code_of_its_own_is_told_by_its_worker(self, client, road):
        job = ask(client)
        attempt = road.started()
        road.folder(attempt).events.write_text('{"event": "exit", "at": "2026-01-01T00:00:00.000000Z"}\n')
        road.exit(attempt, 137)
        row = road.job(job)
        assert row["cause"] == "killed"
        assert row["error"]["message"] == "The job's process ended with exit code 137 before it had a result."

    def test_after_a_restart_time_in_suspend_is_not_counted(self, client, road, services):
        """F24: the record knows when it began on the clock that stands still."""
        job = ask(client, limits={"seconds": 10})
        road.now = 100.0
        attempt = road.started()
        with services.database.write() as db:
            db.execute("UPDATE jobs SET started = '2020-01-01T00:00:00.000000Z' WHERE id = ?", (job,))
        services.scheduler._flights.clear()
        road.now = 105.0
        road.connect(**{attempt: None})
        assert road.job(job)["state"] == "running"
        road.now = 110.0
        road.step()
        assert road.commands.take("stop")["attempt"] == attempt
