"""What jobs report: metrics, parameters, tags, progress, messages, warnings, saved values and files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Database, Row

Reported = tuple[str, int, Json]  # a job, its attempt, and an event of it

_STATEMENTS = {
    "metric": "INSERT INTO metrics (job, attempt, name, value, special, step, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "param": """INSERT INTO params (job, attempt, name, value) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET value = excluded.value""",
    "tag": "INSERT INTO tags (job, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    "started": "UPDATE attempts SET versions = ? WHERE job = ? AND number = ?",
    "report": "INSERT INTO reports (job, attempt, kind, at, data) VALUES (?, ?, ?, ?, ?)",
}


_BESIDE = """
  SELECT 'tag' AS kind, name, value AS data, 0 AS seq FROM tags WHERE job = :job
  UNION ALL SELECT kind, NULL, data, seq FROM reports WHERE job = :job AND attempt = :attempt AND kind = 'warning'
  UNION ALL SELECT * FROM (SELECT kind, NULL, data, seq FROM reports
    WHERE job = :job AND attempt = :attempt AND kind = 'progress' ORDER BY seq DESC LIMIT 1)
  ORDER BY seq, name"""


@dataclass(frozen=True)
class Beside:
    """The tags of a job, and of one of its attempts the latest progress and all warnings."""

    tags: dict[str, str]
    progress: Json | None
    warnings: list[Json]


class Records:
    def __init__(self, database: Database) -> None:
        self._db = database

    def absorb(self, job: str, attempt: int, events: Iterable[Json], offset: int) -> None:
        """Store a batch of events and how far the event file was read, in one transaction.

        The events stand in the job's folder as well: the end of the job makes them durable.
        """
        with self._db.write(durable=False) as db:
            self.store(db, ((job, attempt, event) for event in events))
            db.execute("UPDATE attempts SET events_offset = ? WHERE job = ? AND number = ?", (offset, job, attempt))

    def store(self, db: Any, reported: Iterable[Reported]) -> None:
        """Inside a transaction: store what jobs reported. One statement a kind, however many jobs they are of."""
        rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in _STATEMENTS}
        for job, attempt, event in reported:
            kind = event["event"]
            if kind == "metric":
                rows[kind].append((job, attempt, *_metric(event)))
            elif kind == "param":
                rows[kind].append((job, attempt, event["name"], json.dumps(event["value"])))
            elif kind == "tag":
                rows[kind].append((job, event["name"], event["value"]))
            elif kind == "started":
                rows[kind].append((json.dumps(event.get("versions")), job, attempt))
            else:
                rows["report"].append((job, attempt, kind, event.get("at"), json.dumps(event)))
        for kind, found in rows.items():
            if found:
                db.conn.executemany(_STATEMENTS[kind], found)

    def metrics(self, job: str, attempt: int) -> list[Row]:
        rows = self._db.rows(
            "SELECT name, value, special, step, at FROM metrics WHERE job = ? AND attempt = ? ORDER BY seq",
            (job, attempt),
        )
        return [
            {"name": row["name"], "value": row["special"] or row["value"], "step": row["step"], "at": row["at"]}
            for row in rows
        ]

    def params(self, job: str, attempt: int) -> Json:
        rows = self._db.rows(
            "SELECT name, value FROM params WHERE job = ? AND attempt = ? ORDER BY name", (job, attempt)
        )
        return {row["name"]: json.loads(row["value"]) for row in rows}

    def tags(self, jobs: Iterable[str]) -> dict[str, dict[str, str]]:
        wanted = list(jobs)
        marks = ",".join("?" * len(wanted))
        found: dict[str, dict[str, str]] = {job: {} for job in wanted}
        for row in self._db.rows(f"SELECT job, name, value FROM tags WHERE job IN ({marks}) ORDER BY name", wanted):
            found[row["job"]][row["name"]] = row["value"]
        return found

    def beside(self, job: str, attempt: int) -> Beside:
        """What stands beside a job wherever one is shown, by one reading."""
        rows = self._db.rows(_BESIDE, {"job": job, "attempt": attempt})
        events: dict[str, list[Json]] = {"progress": [], "warning": []}
        for row in rows:
            if row["kind"] != "tag":
                events[row["kind"]].append(json.loads(row["data"]))
        tags = {row["name"]: row["data"] for row in rows if row["kind"] == "tag"}
        return Beside(tags, next(iter(events["progress"]), None), events["warning"])

    def reports(self, job: str, attempt: int, kind: str) -> list[Json]:
        rows = self._db.rows(
            "SELECT data FROM reports WHERE job = ? AND attempt = ? AND kind = ? ORDER BY seq", (job, attempt, kind)
        )
        return [json.loads(row["data"]) for row in rows]

    def latest_report(self, job: str, attempt: int, kind: str) -> Json | None:
        row = self._db.row(
            "SELECT data FROM reports WHERE job = ? AND attempt = ? AND kind = ? ORDER BY seq DESC LIMIT 1",
            (job, attempt, kind),
        )
        return dict(json.loads(row["data"])) if row else None

    def latest_metrics(self, jobs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The last value of each metric of each job, for lists of jobs."""
        wanted = list(jobs)
        marks = ",".join("?" * len(wanted))
        found: dict[str, dict[str, Any]] = {job: {} for job in wanted}
        sql = f"""SELECT job, name, value, special FROM metrics
                  WHERE seq IN (SELECT max(seq) FROM metrics WHERE job IN ({marks}) GROUP BY job, name) ORDER BY seq"""
        for row in self._db.rows(sql, wanted):
            found[row["job"]][row["name"]] = row["special"] or row["value"]
        return found


def _metric(event: Json) -> tuple[Any, ...]:
    value = event["value"]
    special = value if isinstance(value, str) else None
    return event["name"], None if special else float(value), special, event.get("step"), event["at"]
