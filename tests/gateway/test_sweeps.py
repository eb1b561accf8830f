"""Sweeps in the loop: points of one task, handed to workers in chunks."""

import json

import pytest
from landbridge_gateway.model import point_seed
from landbridge_gateway.scheduler.sweeps import TURN
from landbridge_gateway.web.waiting import HOLD

from tests.gateway.conftest import NULL, source_task, submission, submit

ONE = {"kind": "scalar", "type": "int", "value": 1}
EACH = {"kind": "each", "column": 0}
ERROR = {"type": "ValueError", "classes": ["ValueError", "Exception"], "message": "no"}
AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-01-01T00:00:01.500000Z"


def column(*values, type="int"):
    return {"kind": "vector", "type": type, "n": len(values), "values": list(values)}


def batch(*columns, task=None, items=None, n=None):
    length = len(columns[0].get("values") or columns[0].get("items") or []) if n is None else n
    items = items or [[f"x{number}", {"kind": "each", "column": number}] for number in range(len(columns))]
    return {
        "protocol": 1,
        "task": task or source_task(),
        "values": {"items": items},
        "points": {"n": length, "columns": list(columns)},
    }


def sweep_of(client, *columns, **more):
    answer = client.post("/api/v1/jobs/batch", json=batch(*columns, **more))
    assert answer.status_code == 201, answer.json
    return answer.json["job"]["id"]


def refused(client, body):
    answer = client.post("/api/v1/jobs/batch", json=body)
    assert answer.status_code in (400, 422, 429), answer.json
    return answer.json["error"]


