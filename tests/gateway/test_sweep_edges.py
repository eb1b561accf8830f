"""Sweeps at their edges: restarts, sizes, points run again, and batches that are refused."""

import errno
import re
import sqlite3
from dataclasses import replace

import pytest
import sqlite_utils
from landbridge_gateway.model import JOB_ID, State, new_id, new_ids, point_seed
from landbridge_gateway.scheduler.decisions import MOST_POINTS, Flight, chunk_size, time_left, to_recall
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.store.migrations import migrations
from landbridge_gateway.store.queue import Bounds, Door
from landbridge_gateway.store.sweeps import Ended
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import ROOT, source_task, submission, submit
from tests.gateway.test_sweeps import AT, EACH, ONE, batch, column, job_of, points_of, refused, sweep_of, worker


class TestRestarts:
    def test_a_new_gateway_takes_over_what_runs_and_begins_nothing_twice(self, client, road, services):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first, second = worker(road), worker(road)
        first.run(0)
        first.begin(1)
        first.tell()
        road.services.scheduler._flights.clear()
        road.tell("found", attempts={first.attempt: None})
        # The other worker is gone and had begun nothing: its points go to another.
        again = worker(road)
        assert again.points == [2, 3]
        first.write("outcome", point=1, result=ONE)
        first.end()
        again.run(2, 3)
        again.end()
        assert road.job(sweep)["state"] == "succeeded"
        assert second.attempt not in road.services.scheduler._flights

    def test_a_point_that_had_begun_in_a_container_that_is_gone_is_lost(self, client, road):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.begin(0)
        road.services.scheduler._flights.clear()
        road.tell("found", attempts={})
        assert road.job(job_of(client, sweep, 0))["state"] == "lost"
        assert road.job(sweep)["state"] == "failed"

    def test_after_a_power_cut_points_that_may_have_begun_are_lost(self, client, road):
        sweep = sweep_of(client, column(1))
        worker(road)
        road.services.scheduler._flights.clear()
        road.services.scheduler._recovery.machine_restarted = True
        road.tell("found", attempts={})
        assert road.job(job_of(client, sweep, 0))["state"] == "lost"

    def test_a_sweep_cut_short_while_it_was_stored_is_completed_by_its_repeat(
        self, client, road, services, monkeypatch
    ):
        body, key = batch(column(*range(12))), {"Idempotency-Key": "one"}
        monkeypatch.setattr("landbridge_gateway.store.sweeps._AT_A_TIME", 5)
        stored, insert = [], type(services.sweeps)._insert

        def broken(self, sweep, start, points):
            stored.append(start)
            if start == 10:
                raise OSError("the power went")
            insert(self, sweep, start, points)

        with monkeypatch.context() as patch:
            patch.setattr(type(services.sweeps), "_insert", broken)
            assert client.post("/api/v1/jobs/batch", json=body, headers=key).status_code == 500
        road.step()
        assert stored == [0, 5, 10]
        assert "start" not in road.commands.verbs()
        again = client.post("/api/v1/jobs/batch", json=body, headers=key)
        assert again.status_code == 200
        assert again.json["job"]["points"]["total"] == 12
        assert again.json["job"]["points"]["queued"] == 12
        assert worker(road).points == [0, 1, 2, 3, 4, 5]
        # The seed that the first try drew holds for the points of both.
        seeds = [road.job(job_of(client, again.json["job"]["id"], point))["seed"] for point in (0, 11)]
        assert seeds == [point_seed(again.json["job"]["seed"], point) for point in (0, 11)]


class TestFullDisks:
    def full_once(self, monkeypatch, services):
        """The next commit of what a chunk told finds the disk full."""
        record = type(services.sweeps).record

        def full(self, *given):
            monkeypatch.setattr(type(services.sweeps), "record", record)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(type(services.sweeps), "record", full)

    def test_what_could_not_be_written_down_is_read_again(self, client, road, services, monkeypatch):
        sweep = sweep_of(client, column(1, 2, 3, 4))
        first = worker(road)
        first.run(0)
        first.begin(1)
        self.full_once(monkeypatch, services)
        with pytest.raises(OSError, match="No space left"):
            first.tell()
        first.tell()
        assert [point["point"] for point in points_of(client, sweep)["points"]] == [0]
        assert road.job(job_of(client, sweep, 1))["state"] == "running"

    def test_a_death_that_could_not_be_written_down_is_when_there_is_room(self, client, road, services, monkeypatch):
        sweep = sweep_of(client, column(1))
        first = worker(road)
        first.begin(0)
        first.tell()
        self.full_once(monkeypatch, services)
        with pytest.raises(OSError, match="No space left"):
            road.exit(first.attempt, 139)
        road.exit(first.attempt, 139)
        assert road.job(job_of(client, sweep, 0))["cause"] == "killed"
        assert road.job(sweep)["state"] == "failed"


