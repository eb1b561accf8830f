"""`landbridge gc`: what goes, what stays because something needs it, and what is told of it afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.keeping import removing
from landbridge_gateway.keeping.removing import Wanted, remove
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.store import removals
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database, insert_row
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.sweeps import Sweeps
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import NULL, ROOT, source_task, submission, submit
from tests.gateway.test_backups import node, run, upload

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 24 * 3600.0
ENDS = ("succeeded", "failed", "cancelled", "lost")


# Random histories, beside a model of what may go.


@dataclass
class Past:
    """A job: ``inputs`` and ``objects`` are what its values name; ``made`` what it left."""

    id: str
    state: str
    age: float
    experiment: str | None
    unit: str
    inputs: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


@dataclass
class History:
    jobs: list[Past]
    uploads: dict[str, float]
    kept: set[str]


@st.composite
def histories(draw):
    jobs, uploads = [], {f"obj_{'u' * 14}{number:02}": draw(ages) for number in range(draw(st.integers(0, 4)))}
    objects = list(uploads)
    for number in range(draw(st.integers(1, 9))):
        first = f"job_{number:014}00"
        members = draw(st.sampled_from([1, 1, 1, 3]))  # alone, or with two points or calls
        experiment = draw(st.sampled_from([None, "a", "b"]))
        earlier = [job.id for job in jobs]
        for member in range(members):
            job = Past(f"job_{number:014}{member:02}", draw(states), draw(ages), experiment, first)
            job.inputs = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
            job.objects = draw(st.lists(st.sampled_from(objects), max_size=2, unique=True)) if objects else []
            if job.state not in ("waiting", "queued"):
                job.made = [f"obj_{number:012}{member:02}{one:02}" for one in range(draw(st.integers(0, 2)))]
            jobs.append(job)
        objects += [one for job in jobs[-members:] for one in job.made]
    # Late calls of sessions: they may name what came after their session, and something earlier may have named that.
    for number, first in enumerate(draw(st.lists(st.sampled_from(jobs), max_size=3))):
        job = Past(f"{first.unit[:-2]}{90 + number}", draw(states), draw(ages), first.experiment, first.unit)
        job.inputs = draw(st.lists(st.sampled_from([one.id for one in jobs]), max_size=2, unique=True))
        job.objects = draw(st.lists(st.sampled_from(objects), max_size=2, unique=True)) if objects else []
        jobs.append(job)
    return History(jobs, uploads, draw(st.sets(st.sampled_from([job.id for job in jobs]), max_size=2)))


states = st.sampled_from(["waiting", "queued", "running", *ENDS, *ENDS, *ENDS])
ages = st.sampled_from([0.01, 0.5, 10.0, 29.9, 30.1, 90.0])  # days
criteria = st.sampled_from([(30.0, None), (30.0, "a"), (None, "a"), (0.0, None), (None, "none has it")])


def gone_by_the_model(history, days, experiment):
    """By going round until nothing changes: units of which every job may go, less what those that stay need."""
    maker = {one: job for job in history.jobs for one in job.made}
    named = {job.id: job for job in history.jobs}

    def may_go(job):
        fits = (days is None or job.age > days) and (experiment is None or job.experiment == experiment)
        return job.state in ENDS and fits and job.id not in history.kept

    stay = {job.unit for job in history.jobs if not may_go(job)}
    while True:
        needed = {
            other.unit
            for job in history.jobs
            if job.unit in stay
            for other in [*(named[one] for one in job.inputs), *(maker[one] for one in job.objects if one in maker)]
        }
        if needed <= stay:
            break
        stay |= needed
    jobs = {job.id for job in history.jobs if job.unit not in stay}
    used = {one for job in history.jobs if job.id not in jobs for one in job.objects}
    went = {one for job in history.jobs if job.id in jobs for one in job.objects}
    objects = {one for job in history.jobs if job.id in jobs for one in job.made}
    for one, age in history.uploads.items():
        old = age > max(days or 0.0, 1 / 24)
        if one not in used and old and (one in went or experiment is None):
            objects.add(one)
    return jobs, objects


class Store:
    """One database and depot for all histories: each begins with none of the last one's rows and files."""

    def __init__(self, folder):
        self.database, self.layout = Database(folder / "db"), Layout(folder / "depot")
        self.layout.prepare()
        self.sweeps = Sweeps(self.database, Jobs(self.database))
        self.history = None

    def fill(self, history):
        self.history = history
        with self.database.write(durable=False) as db:
            tables = ("attempts", "inputs", "events", "objects", "reports", "sweeps", "jobs", "removed", "leavings")
            for table in tables:
                db.execute(f"DELETE FROM {table}")
            for one, age in history.uploads.items():
                self.put(db, one, "upload", age)
            for job in history.jobs:
                self.put_job(db, job, history)

    def put_job(self, db, job, history):
        nodes = [[None, node(one)] for one in job.objects] + [[None, {"kind": "job", "job": one}] for one in job.inputs]
        first = job.id == job.unit
        sweep = len([one for one in history.jobs if one.unit == job.unit]) > 1
        row = {
            "id": job.id, "owner": "owner", "key": job.id, "body_digest": "", "name": "f", "language": "r",
            "runtime": "r:4.6", "experiment": job.experiment, "state": job.state, "seed": 1,
            "submitted": at(job.age), "ended": at(job.age) if job.state in ENDS else None, "limits": "{}",
            "task": json.dumps(source_task()), "values": json.dumps({"items": nodes}),
            "result": json.dumps(node(job.made[0])) if job.made else None,
            "sweep": None if first else job.unit, "point": None if first else int(job.id[-2:]),
            "unassigned": 0 if first and sweep else None,
        }  # fmt: skip
        insert_row(db, "jobs", row)
        for one in job.inputs:
            insert_row(db, "inputs", {"job": job.id, "input": one})
        for one in job.made:
            self.put(db, one, job.id, job.age)
        if job.state not in ("waiting", "queued"):
            state = "starting" if job.state == "running" else "exited"
            attempt = {"job": job.id, "number": 1, "state": state, "runtime": "r:4.6", "created": at(job.age)}
            insert_row(db, "attempts", attempt)
            folder = self.layout.job_folder(f"{job.id}.1")
            folder.out.mkdir(parents=True, exist_ok=True)
            folder.log("stdout").write_text("12345")

    def put(self, db, one, origin, age):
        path = self.layout.object_file(one, "file")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"1234567")
        row = {"id": one, "owner": "owner", "origin": origin, "format": "file", "size": 7, "created": at(age)}
        insert_row(db, "objects", row)

    def ids(self, table):
        return {row["id"] for row in self.database.rows(f"SELECT id FROM {table}")}

    def files(self):
        return {path.stem for path in self.layout.objects.rglob("obj_*")}

    def folders(self):
        return {path.name for path in self.layout.jobs.iterdir()}

    def remove(self, history, days, experiment, dry_run):
        return remove(
            self.database,
            self.layout,
            self.sweeps,
            Wanted(None if days is None else days * DAY, experiment),
            dry_run,
            kept=[lambda _: dict.fromkeys(history.kept, "published")],
            now=NOW,
        )