def points_of(client, sweep, **query):
    answer = client.get(f"/api/v1/jobs/{sweep}/points", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def job_of(client, sweep, point):
    listed = client.get("/api/v1/jobs", query_string={"sweep": sweep, "sort": "point", "limit": 200}).json["jobs"]
    return next(job["id"] for job in listed if job["point"] == point)


class Worker:
    """Writes what the worker of a chunk would write."""

    def __init__(self, road, attempt):
        self._road, self.attempt = road, attempt
        self.folder = road.folder(attempt)
        self.spec = json.loads(self.folder.spec.read_text())

    @property
    def points(self):
        return [point["point"] for point in self.spec["points"]]

    def write(self, event, **fields):
        with self.folder.events.open("a") as events:
            events.write(json.dumps({"event": event, "at": AT, **fields}) + "\n")

    def begin(self, point):
        self.write("point", point=point)

    def run(self, *points, result=ONE, **fields):
        for point in points:
            self.begin(point)
            outcome = {} if {"error", "died"} & set(fields) else {"result": result}
            self.write("outcome", **{"point": point, "at": LATER, **outcome, **fields})

    def tell(self):
        self._road.tell("activity", attempt=self.attempt)

    def end(self):
        self._road.leave(self.attempt, result=NULL)
        self._road.exit(self.attempt, 0)


def worker(road):
    return Worker(road, road.started())


class TestTheRoad:
    def test_points_are_shared_out_and_end_with_what_their_workers_tell(self, client, road):
        sweep = sweep_of(client, column(10, 20, 30, 40))
        first, second = worker(road), worker(road)
        assert (first.points, second.points) == ([0, 1], [2, 3])
        assert road.job(sweep)["state"] == "running"
        first.begin(0)
        first.tell()
        assert road.job(job_of(client, sweep, 0))["state"] == "running"
        first.write("outcome", point=0, result=ONE)
        first.run(1, result={"kind": "scalar", "type": "int", "value": 2})
        first.tell()
        told = points_of(client, sweep)
        assert [(point["point"], point["state"], point["result"]["value"]) for point in told["points"]] == [
            (0, "succeeded", 1),
            (1, "succeeded", 2),
        ]
        assert told["points"][1]["seconds"] == 1.5
        assert (told["counts"]["succeeded"], told["counts"]["queued"], told["ended"]) == (2, 2, False)
        first.end()
        second.run(2, 3)
        second.end()
        assert road.job(sweep)["state"] == "succeeded"
        assert points_of(client, sweep, after=2)["ended"] is True

    def test_the_spec_has_what_is_common_once_and_what_is_not_for_each_point(self, client, road, services):
        items = [[None, ONE], ["depth", EACH]]
        sweep = sweep_of(client, column(5, None), items=items, task=source_task(seed=7))
        spec = worker(road).spec
        assert spec["values"]["items"] == items
        assert spec["points"] == [
            {
                "point": 0,
                "job": job_of(client, sweep, 0),
                "seed": point_seed(7, 0),
                "values": [{"kind": "scalar", "type": "int", "value": 5}],
            }
        ]
        services.schemas.check("job", spec)
        second = worker(road).spec["points"]
        assert second[0]["values"] == [{"kind": "scalar", "type": "int", "na": True}]

    def test_a_point_is_a_job_with_the_task_and_its_own_values_seed_and_record(self, client, road):
        items = [[None, ONE], ["depth", EACH]]
        sweep = sweep_of(client, column(5, 6), items=items)
        first = worker(road)
        first.begin(0)
        first.write("metric", point=0, name="loss", value=0.5, step=None)
        first.write("warning", point=0, message="careful")
        first.write("outcome", point=0, result=ONE)
        first.end()
        job = client.get(f"/api/v1/jobs/{job_of(client, sweep, 0)}").json["job"]
        assert (job["sweep"], job["point"], job["state"], job["attempt"]) == (sweep, 0, "succeeded", 1)
        assert job["task"]["function"]["text"].startswith("def f")
        assert job["values"]["items"] == [[None, ONE], ["depth", {"kind": "scalar", "type": "int", "value": 5}]]
        assert job["environment"]["image"] == "sha256:p"
        assert [warning["message"] for warning in job["warnings"]] == ["careful"]
        record = client.get(f"/api/v1/jobs/{job['id']}/record").json
        assert [(metric["name"], metric["value"]) for metric in record["metrics"]] == [("loss", 0.5)]
        assert points_of(client, sweep)["points"][0]["metrics"] == {"loss": 0.5}

    def test_its_log_is_its_part_of_the_chunks(self, client, road):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first = worker(road)
        first.folder.log("stdout").write_text("loading\none\ntwo\nrunning\n")
        first.run(0, result=ONE, stdout=[8, 12], stderr=[0, 0])
        first.write("point", point=1, stdout=[12, 12], stderr=[0, 0])
        first.tell()
        log = client.get(f"/api/v1/jobs/{job_of(client, sweep, 0)}/log")
        assert (log.data, log.headers["Landbridge-Log-End"]) == (b"one\n", "true")
        running = client.get(f"/api/v1/jobs/{job_of(client, sweep, 1)}/log?tail=1")
        assert running.data == b"running\n"
        assert "Landbridge-Log-End" not in running.headers
        assert client.get(f"/api/v1/jobs/{job_of(client, sweep, 3)}/log").data == b""

    def test_a_sweep_of_no_points_succeeds(self, client, road):
        sweep = sweep_of(client, column())
        road.step()
        assert road.job(sweep)["state"] == "succeeded"
        assert points_of(client, sweep) == {
            "points": [],
            "counts": dict.fromkeys(
                ("total", "waiting", "queued", "running", "succeeded", "failed", "cancelled", "lost"), 0
            ),
            "next": 0,
            "ended": True,
        }

    def test_it_stands_in_lists_as_one_job(self, client, road):
        sweep = sweep_of(client, column(1, 2, 3))
        assert [job["id"] for job in client.get("/api/v1/jobs").json["jobs"]] == [sweep]
        listed = client.get("/api/v1/jobs", query_string={"sweep": sweep, "sort": "-point", "limit": 2}).json
        assert [job["point"] for job in listed["jobs"]] == [2, 1]
        rest = client.get("/api/v1/jobs", query_string={"sweep": sweep, "sort": "-point", "page": listed["next"]}).json
        assert [job["point"] for job in rest["jobs"]] == [0]


class TestFailures:
    def test_an_error_ends_its_point_alone_and_the_sweep_says_so(self, client, road):
        sweep = sweep_of(client, column(1, 2))
        first, second = worker(road), worker(road)
        first.run(0, error=ERROR)
        first.end()
        second.run(1)
        second.end()
        ended = road.job(sweep)
        assert (ended["state"], ended["cause"]) == ("failed", "error")
        assert ended["error"]["message"] == (
            "1 of 2 points did not succeed (1 failed). The first is point 0: ValueError: no"
        )
        assert road.job(job_of(client, sweep, 0))["error"]["type"] == "ValueError"

    @pytest.mark.parametrize(
        ("died", "cause", "sentence"),
        [
            ({"code": 3}, "killed", "exit code 3"),
            ({"signal": 11}, "killed", "SIGSEGV"),
            ({"signal": 9, "memory": True}, "memory", "more memory than its limit"),
            ({"signal": 9, "memory": False}, "killed", "SIGKILL"),
        ],
    )
    def test_a_point_that_died_says_of_what(self, client, road, died, cause, sentence):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.folder.log("stderr").write_text("last words\n")
        first.run(0, died=died, stdout=[0, 0], stderr=[0, 11])
        first.end()
        point = road.job(job_of(client, sweep, 0))
        assert (point["state"], point["cause"]) == ("failed", cause)
        assert sentence in point["error"]["message"]
        assert point["error"]["log_tail"] == {"stdout": [], "stderr": ["last words"]}

    def test_a_worker_that_dies_takes_down_the_point_that_had_begun_and_the_others_go_on(self, client, road):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first, second = worker(road), worker(road)
        first.begin(0)
        road.exit(first.attempt, 139)
        again = worker(road)
        assert again.points == [1]
        again.run(1)
        again.end()
        second.run(2, 3)
        second.end()
        counts = client.get(f"/api/v1/jobs/{sweep}").json["job"]["points"]
        assert (counts["succeeded"], counts["failed"], counts["total"]) == (3, 1, 4)
        assert "SIGSEGV" in road.job(job_of(client, sweep, 0))["error"]["message"]

    def test_a_function_that_cannot_be_loaded_fails_all_points_without_trying_each(self, client, road, commands):
        sweep = sweep_of(client, column(*range(10)))
        first, second = worker(road), worker(road)
        for one in (first, second):
            road.leave(one.attempt, error=ERROR)
            road.exit(one.attempt, 0)
        road.step()
        assert "start" not in commands.verbs()
        assert road.job(sweep)["error"]["message"] == (
            "10 of 10 points did not succeed (10 failed). The first is point 0: ValueError: no"
        )

    def test_a_worker_that_dies_before_its_first_point_is_not_tried_again(self, client, road, commands):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        road.exit(first.attempt, 137, oom=True)
        assert road.job(sweep)["state"] == "failed"
        assert road.job(job_of(client, sweep, 0))["cause"] == "memory"
        assert "start" not in commands.verbs()

    def test_a_container_that_cannot_be_started_fails_what_it_was_for(self, client, road, commands):
        sweep = sweep_of(client, column(1))
        road.step()
        attempt = commands.take("start")["attempt"]
        road.tell("start_failed", attempt=attempt, message="No space.", hint="Free some.")
        assert road.job(job_of(client, sweep, 0))["cause"] == "engine"
        assert road.job(sweep)["state"] == "failed"

    def test_a_point_that_its_worker_forgot_is_no_success(self, client, road):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.begin(0)
        first.end()
        assert road.job(job_of(client, sweep, 0))["cause"] == "protocol"

    def test_what_a_worker_may_not_say_changes_nothing(self, client, road):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.begin(5)
        first.write("outcome", point=5, result=ONE)
        first.run(0, result={"kind": "frame", "object": "obj_0000000000000000", "rows": 1, "columns": [],
                             "descriptor": {}})  # fmt: skip
        first.end()
        point = road.job(job_of(client, sweep, 0))
        assert (point["state"], point["cause"]) == ("failed", "protocol")
        assert "was not given to the job" in point["error"]["message"]

    def test_an_outcome_told_twice_counts_once(self, client, road):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.run(0)
        first.write("outcome", point=0, error=ERROR)
        first.end()
        assert road.job(job_of(client, sweep, 0))["state"] == "succeeded"


class TestCancelling:
    def test_a_sweep_with_all_that_has_not_ended(self, client, road, commands):
        sweep = sweep_of(client, column(1, 2, 3, 4), task=source_task())
        first, second = worker(road), worker(road)
        first.run(0)
        first.begin(1)
        first.tell()
        client.post(f"/api/v1/jobs/{sweep}/cancel")
        road.step()
        assert sorted(command["attempt"] for command in commands.sent if command["verb"] == "stop") == [
            first.attempt,
            second.attempt,
        ]
        road.exit(first.attempt, 143)
        road.exit(second.attempt, 143)
        assert road.job(sweep)["state"] == "cancelled"
        counts = client.get(f"/api/v1/jobs/{sweep}").json["job"]["points"]
        assert (counts["succeeded"], counts["cancelled"]) == (1, 3)

    def test_a_sweep_that_waits(self, client, road):
        given = submit(client)
        sweep = sweep_of(client, column(1, 2), items=[["a", {"kind": "job", "job": given["id"]}], ["x", EACH]])
        client.post(f"/api/v1/jobs/{sweep}/cancel")
        road.step()
        assert road.job(sweep)["state"] == "cancelled"
        assert client.get(f"/api/v1/jobs/{sweep}").json["job"]["points"]["cancelled"] == 2

    def test_a_point_in_line(self, client, road):
        sweep = sweep_of(client, column(1, 2))
        answer = client.post(f"/api/v1/jobs/{job_of(client, sweep, 1)}/cancel").json["job"]
        assert answer["state"] == "cancelled"
        assert worker(road).points == [0]

    def test_a_point_that_a_worker_has_is_passed_over(self, client, road):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first = worker(road)
        first.begin(0)
        first.tell()
        client.post(f"/api/v1/jobs/{job_of(client, sweep, 1)}/cancel")
        while not road.services.scheduler._inbox.empty():
            road.services.scheduler.handle(road.services.scheduler._inbox.get_nowait())
        assert (first.folder.cancelled / "1").exists()

    def test_a_point_that_runs_is_stopped_and_the_others_go_to_another_worker(self, client, road, commands):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first, second = worker(road), worker(road)
        first.begin(0)
        first.tell()
        client.post(f"/api/v1/jobs/{job_of(client, sweep, 0)}/cancel")
        road.step()
        assert commands.take("stop")["attempt"] == first.attempt
        assert first.folder.recall.exists()
        road.exit(first.attempt, 143)
        assert road.job(job_of(client, sweep, 0))["state"] == "cancelled"
        assert worker(road).points == [1]
        assert second.points == [2, 3]

    def test_a_point_that_ended_just_before_stops_nobody(self, client, road, commands):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first = worker(road)
        first.begin(0)
        first.tell()
        client.post(f"/api/v1/jobs/{job_of(client, sweep, 0)}/cancel")
        first.write("outcome", point=0, result=ONE)
        first.begin(1)
        road.step()
        assert "stop" not in commands.verbs()
        assert road.job(job_of(client, sweep, 0))["state"] == "succeeded"


class TestTime:
    def test_each_point_has_the_limit_for_itself(self, client, road, commands):
        sweep = sweep_of(client, column(1, 2, 3), task=source_task(limits={"seconds": 10}))
        first = worker(road)
        first.run(0)
        first.tell()
        road.now = 9
        first.begin(1)
        first.tell()
        road.now = 15
        road.step()
        assert "stop" not in commands.verbs()
        road.now = 20
        road.step()
        assert commands.take("stop")["attempt"] == first.attempt
        road.exit(first.attempt, 137)
        point = road.job(job_of(client, sweep, 1))
        assert (point["cause"], point["error"]["message"]) == ("timeout", "The job ran longer than its limit of 10 s.")

    def test_a_chunk_is_recalled_when_somebody_else_waits_for_a_place(self, client, road, commands):
        sweep_of(client, column(*range(100)))
        first, second = worker(road), worker(road)
        for one in (first, second):
            one.run(one.points[0])
            one.tell()
        other = submit(client)
        road.now = TURN + 0.1
        road.step()
        assert first.folder.recall.exists()
        first.end()
        assert worker_job(road, commands) == other["id"]

    def test_a_chunk_is_recalled_when_a_place_is_free_and_its_sweep_has_nothing_else(self, client, road):
        sweep_of(client, column(*range(8)))
        first, second = worker(road), worker(road)
        second.run(*second.points)
        second.end()
        first.begin(0)
        first.tell()
        road.now = TURN + 0.1
        road.step()
        assert not first.folder.recall.exists()  # at this rate the others take less than a container that starts
        road.now += TURN + 0.1
        road.step()
        assert first.folder.recall.exists()
        first.write("outcome", point=0, result=ONE)
        first.end()
        assert (worker(road).points, worker(road).points) == ([1, 2], [3])


class TestWaiting:
    def test_a_request_that_was_held_is_answered_with_no_view_around_it(self, client, road):
        sweep = sweep_of(client, column(1, 2))
        first, held = worker(road), []
        client.get(f"/api/v1/jobs/{sweep}/points?wait=5", environ_overrides={HOLD: held.append})
        assert held[0].answer() is None
        first.run(*first.points)
        first.end()
        told = json.loads(held[0].answer().get_data())
        held[0].leave()
        assert [point["state"] for point in told["points"]] == ["succeeded"] * len(first.points)


def worker_job(road, commands):
    road.step()
    return commands.take("start")["attempt"].partition(".")[0]


class TestInputs:
    def test_a_sweep_waits_for_what_all_its_points_need(self, client, road):
        given = submit(client)
        sweep = sweep_of(client, column(1, 2), items=[["a", {"kind": "job", "job": given["id"]}], ["x", EACH]])
        attempt = road.started()
        assert attempt.startswith(given["id"])
        assert road.job(sweep)["state"] == "waiting"
        road.leave(attempt, result=ONE)
        road.exit(attempt, 0)
        assert worker(road).spec["values"]["items"] == [["a", ONE], ["x", EACH]]

    def test_points_wait_for_their_own_inputs_and_fail_alone(self, client, road):
        good, bad = submit(client), submit(client)
        items = [[None, {"kind": "job", "job": one["id"]}] for one in (good, bad)]
        sweep = sweep_of(client, {"kind": "list", "items": items})
        first, second = road.started(), road.started()
        road.leave(first, result=ONE)
        road.exit(first, 0)
        chunk = worker(road)
        assert [point["values"] for point in chunk.spec["points"]] == [[ONE]]
        chunk.run(0)
        chunk.end()
        road.leave(second, error=ERROR)
        road.exit(second, 0)
        assert road.job(job_of(client, sweep, 1))["cause"] == "input"
        assert road.job(sweep)["state"] == "failed"

    def test_a_part_that_a_result_lacks_ends_its_point(self, client, road):
        given = submit(client)
        attempt = road.started()
        road.leave(attempt, result=ONE)
        road.exit(attempt, 0)
        items = [[None, {"kind": "job", "job": given["id"], "path": ["coef"]}], [None, ONE]]
        sweep = sweep_of(client, {"kind": "list", "items": items})
        road.step()
        road.step()
        assert "no part `coef`" in road.job(job_of(client, sweep, 0))["error"]["message"]

    def test_a_failed_input_fails_the_sweep_and_its_points(self, client, road):
        given = submit(client)
        sweep = sweep_of(client, column(1, 2), items=[["a", {"kind": "job", "job": given["id"]}], ["x", EACH]])
        attempt = road.started()
        road.leave(attempt, error=ERROR)
        road.exit(attempt, 0)
        assert (road.job(sweep)["state"], road.job(sweep)["cause"]) == ("failed", "input")
        assert road.job(job_of(client, sweep, 1))["cause"] == "input"

    def test_a_sweep_is_the_list_of_its_results_to_a_job_that_takes_it(self, client, road):
        sweep = sweep_of(client, column(1, 2))
        after = submit(client, submission(None, ["all", {"kind": "job", "job": sweep}]))
        first, second = worker(road), worker(road)
        second.run(1, result={"kind": "scalar", "type": "int", "value": 2})
        second.end()
        first.run(0)
        first.end()
        attempt = road.started()
        assert attempt.startswith(after["id"])
        spec = json.loads(road.folder(attempt).spec.read_text())
        assert [item["value"] for _, item in spec["values"]["items"][0][1]["items"]] == [1, 2]
