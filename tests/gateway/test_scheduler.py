"""The loop, driven event by event, over a real database and real folders."""

import errno
import json
import threading

import pytest
from landbridge_gateway.errors import DiskFull
from landbridge_gateway.scheduler import loop, spec

from tests.gateway.conftest import NULL, POLYGLOT, RUNTIMES, NotedCommands, fetched, source_task, submission, submit

ONE = {"kind": "scalar", "type": "int", "value": 1}
ERROR = {"type": "ValueError", "classes": ["ValueError", "Exception"], "message": "no"}


def test_a_job_goes_the_whole_road(client, road, commands):
    job = submit(client, submission(None, [None, ONE]))
    assert job["state"] == "queued"
    road.step()
    assert road.job(job["id"])["state"] == "queued"
    attempt = commands.sent[0]["attempt"]
    spec = json.loads(road.folder(attempt).spec.read_text())
    assert spec["job"] == job["id"]
    assert spec["values"]["items"] == [[None, ONE]]
    assert spec["seed"] == job["seed"]
    road.tell("started", attempt=attempt, image="sha256:p")
    assert road.job(job["id"])["state"] == "running"
    road.leave(attempt, result=ONE)
    assert road.job(job["id"])["state"] == "succeeded"
    assert road.job(job["id"])["result"] == ONE
    assert "remove" not in commands.verbs()
    road.exit(attempt, 0)
    assert commands.take("remove")["attempt"] == attempt


def test_a_result_counts_even_when_it_is_told_before_the_start(client, road, commands):
    job = submit(client)
    road.step()
    attempt = commands.take("start")["attempt"]
    road.leave(attempt, result=NULL)
    road.tell("started", attempt=attempt, image="sha256:p")
    road.exit(attempt, 0)
    assert road.job(job["id"])["state"] == "succeeded"
    assert [event["state"] for event in road.services.jobs.events_of(job["id"])] == [
        "waiting",
        "queued",
        "running",
        "succeeded",
    ]


def test_a_warm_job_that_is_done_before_its_start_is_told_has_its_image_in_the_record(client, road, commands):
    job = submit(client)
    road.step()
    attempt = commands.take("start")["attempt"]
    road.folder(attempt).result.write_text(json.dumps(NULL))
    road.tell("finished", attempt=attempt, image="sha256:p")
    told = client.get(f"/api/v1/jobs/{job['id']}").json["job"]
    assert (told["state"], told["environment"]["image"], told["environment"]["warm"]) == ("succeeded", "sha256:p", True)


def test_no_more_jobs_run_than_may_and_the_oldest_goes_first(client, road, commands):
    jobs = [submit(client)["id"] for _ in range(3)]
    first = road.started()
    second = road.started()
    road.step()
    assert "start" not in commands.verbs()
    road.leave(first, result=NULL)
    assert "start" not in commands.verbs()  # its container still holds the slot
    road.exit(first, 0)
    third = road.started()
    assert [attempt.partition(".")[0] for attempt in (first, second, third)] == jobs


def test_a_job_waits_for_the_job_it_uses_and_gets_its_result(client, road, commands):
    first = submit(client)
    second = submit(client, submission(None, ["x", {"kind": "job", "job": first["id"]}]))
    attempt = road.started()
    road.step()
    assert road.job(second["id"])["state"] == "waiting"
    road.leave(attempt, result=ONE)
    road.exit(attempt, 0)
    following = road.started()
    spec = json.loads(road.folder(following).spec.read_text())
    assert spec["job"] == second["id"]
    assert spec["values"]["items"] == [["x", ONE]]


def test_a_part_that_the_result_lacks_fails_the_job_that_wants_it(client, road):
    first = submit(client)
    second = submit(client, submission(None, ["x", {"kind": "job", "job": first["id"], "path": ["coef"]}]))
    attempt = road.started()
    road.leave(attempt, result=ONE)
    row = road.job(second["id"])
    assert (row["state"], row["cause"]) == ("failed", "input")
    assert row["error"]["message"] == f"The result of {first['id']} has no part `coef`: it is of kind scalar there."


def test_a_failed_job_fails_those_that_wait_for_it(client, road):
    first = submit(client)
    second = submit(client, submission(None, ["x", {"kind": "job", "job": first["id"]}]))
    third = submit(client, submission(None, ["x", {"kind": "job", "job": second["id"]}]))
    attempt = road.started()
    road.leave(attempt, error=ERROR)
    road.step()
    road.step()
    assert road.job(first["id"])["cause"] == "error"
    assert [road.job(job["id"])["cause"] for job in (second, third)] == ["input", "input"]