@pytest.mark.slow
def test_a_hundred_thousand_points_are_taken_begun_and_cancelled(client, road, commands):
    sweep = sweep_of(client, column(*range(100_000)))
    assert client.get(f"/api/v1/jobs/{sweep}").json["job"]["points"]["queued"] == 100_000
    first = worker(road)
    second = commands.take("start")["attempt"]
    assert first.points == list(range(MOST_POINTS))
    first.run(*range(10))
    first.tell()
    client.post(f"/api/v1/jobs/{sweep}/cancel")
    road.step()
    for attempt in (first.attempt, second):
        road.exit(attempt, 143)
    road.step()
    counts = client.get(f"/api/v1/jobs/{sweep}").json["job"]["points"]
    assert (counts["succeeded"], counts["cancelled"]) == (10, 99_990)
    assert road.job(sweep)["state"] == "cancelled"
    assert road.services.scheduler._queue.sizes()[""] == 0


class TestRerun:
    def test_a_point_becomes_a_job_of_its_own_with_the_same_seed_and_values(self, client, road):
        sweep = sweep_of(client, column(5, 6))
        point = client.get(f"/api/v1/jobs/{job_of(client, sweep, 1)}").json["job"]
        made = client.post(f"/api/v1/jobs/{point['id']}/rerun", headers={"Idempotency-Key": "again"})
        assert made.status_code == 201
        job = made.json["job"]
        assert (job["sweep"], job["seed"], job["values"]) == (None, point["seed"], point["values"])
        assert job["task"] == point["task"]
        again = client.post(f"/api/v1/jobs/{point['id']}/rerun", headers={"Idempotency-Key": "again"})
        assert (again.status_code, again.json["job"]["id"]) == (200, job["id"])

    def test_a_sweep_or_a_session_is_not(self, client, road):
        session = submit(client, submission({"language": "python", "function": {"type": "session"}}))["id"]
        for job in (sweep_of(client, column(1)), session):
            answer = client.post(f"/api/v1/jobs/{job}/rerun")
            assert answer.status_code == 400
            assert "is not run again as a whole" in answer.json["error"]["message"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (batch(column(1, 2), n=3), "points.columns[0]"),
            (batch(column(1), column(1), items=[["x", EACH]]), "points.columns[1]"),
            (batch(column(1), items=[["x", {"kind": "each", "column": 4}]]), "values.items[0][1].column"),
            (batch(column(1), task={"language": "python", "function": {"type": "session"}}), "task.function.type"),
            (batch(column(1), task=source_task(session="job_0000000000000000")), "task.session"),
            (
                batch(column(1), task={"language": "r", "function": {"type": "script", "text": "1", "file": "a.R"}}),
                "task.function.type",
            ),
        ],
    )
    def test_a_batch_that_is_none_names_its_field(self, client, road, body, field):
        assert refused(client, body)["detail"]["field"] == field

    def test_one_key_makes_one_sweep(self, client, road):
        body, key = batch(column(1, 2)), {"Idempotency-Key": "k"}
        made = client.post("/api/v1/jobs/batch", json=body, headers=key)
        again = client.post("/api/v1/jobs/batch", json=body, headers=key)
        assert (made.status_code, again.status_code) == (201, 200)
        assert made.json["job"]["id"] == again.json["job"]["id"]
        other = client.post("/api/v1/jobs/batch", json=batch(column(1)), headers=key)
        assert other.json["error"]["code"] == "conflict"

    def test_an_input_or_an_object_that_is_not_there(self, client, road):
        for node in (
            {"kind": "job", "job": "job_0000000000000000"},
            {"kind": "file", "object": "obj_0000000000000000", "name": "a"},
        ):
            assert refused_404(client, batch({"kind": "list", "items": [[None, node]]}))

    def test_more_points_than_may_wait_are_refused_whole(self, client, road, services):
        services.door = Door(services.database, Bounds(100, 5))
        error = refused(client, batch(column(*range(5))))
        assert error["code"] == "too_many_jobs"
        assert client.get("/api/v1/jobs").json["jobs"] == []

    def test_a_job_has_no_points(self, client, road):
        job = submit(client)["id"]
        assert client.get(f"/api/v1/jobs/{job}/points").json["error"]["message"] == "Only sweeps have points."

    def test_an_each_is_no_value_of_a_job(self, client, road):
        answer = client.post("/api/v1/jobs", json=submission(None, ["x", EACH]))
        assert answer.status_code == 422


