"""Removing jobs and objects: what there is, what names what, and the rows that go, in one transaction a batch."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.model import JOB_ID, OBJECT_ID
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database, Row, returning

# Any text that reads like an id counts as naming it, wherever it stands: rather too much is kept than too little.
_NAMED = re.compile(rf"{JOB_ID}|{OBJECT_ID}")
_OF_JOBS = ("attempts", "inputs", "events", "metrics", "params", "tags", "reports")


class NamedMeanwhile(Exception):
    """A job that came after the plan names something in it: the plan is to be made anew."""


@dataclass(frozen=True)
class KnownJob:
    """``unit`` is the sweep or the session that a job belongs to, or the job itself: they go together or not at all."""

    id: str
    unit: str
    name: str
    state: str
    experiment: str | None
    ended: str | None
    runs: bool


@dataclass(frozen=True)
class KnownObject:
    """``origin`` is the job that made it, or the word for uploads."""

    id: str
    origin: str
    format: str
    size: int
    created: str


@dataclass(frozen=True)
class Record:
    """All jobs in the order in which they came, all objects, and what each job names in its task, values, result and
    reports.
    """

    jobs: dict[str, KnownJob]
    objects: dict[str, KnownObject]
    names: dict[str, set[str]]
    newest: int


class Removals:
    def __init__(self, database: Database) -> None:
        self._db = database

    def record(self) -> Record:
        # Before anything else is read: what comes later is looked at again before anything goes.
        newest = self._db.row("SELECT coalesce(max(seq), 0) AS seq FROM jobs")
        jobs = self._db.rows(
            """SELECT id, coalesce(sweep, session, id) AS unit, name, state, experiment, ended,
                 EXISTS (SELECT 1 FROM attempts WHERE attempts.job = jobs.id AND attempts.state != 'exited') AS runs
               FROM jobs ORDER BY seq"""
        )
        objects = self._db.rows("SELECT id, origin, format, size, created FROM objects")
        return Record(
            {row["id"]: KnownJob(**row | {"runs": bool(row["runs"])}) for row in jobs},
            {row["id"]: KnownObject(**row) for row in objects},
            self._names(),
            int(newest["seq"]) if newest else 0,
        )

    def _names(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._db.rows('SELECT id, task, "values", result FROM jobs'):
            found[row["id"]].update(*(_NAMED.findall(row[column] or "") for column in ("task", "values", "result")))
        for row in self._db.rows("SELECT job, data FROM reports WHERE instr(data, 'obj_') OR instr(data, 'job_')"):
            found[row["job"]].update(_NAMED.findall(row["data"]))
        for row in self._db.rows("SELECT job, input FROM inputs"):
            found[row["job"]].add(row["input"])
        return found

    def remove(self, jobs: set[str], objects: Iterable[KnownObject], newest: int) -> None:
        """Remove the rows; a tombstone of each job stays, and a note of each file. Raises :class:`NamedMeanwhile`."""
        gone = {one.id: one.format for one in objects}
        ids, now = json.dumps(sorted(jobs)), timestamp()
        with self._db.write() as db:
            self._check_newer(db, newest, jobs | gone.keys())
            db.execute(
                """INSERT INTO removed SELECT id, owner, iif(sweep IS NULL, key, NULL), name, state, ?2
                   FROM jobs WHERE id IN (SELECT value FROM json_each(?1))""",
                (ids, now),
            )
            db.conn.executemany("INSERT OR IGNORE INTO leavings VALUES (?, NULL)", ((job,) for job in jobs))
            db.conn.executemany("INSERT OR IGNORE INTO leavings VALUES (?, ?)", gone.items())
            db.conn.executemany("DELETE FROM objects WHERE id = ?", ((one,) for one in gone))
            for table in _OF_JOBS:
                db.execute(f"DELETE FROM {table} WHERE job IN (SELECT value FROM json_each(?))", (ids,))
            for table in ("sweeps", "jobs"):
                db.execute(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))", (ids,))

    @staticmethod
    def _check_newer(db: Any, newest: int, wanted: set[str]) -> None:
        for row in returning(db, 'SELECT task, "values" FROM jobs WHERE seq > ?', (newest,)):
            if not wanted.isdisjoint(_NAMED.findall(row["task"] + row["values"])):
                raise NamedMeanwhile

    def leavings(self) -> list[Row]:
        """Jobs (without a format) and objects whose files are still to go."""
        return self._db.rows("SELECT id, format FROM leavings ORDER BY id")

    def cleared(self, ids: Iterable[str]) -> None:
        with self._db.write(durable=False) as db:
            db.conn.executemany("DELETE FROM leavings WHERE id = ?", ((one,) for one in ids))