def test_an_object_becomes_ours_and_the_next_job_gets_it_linked(client, road):
    first = submit(client)
    attempt = road.started()
    (road.folder(attempt).objects / "a.arrow").write_bytes(b"ARROW1")
    frame = {"kind": "frame", "object": "new:a.arrow", "rows": 0, "columns": [], "descriptor": {}}
    road.leave(attempt, result=frame)
    object_id = road.job(first["id"])["result"]["object"]
    assert fetched(client, object_id) == b"ARROW1"
    road.exit(attempt, 0)
    submit(client, submission(None, [None, {"kind": "job", "job": first["id"]}]))
    following = road.started()
    assert (road.folder(following).inputs / f"{object_id}.arrow").read_bytes() == b"ARROW1"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"kind": "scalar"}, "result.json: `` lacks the field `type`"),
        ({"kind": "file", "object": "new:gone.bin", "name": "x"}, "`gone.bin` is not there"),
        ({"kind": "file", "object": "obj_0000000000000000", "name": "x"}, "it names obj_0000000000000000"),
        ({"kind": "job", "job": "job_0000000000000000"}, "a worker's value cannot name a job"),
    ],
)
def test_a_result_that_breaks_the_contract_is_told_when_the_container_is_gone(client, road, result, told):
    job = submit(client)
    attempt = road.started()
    road.leave(attempt, result=result)
    assert road.job(job["id"])["state"] == "running"
    road.exit(attempt, 0)
    row = road.job(job["id"])
    assert (row["state"], row["cause"]) == ("failed", "protocol")
    assert told in row["error"]["message"]


def test_half_a_result_is_not_a_result(client, road):
    job = submit(client)
    attempt = road.started()
    road.folder(attempt).result.write_text('{"kind": "scal')
    road.tell("finished", attempt=attempt)
    road.exit(attempt, 0)
    row = road.job(job["id"])
    assert (row["state"], row["cause"]) == ("failed", "protocol")
    assert row["error"]["message"] == "The job's outcome cannot be read: result.json is not whole JSON."


def test_a_link_out_of_the_folder_is_refused(client, road, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    job = submit(client)
    attempt = road.started()
    (road.folder(attempt).objects / "a.bin").symlink_to(secret)
    road.leave(attempt, result={"kind": "file", "object": "new:a.bin", "name": "x"})
    road.exit(attempt, 0)
    assert road.job(job["id"])["cause"] == "protocol"
    assert secret.read_text() == "mine"


def test_a_death_shows_the_last_lines(client, road):
    job = submit(client)
    attempt = road.started()
    road.folder(attempt).log("stderr").write_text("one\ntwo\n")
    road.exit(attempt, 3)
    error = road.job(job["id"])["error"]
    assert error["log_tail"] == {"stdout": [], "stderr": ["one", "two"]}
    assert road.job(job["id"])["cause"] == "killed"


def test_a_running_job_is_cancelled_by_stopping_it(client, road, commands):
    job = submit(client)
    attempt = road.started()
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").json["job"]["state"] == "running"
    road.step()
    assert commands.take("stop")["attempt"] == attempt
    road.step()
    assert "stop" not in commands.verbs()
    road.exit(attempt, 143)
    assert road.job(job["id"])["state"] == "cancelled"


def test_a_cancel_during_the_start_reaches_the_container(client, road, commands):
    job = submit(client)
    road.step()
    attempt = commands.take("start")["attempt"]
    client.post(f"/api/v1/jobs/{job['id']}/cancel")
    road.step()
    commands.take("stop")
    road.tell("started", attempt=attempt, image="sha256:p")
    assert commands.take("stop")["attempt"] == attempt


def test_waiting_and_queued_jobs_are_cancelled_at_once(client, road, in_line):
    job = submit(client)
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").json["job"]["state"] == "cancelled"
    again = client.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json["job"]["state"]) == (200, "cancelled")


def test_the_time_limit_counts_running_time(client, road, commands):
    job = submit(client, submission(source_task(limits={"seconds": 10})))
    attempt = road.started()
    road.now = 9.9
    road.step()
    assert "stop" not in commands.verbs()
    road.now = 10.0
    road.step()
    assert commands.take("stop")["attempt"] == attempt
    road.exit(attempt, 137)
    row = road.job(job["id"])
    assert (row["state"], row["cause"]) == ("failed", "timeout")


def test_a_missing_image_is_prepared_and_the_job_says_so(client, road, commands):
    road.connect([RUNTIMES[1] | {"state": "absent", "image": None}])
    job = submit(client)
    road.step()
    assert commands.take("prepare")["runtime"] == "python:3.14"
    road.tell("preparing", runtime="python:3.14", note="building python:3.14, 12 s")
    assert road.job(job["id"])["note"] == "building python:3.14, 12 s"
    assert "prepare" not in commands.verbs()
    road.tell("prepared", runtime="python:3.14", image="sha256:p")
    row = road.job(job["id"])
    assert (row["state"], row["note"]) == ("queued", None)