def refused_404(client, body):
    return client.post("/api/v1/jobs/batch", json=body).status_code == 404


class TestDecisions:
    @pytest.mark.parametrize(
        ("unassigned", "capacity", "size"), [(1, 2, 1), (5, 2, 3), (10_000, 2, MOST_POINTS), (7, 16, 1), (4, 1, 4)]
    )
    def test_the_size_of_a_chunk(self, unassigned, capacity, size):
        assert chunk_size(unassigned, capacity) == size

    def test_nobody_is_recalled_for_nobody(self):
        flights = {"a": Flight("s", "me", 1, "r", None, points={1: "x", 2: "y"}, given=2, began=-9.0, turn=0.0)}
        assert to_recall(flights, 1.0, 1, lambda: False, lambda _: 0) == []
        assert to_recall(flights, 1.0, 1, lambda: True, lambda _: 0) == ["a"]
        assert to_recall(flights, 1.0, 2, lambda: False, lambda _: 0) == ["a"]
        assert to_recall(flights, 1.0, 2, lambda: False, lambda _: 5) == []
        assert to_recall(flights, -1.0, 1, lambda: True, lambda _: 0) == []

    def test_what_is_done_sooner_than_a_container_starts_is_left_alone(self):
        points = {number: str(number) for number in range(50)}
        quick = Flight("s", "me", 1, "r", None, points=points, given=1000, current=0, began=0.0, turn=1.0)
        assert time_left(quick, 19.02) == pytest.approx(0.98)
        assert to_recall({"a": quick}, 19.02, 2, lambda: False, lambda _: 0) == []
        assert to_recall({"a": quick}, 19.02, 1, lambda: True, lambda _: 0) == ["a"]  # for others it is
        slow = replace(quick, given=51)
        assert to_recall({"a": slow}, 19.02, 2, lambda: False, lambda _: 0) == ["a"]

    def test_a_worker_with_its_last_point_is_left_alone(self):
        flights = {"a": Flight("s", "me", 1, "r", None, points={1: "x"}, current=1, turn=0.0)}
        assert to_recall(flights, 1.0, 1, lambda: True, lambda _: 0) == []

    def test_seeds_differ_from_point_to_point_and_are_always_the_same(self):
        seeds = [point_seed(1, point) for point in range(1000)] + [point_seed(2, point) for point in range(1000)]
        assert len(set(seeds)) == 2000
        assert point_seed(1, 0) == 644374331


