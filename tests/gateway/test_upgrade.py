"""A home of an earlier version, with jobs that run, opened by this one; and one of a later version, which is not."""

from __future__ import annotations

import sqlite3

import pytest
import sqlite_utils
from landbridge_gateway.errors import NewerHome
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.migrations import migrations
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import NULL, ROOT, Road

STEPS = [step.name for step in migrations._migrations]
# From before sweeps on; what was there earlier was never released.
EARLIER = STEPS[STEPS.index("sweeps") :]
JOBS = ("job_0000000000000001", "job_0000000000000002", "job_0000000000000003")


def made_by(home, step):
    """A home as the version before ``step`` left it: a job that runs, one that is queued, one that has ended."""
    home.prepare()
    db = sqlite_utils.Database(sqlite3.connect(home.database))
    db.execute("PRAGMA journal_mode = WAL")
    migrations.apply(db, stop_before=step)
    with db.atomic():
        for job, state in zip(JOBS, ("running", "queued", "succeeded"), strict=True):
            db.execute(
                """INSERT INTO jobs (id, owner, key, body_digest, name, language, runtime, state, seed, submitted,
                     started, ended, limits, task, "values", attempt, result) VALUES
                   (?, 'owner', ?, '', 'f', 'python', 'python:3.14', ?, 1, '2026-01-01T00:00:00.000000Z',
                    '2026-01-01T00:00:01.000000Z', ?, '{}', ?, '{"items": []}', ?, '{"kind": "null"}')""",
                (
                    *(job, job, state, "2026-01-01T00:00:02.000000Z" if state == "succeeded" else None),
                    *('{"language": "python", "function": {"type": "source", "name": "f"}}', int(state != "queued")),
                ),
            )
            db.execute(
                "INSERT INTO events (job, owner, at, state) VALUES (?, 'owner', '2026-01-01T00:00:00.000000Z', ?)",
                (job, state),
            )
        db.execute(
            """INSERT INTO attempts (job, number, state, runtime, created)
               VALUES (?, 1, 'starting', 'python:3.14', '2026-01-01T00:00:00.000000Z')""",
            (JOBS[0],),
        )
    db.close()


@pytest.mark.parametrize("step", EARLIER)
def test_jobs_survive_the_upgrade(settings, home, commands, step):
    made_by(home, step)
    services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    try:
        folder = services.layout.job_folder(f"{JOBS[0]}.1")
        folder.out.mkdir(parents=True)
        road = Road(services, commands)
        services.scheduler._commands = commands
        road.connect(**{f"{JOBS[0]}.1": None})
        assert [services.jobs.get(job)["state"] for job in JOBS] == ["running", "queued", "succeeded"]
        assert [command["attempt"] for command in commands.sent if command["verb"] == "start"] == [f"{JOBS[1]}.1"]
        road.leave(f"{JOBS[0]}.1", result=NULL)
        road.exit(f"{JOBS[0]}.1", 0)
        assert services.jobs.get(JOBS[0])["state"] == "succeeded"
        assert services.jobs.attempt(JOBS[0], 1)["state"] == "exited"
    finally:
        services.close()


def test_a_home_of_a_newer_version_is_refused_by_name_and_left_alone(home):
    home.prepare()
    Database(home.database).close()
    before = home.database.read_bytes()
    with sqlite3.connect(home.database) as db:
        db.execute("INSERT INTO _sqlite_migrations VALUES (99, 'landbridge', 'better_queue', '')")
    db.close()
    changed = home.database.read_bytes()
    assert changed != before
    with pytest.raises(NewerHome) as refused:
        Database(home.database)
    assert refused.value.message == (
        f"The database {home.database} was made by a newer version of Landbridge (better_queue)."
    )
    assert refused.value.hint == "Use that version, or restore a backup that this one made."
    assert home.database.read_bytes() == changed


def test_a_step_that_fails_in_the_middle_has_changed_nothing_and_is_done_at_the_next_start(home, monkeypatch):
    home.prepare()
    made_by(home, EARLIER[-1])
    last = migrations._migrations[-1]
    asked = last.fn

    def broken(db):
        asked(db)
        raise sqlite3.OperationalError("the power went")

    monkeypatch.setattr(last, "fn", broken)
    with pytest.raises(sqlite3.OperationalError, match="the power went"):
        Database(home.database)
    db = sqlite_utils.Database(sqlite3.connect(home.database))
    assert [step.name for step in migrations.applied(db)] == STEPS[:-1]
    schema = db.schema
    db.close()
    monkeypatch.setattr(last, "fn", asked)
    again = Database(home.database)
    assert [row["name"] for row in again.rows("SELECT name FROM _sqlite_migrations ORDER BY id")] == STEPS
    assert again.rows("SELECT count(*) AS n FROM jobs") == [{"n": 3}]
    again.close()
    db = sqlite_utils.Database(sqlite3.connect(home.database))
    assert db.schema != schema
    db.close()