def test_a_runtime_of_two_languages_is_prepared_and_started_for_the_tasks_own(client, road, commands):
    road.connect([POLYGLOT | {"state": "absent", "image": None}])
    submit(client, submission(source_task(runtime="polyglot")))
    road.step()
    assert commands.take("prepare")["runtime"] == "polyglot"
    road.tell("preparing", runtime="polyglot", note="building polyglot, 12 s")
    road.tell("prepared", runtime="polyglot", image="sha256:b")
    road.step()
    start = commands.take("start")
    assert (start["runtime"], start["language"]) == ("polyglot", "python")
    assert client.get("/api/v1").json["runtimes"][0]["languages"] == ["r", "python"]


def test_an_image_that_cannot_be_built_fails_the_jobs_that_need_it(client, road):
    road.connect([RUNTIMES[1] | {"state": "absent", "image": None}])
    job = submit(client)
    road.step()
    road.tell(
        "prepare_failed", runtime="python:3.14", message="No package.", hint="Free some space.", log_tail=["E: nothing"]
    )
    row = road.job(job["id"])
    assert (row["state"], row["cause"]) == ("failed", "environment")
    assert row["error"]["log_tail"] == {"build": ["E: nothing"]}


def test_an_engine_that_cannot_start_the_container_is_named(client, road):
    job = submit(client)
    road.step()
    attempt = road.commands.take("start")["attempt"]
    road.tell("start_failed", attempt=attempt, message="Docker is out of space.", hint="Free some.")
    row = road.job(job["id"])
    assert (row["state"], row["cause"], row["error"]["message"]) == ("failed", "engine", "Docker is out of space.")
    assert not road.folder(attempt).inputs.exists()


def run_through(scheduler, monkeypatch, *events, failing=0):
    """The loop over these events, none of which is there before its turn; after which of them it took a step."""
    taken, left, steps = [], [*events, "close"], []

    def next_event():
        taken.append(left.pop(0))
        return {"event": taken[-1], "slots": [], "attempt": "job_0000000000000000.1"}

    def advance():
        steps.append(taken[-1])
        if len(steps) <= failing:
            raise RuntimeError("the database stumbled")

    monkeypatch.setattr(scheduler, "_next_event", next_event)
    monkeypatch.setattr(scheduler, "advance", advance)
    scheduler.run()
    return steps


def test_what_changes_nothing_costs_no_step(services, monkeypatch):
    assert run_through(services.scheduler, monkeypatch, "pool", "activity", "wake", "pool") == ["wake"]


def test_a_step_that_failed_is_taken_after_whatever_comes_next(services, monkeypatch):
    assert run_through(services.scheduler, monkeypatch, "wake", "pool", "pool", failing=1) == ["wake", "pool"]


def test_what_wakes_the_loop_while_it_rests_is_one_look_at_its_end(services, monkeypatch):
    scheduler, now, looked = services.scheduler, [0.0], []
    monkeypatch.setattr(scheduler, "_capacity", 0)
    monkeypatch.setattr(scheduler, "_clock", lambda: now[0])
    monkeypatch.setattr(scheduler, "advance", lambda: looked.append(now[0]))
    for now[0] in (0.0, 0.005):
        scheduler.wake()
        scheduler._step(scheduler._inbox.get_nowait())
    for _ in range(3):
        scheduler.wake()
    assert scheduler._inbox.empty()
    assert looked == [0.0]
    now[0] = 0.03
    scheduler._step(None)
    assert looked == [0.0, 0.03]
    scheduler.wake()
    assert scheduler._inbox.get_nowait() == {"event": "wake"}


class TestAfterARestartOfTheWarden:
    def test_a_running_job_goes_on(self, client, road):
        job = submit(client)
        attempt = road.started()
        road.tell("disconnected")
        road.connect(**{attempt: None})
        assert road.job(job["id"])["state"] == "running"
        road.leave(attempt, result=ONE)
        assert road.job(job["id"])["state"] == "succeeded"

    def test_a_job_that_ended_meanwhile_has_its_result(self, client, road):
        job = submit(client)
        attempt = road.started()
        road.tell("disconnected")
        road.folder(attempt).result.write_text(json.dumps(ONE))
        road.connect(**{attempt: {"code": 0, "oom": False}})
        assert road.job(job["id"])["state"] == "succeeded"

    def test_a_job_whose_container_is_gone_is_lost_and_not_run_again(self, client, road, commands):
        job = submit(client)
        attempt = road.started()
        road.folder(attempt).events.write_text("")
        road.tell("disconnected")
        road.connect()
        row = road.job(job["id"])
        assert row["state"] == "lost"
        assert row["error"]["message"] == "The job's container is gone, and it left no result."
        assert "start" not in commands.verbs()

    def test_a_job_that_never_began_is_begun(self, client, road, commands):
        job = submit(client)
        road.step()
        attempt = commands.take("start")["attempt"]
        road.tell("disconnected")
        road.connect()
        again = commands.take("start")["attempt"]
        assert (attempt, again) == (f"{job['id']}.1", f"{job['id']}.2")

    def test_after_a_power_cut_nobody_knows_whether_it_began(self, client, road, commands, services):
        job = submit(client)
        road.step()
        commands.take("start")
        services.scheduler._recovery.machine_restarted = True
        road.tell("disconnected")
        road.connect()
        assert road.job(job["id"])["state"] == "lost"
        assert "start" not in commands.verbs()

    def test_a_container_that_belongs_to_no_open_attempt_is_removed(self, road, commands):
        road.connect(**{"job_0000000000000000.1": None})
        assert commands.take("remove")["attempt"] == "job_0000000000000000.1"

    def test_nothing_is_started_before_it_said_what_there_is(self, client, road, commands):
        road.tell("disconnected")
        submit(client)
        road.step()
        assert "start" not in commands.verbs()


