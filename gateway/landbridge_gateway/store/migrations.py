"""The schema, as named steps: each runs once, in one transaction with the row that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Migrations

from landbridge_gateway.store.environments_schema import ENVIRONMENTS
from landbridge_gateway.store.queue_schema import QUEUE
from landbridge_gateway.store.removal_schema import REMOVAL
from landbridge_gateway.store.secrets_schema import SECRETS
from landbridge_gateway.store.sweep_schema import POINTS_TOGETHER, SWEEPS
from landbridge_gateway.store.uploaded_schema import UPLOADED

if TYPE_CHECKING:
    from sqlite_utils import Database

migrations = Migrations("landbridge")

_FIRST = """
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, client TEXT,
  key TEXT NOT NULL, body_digest TEXT NOT NULL,
  name TEXT NOT NULL, language TEXT NOT NULL, runtime TEXT NOT NULL, experiment TEXT,
  state TEXT NOT NULL, cause TEXT, note TEXT, cancel_requested INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0, seed INTEGER NOT NULL,
  submitted TEXT NOT NULL, started TEXT, ended TEXT, seconds REAL,
  limits TEXT NOT NULL, task TEXT NOT NULL, "values" TEXT NOT NULL, result TEXT, error TEXT,
  UNIQUE (owner, key)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_to_cancel ON jobs (id) WHERE cancel_requested = 1 AND ended IS NULL;
CREATE INDEX jobs_by_experiment ON jobs (experiment, seq);
CREATE INDEX jobs_by_language ON jobs (language, seq);

CREATE TABLE attempts (
  job TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, state TEXT NOT NULL,
  runtime TEXT NOT NULL, image TEXT, versions TEXT, created TEXT NOT NULL, exited TEXT, exit TEXT,
  stop_reason TEXT, events_offset INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, number)
) STRICT;

CREATE TABLE inputs (
  job TEXT NOT NULL REFERENCES jobs (id), input TEXT NOT NULL REFERENCES jobs (id), PRIMARY KEY (job, input)
) STRICT, WITHOUT ROWID;
CREATE INDEX inputs_by_input ON inputs (input);

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, owner TEXT NOT NULL, attempt INTEGER,
  at TEXT NOT NULL, state TEXT NOT NULL, cause TEXT, note TEXT
) STRICT;
CREATE INDEX events_by_job ON events (job, seq);

CREATE TABLE objects (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, origin TEXT NOT NULL, format TEXT NOT NULL, name TEXT,
  size INTEGER NOT NULL, digest TEXT, created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  seq INTEGER PRIMARY KEY, job TEXT NOT NULL, attempt INTEGER NOT NULL,
  name TEXT NOT NULL, value REAL, special TEXT, step INTEGER, at TEXT NOT NULL
) STRICT;
CREATE INDEX metrics_by_job ON metrics (job, attempt, name, seq);

CREATE TABLE params (
  job TEXT NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, PRIMARY KEY (job, attempt, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
  job TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_name ON tags (name, value, job);

CREATE TABLE reports (
  seq INTEGER PRIMARY KEY, job TEXT NOT NULL, attempt INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT, data TEXT NOT NULL
) STRICT;
CREATE INDEX reports_by_job ON reports (job, attempt, kind, seq);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  hash TEXT PRIMARY KEY, token TEXT NOT NULL REFERENCES tokens (id), created TEXT NOT NULL, expires TEXT NOT NULL,
  kind TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


_SESSIONS = """
ALTER TABLE jobs ADD COLUMN session TEXT;
ALTER TABLE jobs ADD COLUMN end_requested INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_session ON jobs (session, seq) WHERE session IS NOT NULL;
CREATE INDEX open_calls ON jobs (session, state, seq) WHERE session IS NOT NULL AND ended IS NULL;
"""


@migrations()
def first_schema(db: Database) -> None:
    _run(db, _FIRST)


@migrations()
def calls_of_sessions(db: Database) -> None:
    _run(db, _SESSIONS)


@migrations()
def index_of_ends(db: Database) -> None:
    ends = "state IN ('succeeded', 'failed', 'cancelled', 'lost')"
    db.execute(f"CREATE INDEX ends ON events (owner, seq) WHERE {ends}")


@migrations()
def fair_queue(db: Database) -> None:
    for statement in QUEUE:
        db.execute(statement)


@migrations()
def warm_attempts(db: Database) -> None:
    db.execute("ALTER TABLE attempts ADD COLUMN warm INTEGER")


@migrations()
def stamps_of_handed_files(db: Database) -> None:
    db.execute("ALTER TABLE objects ADD COLUMN stamp TEXT")


@migrations()
def lists_of_an_owner(db: Database) -> None:
    db.execute("CREATE INDEX jobs_by_owner ON jobs (owner, seq)")


@migrations()
def sweeps(db: Database) -> None:
    for statement in SWEEPS:
        db.execute(statement)


@migrations()
def roles_of_tokens(db: Database) -> None:
    for column in ("expires", "revoked"):
        db.execute(f"ALTER TABLE tokens ADD COLUMN {column} TEXT")
    # The lists of those who see the jobs of all owners.
    db.execute("CREATE INDEX jobs_listed ON jobs (seq) WHERE sweep IS NULL")


@migrations()
def secrets(db: Database) -> None:
    for statement in SECRETS:
        db.execute(statement)


@migrations()
def store_identity(db: Database) -> None:
    db.execute("CREATE TABLE store (id TEXT PRIMARY KEY, opened INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO store VALUES (lower(hex(randomblob(8))), 0)")


@migrations()
def removed_jobs(db: Database) -> None:
    for statement in REMOVAL:
        db.execute(statement)


@migrations()
def attempts_that_are_tried_again(db: Database) -> None:
    # What an attempt came to that was not the job's last; when it began, on the clock that stands still in suspend.
    for column in ("token TEXT", "outcome TEXT", "began REAL"):
        db.execute(f"ALTER TABLE attempts ADD COLUMN {column}")


@migrations()
def objects_without_digest(db: Database) -> None:
    db.execute("CREATE INDEX undigested ON objects (format) WHERE digest IS NULL")


@migrations()
def runtimes_with_packages(db: Database) -> None:
    for statement in ENVIRONMENTS:
        db.execute(statement)


@migrations()
def bytes_of_uploads(db: Database) -> None:
    for statement in UPLOADED:
        db.execute(statement)


@migrations()
def points_that_end_together(db: Database) -> None:
    for statement in POINTS_TOGETHER:
        db.execute(statement)


def _run(db: Database, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)