def at(days):
    return timestamp(NOW - timedelta(days=days))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("removal"))
    yield made
    made.database.close()


@pytest.fixture(scope="module", autouse=True)
def small_parts(store):
    """Removed a few at a time; and whoever looks in between finds everything that is left whole."""
    remove_some = removals.Removals.remove

    def remove_and_look(self, *given):
        remove_some(self, *given)
        left, objects = store.ids("jobs"), store.ids("objects")
        for job in store.history.jobs if store.history else ():
            if job.id in left:
                assert {*job.inputs} <= left
                assert {*job.objects, *job.made} <= objects

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(removing, "MOST_AT_ONCE", 1)
        patch.setattr(removals.Removals, "remove", remove_and_look)
        yield


@given(history=histories(), criteria=criteria)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_goes_is_what_the_model_says_and_whatever_stays_is_whole(store, history, criteria):
    store.fill(history)
    before = store.ids("jobs"), store.ids("objects")
    jobs, objects = gone_by_the_model(history, *criteria)
    said = store.remove(history, *criteria, dry_run=True)
    assert ({job.id for job in said.jobs}, said.objects) == (jobs, len(objects))
    assert said.bytes == 7 * len(objects) + 5 * sum(job.state in ENDS for job in history.jobs if job.id in jobs)
    assert (store.ids("jobs"), store.ids("objects")) == before
    done = store.remove(history, *criteria, dry_run=False)
    assert {job.id for job in done.jobs} == jobs
    assert (store.ids("jobs"), store.ids("objects")) == (before[0] - jobs, before[1] - objects)
    # Whatever the model says: nothing that a job which stays names is missing.
    left, files, folders = store.ids("jobs"), store.files(), store.folders()
    for job in history.jobs:
        if job.id in left:
            assert set(job.inputs) <= left
            assert {*job.objects, *job.made} <= files & store.ids("objects")
            assert job.state in ("waiting", "queued") or job.id in folders
        else:
            assert job.id not in folders
    assert not files & objects
    assert history.kept <= left
    assert not store.database.rows("SELECT * FROM leavings")
    assert store.database.rows("PRAGMA foreign_key_check") == []
    assert store.remove(history, *criteria, dry_run=False).jobs == []
    store.history = None