class TestEarlyWords:
    """Both halves are starting again: the warden tells of attempts that this gateway does not know yet."""

    @pytest.fixture
    def attempt(self, client, road, commands, services):
        submit(client)
        attempt = road.started()
        services.scheduler._flights.clear()
        road.tell("disconnected")
        road.tell("hello", engine="docker", runtimes=RUNTIMES)
        commands.sent.clear()
        return attempt

    def job_of(self, road, attempt):
        return road.job(attempt.partition(".")[0])

    def test_an_end_is_not_taken_for_that_of_a_stray(self, road, commands, attempt):
        road.folder(attempt).result.write_text(json.dumps(ONE))
        road.exit(attempt, 0)  # while the list was made in which it still runs
        assert commands.sent == []
        road.tell("found", attempts={attempt: None})
        assert self.job_of(road, attempt)["state"] == "succeeded"
        assert commands.verbs().count("remove") == 1
        assert not road.services.jobs.open_attempts()

    @pytest.mark.parametrize("word", ["started", "finished", "activity"])
    def test_one_that_goes_on_is_not_removed(self, road, commands, attempt, word):
        more = {"image": "sha256:p"} if word == "started" else {}
        road.tell(word, attempt=attempt, **more)
        road.tell("found", attempts={attempt: None})
        assert "remove" not in commands.verbs()
        road.leave(attempt, result=ONE)
        road.exit(attempt, 0)
        assert self.job_of(road, attempt)["state"] == "succeeded"

    def test_what_is_in_the_list_already_is_not_ended_twice(self, road, commands, attempt):
        road.exit(attempt, 137)
        road.tell("found", attempts={attempt: {"code": 137, "oom": False}})
        assert self.job_of(road, attempt)["state"] == "failed"
        assert not road.services.jobs.open_attempts()

    def test_those_of_a_warden_that_went_again_are_forgotten(self, road, commands, attempt, services):
        road.exit(attempt, 0)
        road.tell("disconnected")
        road.connect(**{attempt: None})
        assert self.job_of(road, attempt)["state"] == "running"
        assert services.scheduler._early == []


def test_a_new_scheduler_takes_up_what_the_last_one_left(client, road, commands, services):
    job = submit(client)
    attempt = road.started()
    services.scheduler._flights.clear()  # as a new process would find itself
    road.connect(**{attempt: None})
    road.leave(attempt, result=ONE)
    road.exit(attempt, 0)
    assert road.job(job["id"])["state"] == "succeeded"


def test_what_could_not_be_written_down_on_a_full_disk_is_done_when_there_is_room(services, monkeypatch):
    """Without a new start, and the event is not forgotten."""
    scheduler = services.scheduler
    tries: list[str] = []
    done = threading.Event()

    def write_down(event):
        tries.append(event["word"])
        if len(tries) == 1:
            raise DiskFull
        if len(tries) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.set()

    monkeypatch.setattr(loop, "_ROOM_PAUSE", 0)
    monkeypatch.setitem(scheduler._handlers, "probe", write_down)
    scheduler.start(NotedCommands())
    scheduler.post({"event": "probe", "word": "once"})
    assert done.wait(30)
    assert tries == ["once"] * 3


@pytest.mark.parametrize("begins", ["with its acceptance", "in line"])
def test_a_job_whose_folder_found_no_room_ends_with_that_cause(client, road, monkeypatch, request, begins):
    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if begins == "in line":
        request.getfixturevalue("in_line")
    monkeypatch.setattr(spec, "write_folder", no_room)
    job = submit(client)["id"]
    road.step()
    row = road.job(job)
    assert (row["state"], row["cause"]) == ("failed", "disk")
    assert row["error"]["message"] == "The gateway's disk is full."
