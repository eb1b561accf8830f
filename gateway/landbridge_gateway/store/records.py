"""What jobs report: metrics, parameters, tags, progress, messages, warnings, saved values and files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Database, Row


class Records:
    def __init__(self, database: Database) -> None:
        self._db = database

    def absorb(self, job: str, attempt: int, events: Iterable[Json], offset: int) -> None:
        """Store a batch of events and how far the event file was read, in one transaction.

        The events stand in the job's folder as well: the end of the job makes them durable.
        """
        metrics, reports = [], []
        with self._db.write(durable=False) as db:
            for event in events:
                kind = event["event"]
                if kind == "metric":
                    metrics.append(_metric(job, attempt, event))
                elif kind == "param":
                    row = {"job": job, "attempt": attempt, "name": event["name"], "value": json.dumps(event["value"])}
                    db.table("params").upsert(row, pk=("job", "attempt", "name"))
                elif kind == "tag":
                    db.table("tags").upsert(
                        {"job": job, "name": event["name"], "value": event["value"]}, pk=("job", "name")
                    )
                elif kind == "started":
                    versions = json.dumps(event.get("versions"))
                    db.table("attempts").update((job, attempt), {"versions": versions})
                else:
                    about = {"job": job, "attempt": attempt, "kind": kind, "at": event.get("at")}
                    reports.append(about | {"data": json.dumps(event)})
            db.table("metrics").insert_all(metrics)
            db.table("reports").insert_all(reports)
            db.table("attempts").update((job, attempt), {"events_offset": offset})

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


def _metric(job: str, attempt: int, event: Json) -> Row:
    value = event["value"]
    special = value if isinstance(value, str) else None
    return {
        "job": job,
        "attempt": attempt,
        "name": event["name"],
        "value": None if special else float(value),
        "special": special,
        "step": event.get("step"),
        "at": event["at"],
    }