def test_a_call_that_names_what_came_after_its_session_goes_before_it(store):
    session = Past("job_0000000000000000", "succeeded", 40.0, None, "job_0000000000000000")
    later = Past("job_0000000000000100", "succeeded", 40.0, None, "job_0000000000000100", made=["obj_0000000000000100"])
    call = Past("job_0000000000000090", "succeeded", 40.0, None, session.id, [later.id], ["obj_0000000000000100"])
    history = History([session, later, call], {}, set())
    store.fill(history)
    assert len(store.remove(history, 30.0, None, dry_run=False).jobs) == 3
    store.history = None


# What people see of it.


def removed(client, **query):
    answer = client.post("/api/v1/removals", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json["removal"]


def error(answer, status):
    assert answer.status_code == status, answer.json
    return answer.json["error"]


@pytest.fixture
def old(client, road, services):
    """An upload, a job that used it, and one that takes that one's result."""
    data = upload(client)
    first = run(client, road, submission(source_task(experiment="x"), [None, node(data)]))
    second = run(client, road, submission(source_task(experiment="x"), [None, {"kind": "job", "job": first}]))
    with services.database.write() as db:
        db.execute("UPDATE objects SET created = '2026-01-01'")
    return first, second, data


def test_a_removed_job_is_told_of_and_takes_its_files_with_it(client, services, old):
    first, second, data = old
    key = {"Idempotency-Key": "the same"}
    said = removed(client, experiment="x")
    assert [job["id"] for job in said["jobs"]] == [first, second]
    assert (said["objects"], said["done"], said["kept"]) == (3, False, {})
    assert client.get(f"/api/v1/jobs/{first}").status_code == 200
    assert removed(client, experiment="x", dry_run="no") == said | {"done": True}
    told = error(client.get(f"/api/v1/jobs/{first}"), 410)
    assert told["code"] == "job_removed"
    assert told["message"].startswith(f"The job `{first}` (f, succeeded) was removed by `landbridge gc` on 20")
    assert client.get(f"/jobs/{first}").status_code == 410  # its page as well
    assert client.get(f"/api/v1/objects/{data}").status_code == 404
    assert list(services.layout.jobs.iterdir()) == []
    assert list(services.layout.objects.rglob("obj_*")) == []
    body = submission(source_task(), [None, {"kind": "job", "job": first}])
    assert error(client.post("/api/v1/jobs", json=body, headers=key), 410)["code"] == "job_removed"


def test_a_key_of_a_removed_job_runs_nothing_again(client, road):
    key = {"Idempotency-Key": "the same"}
    job = submit(client, submission(source_task(experiment="x")), **key)["id"]
    road.leave(road.started(), result=NULL)
    road.exit(f"{job}.1", 0)
    removed(client, experiment="x", dry_run="no")
    again = client.post("/api/v1/jobs", json=submission(source_task(experiment="x")), headers=key)
    assert error(again, 410)["detail"]["job"] == job


def test_what_a_living_job_needs_stays(client, old):
    _, second, _ = old
    submit(client, submission(source_task(experiment="y"), [None, {"kind": "job", "job": second}]))
    said = removed(client, experiment="x", dry_run="no")
    assert (said["jobs"], said["objects"]) == ([], 0)
    assert said["kept"] == {"not ended": 1, "needed by a job that stays": 2}


def test_everything_at_once_is_never_meant(client):
    assert error(client.post("/api/v1/removals"), 400)["message"] == "Nothing says what is to go."
    assert error(client.post("/api/v1/removals?older=1"), 400)
    with pytest.raises(InvalidRequest):
        Wanted(None, None).check()


def test_an_upload_that_was_just_sent_stays_for_who_is_about_to_name_it(client, road, services):
    data = upload(client)
    assert removed(client, older_than=0, dry_run="no")["objects"] == 0
    with services.database.write() as db:
        db.execute("UPDATE objects SET created = '2026-01-01'")
    assert removed(client, older_than=0, dry_run="no")["objects"] == 1
    body = submission(source_task(), [None, node(data)])
    assert error(client.post("/api/v1/jobs", json=body), 404)["code"] == "unknown_object"


def test_a_job_that_comes_while_the_plan_is_made_keeps_what_it_names(client, services, old, monkeypatch):
    first, second, _ = old
    plan, late = removing.plan, []

    def meanwhile(*given):
        found = plan(*given)
        if not late:
            late.append(submit(client, submission(source_task(), [None, {"kind": "job", "job": first}])))
        return found

    monkeypatch.setattr(removing, "plan", meanwhile)
    said = removed(client, experiment="x", dry_run="no")
    assert [job["id"] for job in said["jobs"]] == [second]
    assert services.jobs.get(first)["state"] == "succeeded"


def test_a_submission_that_was_looked_at_before_the_removal_is_refused_after_it(client, services, old, monkeypatch):
    first, _, data = old
    add = services.accepts.add

    def late(new, check):
        removed(client, experiment="x", dry_run="no")
        return add(new, check)

    monkeypatch.setattr(services.accepts, "add", late)
    body = submission(source_task(), [None, {"kind": "job", "job": first}])
    assert error(client.post("/api/v1/jobs", json=body), 410)["code"] == "job_removed"
    body = submission(source_task(), [None, node(data)])
    assert error(client.post("/api/v1/jobs", json=body), 404)["code"] == "unknown_object"


def test_files_that_a_crash_left_go_at_the_next_start(client, services, settings_of, old, monkeypatch):
    monkeypatch.setattr(removing, "clear", lambda *_: None)
    removed(client, experiment="x", dry_run="no")
    assert len(list(services.layout.objects.rglob("obj_*"))) == 3
    services.close()
    again = Services.open(settings_of, Schemas(ROOT / "containers" / "schema"))
    assert list(again.layout.objects.rglob("obj_*")) == []
    assert list(again.layout.jobs.iterdir()) == []
    assert again.database.rows("SELECT * FROM leavings") == []
    services.database = again.database


@pytest.fixture
def settings_of(services):
    return services.settings


def test_every_table_of_jobs_is_cleared(services):
    tables = [row["name"] for row in services.database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    of_jobs = [
        table
        for table in tables
        if "job" in [row["name"] for row in services.database.rows(f"SELECT name FROM pragma_table_info('{table}')")]
    ]
    assert sorted(of_jobs) == sorted([*removals._OF_JOBS, "removed"])