class TestCounts:
    def test_they_are_what_a_count_of_the_points_gives_however_they_ended(self, client, road, services):
        sweep = sweep_of(client, column(*range(8)))
        first, second = worker(road), worker(road)
        client.post(f"/api/v1/jobs/{job_of(client, sweep, 7)}/cancel")
        road.step()
        first.run(0)
        first.run(1, error={"type": "E", "classes": ["E"], "message": "no"})
        first.begin(2)
        first.tell()
        second.run(4, 5)
        second.begin(6)
        second.tell()
        road.exit(second.attempt, None, gone="removed")

        def counted():
            sql = "SELECT state, count(*) AS n FROM jobs WHERE sweep = ? GROUP BY state"
            return {row["state"]: row["n"] for row in services.database.rows(sql, (sweep,))}

        counts = services.sweeps.counts(sweep)
        assert counts.pop("total") == 8
        assert {state: n for state, n in counts.items() if n} == counted()
        assert services.sweeps.progress([sweep])[sweep]["ended"] == sum(
            n for state, n in counted().items() if state not in ("waiting", "queued", "running")
        )
        places = services.database.rows(
            "SELECT done FROM jobs WHERE sweep = ? AND done IS NOT NULL ORDER BY done", (sweep,)
        )
        assert [row["done"] for row in places] == list(range(1, len(places) + 1))
        # What waits, and what no worker has, are counted as well.
        open_ = "SELECT count(*) AS n FROM jobs WHERE state IN ('waiting', 'queued')"
        assert services.database.rows("SELECT jobs AS n FROM queue_sizes WHERE owner = ''") == services.database.rows(
            open_
        )
        left = "SELECT count(*) AS n FROM jobs WHERE sweep = ? AND state = 'queued' AND chunk IS NULL"
        assert [{"n": services.sweeps.unassigned(sweep)}] == services.database.rows(left, (sweep,))

    def test_of_a_sweep_whose_points_are_not_all_stored(self, client, road, services, monkeypatch):
        monkeypatch.setattr("landbridge_gateway.store.sweeps._AT_A_TIME", 5)
        insert, seen = type(services.sweeps)._insert, []

        def watched(self, sweep, start, points):
            seen.append(self.counts(sweep["id"]))
            insert(self, sweep, start, points)

        monkeypatch.setattr(type(services.sweeps), "_insert", watched)
        sweep_of(client, column(*range(12)))
        assert [(counts["total"], counts["queued"]) for counts in seen] == [(12, 0), (12, 5), (12, 10)]

    def test_an_end_that_stands_stays_and_takes_no_place(self, client, road, services):
        sweep = sweep_of(client, column(1, 2))
        first, _ = worker(road), worker(road)
        first.run(0)
        first.tell()
        job = job_of(client, sweep, 0)
        again = Ended(job, State.FAILED, None, AT)
        services.sweeps.record(sweep, 1, "owner", {}, [again, again], (), None)
        assert road.job(job)["state"] == "succeeded"
        assert services.sweeps.progress([sweep])[sweep] == {"ended": 1, "total": 2}
        assert services.sweeps.counts(sweep)["succeeded"] == 1


def test_points_that_ended_before_the_upgrade_are_counted(settings, home):
    """What a sweep's counts were before they were kept is found once, by the step that begins to keep them."""
    home.prepare()
    db = sqlite_utils.Database(sqlite3.connect(home.database))
    migrations.apply(db, stop_before="points_that_end_together")
    with db.atomic():
        for number, state in enumerate(["", "succeeded", "succeeded", "failed", "queued"]):
            given = (
                f"job_{number:016}",
                number,
                state or "running",
                "job_0000000000000000" if number else None,
                number,
            )
            db.execute(
                """INSERT INTO jobs (id, owner, key, body_digest, name, language, runtime, state, seed, submitted,
                     limits, task, "values", sweep, point) VALUES
                   (?, 'owner', ?, '', 'f', 'python', 'python:3.14', ?, 1, '', '{}', '{}', '[]', ?, ? - 1)""",
                given,
            )
        db.execute("INSERT INTO sweeps (id, total, done) VALUES ('job_0000000000000000', 4, 3)")
    db.close()
    services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    try:
        counts = services.sweeps.counts("job_0000000000000000")
        assert {name: n for name, n in counts.items() if n} == {"total": 4, "succeeded": 2, "failed": 1, "queued": 1}
    finally:
        services.close()


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("int", [1, -2, None, 2**53]),
        ("float", [0.1, 1e300, None, -0.0, 3]),
        ("bool", [True, None, False]),
        ("str", ["a, b", '"job"', None, "", "\u00e9\n", "], ["]),
        # What no client sends, and no schema forbids.
        ("int", [[1, 2], {"kind": "job", "job": "job_0000000000000000"}, 3]),
    ],
)
def test_each_value_of_a_column_is_its_points(client, road, type, values):
    sweep = sweep_of(client, column(*values, type=type), column(*range(len(values))))
    given = [point for one in (worker(road), worker(road)) for point in one.spec["points"]]
    assert [point["point"] for point in given] == list(range(len(values)))
    for (number, value), point in zip(enumerate(values), given, strict=True):
        own = {"na": True} if value is None else {"value": value}
        assert point["values"] == [{"kind": "scalar", "type": type, **own}, {**ONE, "value": number}]
        assert road.job(point["job"])["sweep"] == sweep


def test_a_batch_of_points_without_columns_has_empty_ones(client, road):
    sweep_of(client, n=2, items=[[None, ONE]])
    given = [point for one in (worker(road), worker(road)) for point in one.spec["points"]]
    assert [point["values"] for point in given] == [[], []]


def test_many_ids_are_drawn_as_one_is():
    ids = new_ids("job", 1000)
    assert len({*ids, new_id("job")}) == 1001
    assert all(re.fullmatch(JOB_ID, one) for one in ids)
    assert new_ids("job", 0) == []
