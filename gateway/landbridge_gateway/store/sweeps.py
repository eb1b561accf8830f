"""Sweeps and their points: stored in one call, handed to workers in chunks, ended many at a time."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from landbridge_gateway.model import Cause, Json, State, point_seed
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.database import Database, Row, returning
from landbridge_gateway.store.jobs import BRIEF, EVERYBODY, IllegalTransition, Jobs, NewJob, decoded, ends_of
from landbridge_gateway.store.queue import count_waiting
from landbridge_gateway.store.records import Records, Reported
from landbridge_gateway.store.sweep_schema import ENDS

# Points in one transaction, so that others may write in between. What more would change has no room in the writer's
# cache: pages were written twice, and batches took a third longer with 5,000.
_AT_A_TIME = 1000
_STORING = "taking in its points"
# What can be many is known: those that ended are counted as they end, and the rest of what is stored is queued.
_COUNTS = f"""SELECT total, {", ".join(ENDS)},
  (SELECT coalesce(max(point) + 1, 0) FROM jobs WHERE sweep = :sweep) AS stored,
  (SELECT count(*) FROM jobs WHERE sweep = :sweep AND state = 'waiting') AS waiting,
  (SELECT count(*) FROM jobs WHERE sweep = :sweep AND state = 'running') AS running
  FROM sweeps WHERE id = :sweep"""


class NewPoint(NamedTuple):
    """``values``: one node for each column of the sweep's table, as JSON. ``inputs``: jobs whose results these are."""

    id: str
    values: str
    inputs: Sequence[str] = ()


class Begun(NamedTuple):
    """When a point began, and the first of its bytes in the chunk's logs."""

    at: str
    logs: Json | None = None


class Ended(NamedTuple):
    """How a point ended. ``begun`` is None where it never began; ``logs`` are its bytes in the chunk's logs."""

    job: str
    state: State
    begun: str | None
    at: str
    cause: Cause | None = None
    result: Json | None = None
    error: Json | None = None
    logs: Json | None = None


class Sweeps:
    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._db, self._jobs = database, jobs
        self._records = Records(database)
        self._storing = threading.Lock()

    # Taking in.

    def add(
        self, new: NewJob, points: Sequence[NewPoint], check: Callable[[Any], None] = lambda _: None
    ) -> tuple[Row, bool]:
        """Store a sweep and all its points durably; as :meth:`Jobs.add`.

        A sweep whose points were cut short by a crash is completed by whoever repeats the submission under its key;
        until then it waits, and none of its points runs.
        """
        with self._storing:
            with self._db.write() as db:
                row, fresh = self._jobs.add(new, check)
                if fresh:
                    db.execute("INSERT INTO sweeps (id, total) VALUES (?, ?)", (row["id"], len(points)))
                    # One input more than it has, until it is whole: so it does not enter the queue.
                    db.execute(
                        "UPDATE jobs SET unassigned = 0, open_inputs = open_inputs + 1, note = ? WHERE id = ?",
                        (_STORING, row["id"]),
                    )
            sweep = row["id"]
            for start in range(self._stored(sweep), len(points), _AT_A_TIME):
                self._insert(row, start, points[start : start + _AT_A_TIME])
            return self._complete(sweep), fresh

    def none_added(self) -> threading.Lock:
        """Held while nothing may be named that is not stored yet: points follow their sweep in further transactions."""
        return self._storing

    def _stored(self, sweep: str) -> int:
        row = self._db.row("SELECT coalesce(max(point) + 1, 0) AS n FROM jobs WHERE sweep = ?", (sweep,))
        return int(row["n"]) if row else 0

    def _insert(self, sweep: Row, start: int, points: Sequence[NewPoint]) -> None:
        # All from what is stored of the sweep: a submission that is repeated may have drawn another seed.
        function = sweep["task"]["function"]
        brief = {"type": function["type"], "name": function.get("name")}
        shared = {
            **{name: sweep[name] for name in ("owner", "client", "name", "language", "runtime", "experiment")},
            "body_digest": "",
            "submitted": timestamp(),
            "sweep": sweep["id"],
            "limits": json.dumps(sweep["limits"]),
            "task": json.dumps({"function": brief}),
        }
        names = [*shared, "id", "key", "state", "seed", "values", "point"]
        columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        fixed = tuple(shared.values())
        with self._db.write(durable=False) as db:
            db.conn.executemany(
                f"INSERT INTO jobs ({columns}) VALUES ({marks})",
                (
                    (
                        *fixed,
                        *(point.id, f"{sweep['id']}:{number}", State.WAITING if point.inputs else State.QUEUED),
                        *(point_seed(sweep["seed"], number), point.values, number),
                    )
                    for number, point in enumerate(points, start)
                ),
            )
            count_waiting(db, sweep["owner"], len(points))
            db.conn.executemany(
                "INSERT INTO inputs (job, input) VALUES (?, ?)",
                ((point.id, given) for point in points for given in sorted(set(point.inputs))),
            )

    def _complete(self, sweep: str) -> Row:
        with self._db.write() as db:
            db.execute(
                """UPDATE jobs SET note = NULL, open_inputs = open_inputs - 1, unassigned =
                     (SELECT count(*) FROM jobs AS p WHERE p.sweep = :sweep AND p.state = 'queued' AND p.chunk IS NULL)
                   WHERE id = :sweep AND note = :note AND ended IS NULL""",
                {"sweep": sweep, "note": _STORING},
            )
        row = self._jobs.get(sweep)
        if row["ended"]:
            # It was cancelled while its points came in.
            self.end_open(sweep, row["owner"], State.CANCELLED, None, None)
        return row

    # Chunks.

    def assign(self, sweep: str, chunk: int, most: int) -> list[Row]:
        """Give a chunk the first points that nobody has: point, id, seed and values of each, these as JSON text."""
        with self._db.write(durable=False) as db:
            rows = returning(
                db,
                """UPDATE jobs SET chunk = :chunk WHERE sweep = :sweep AND point IN
                     (SELECT point FROM jobs INDEXED BY points_by_state
                      WHERE sweep = :sweep AND state = 'queued' AND chunk IS NULL ORDER BY point LIMIT :most)
                   RETURNING point, id AS job, seed, "values" """,
                {"sweep": sweep, "chunk": chunk, "most": most},
            )
            db.execute("UPDATE jobs SET unassigned = unassigned - ? WHERE id = ?", (len(rows), sweep))
        return sorted(rows, key=lambda row: int(row["point"]))

    def give_back(self, sweep: str, chunk: int) -> None:
        """Points that a chunk had and did not begin go back in line."""
        with self._db.write(durable=False) as db:
            given = db.execute(
                "UPDATE jobs SET chunk = NULL WHERE sweep = ? AND chunk = ? AND state = 'queued'", (sweep, chunk)
            ).rowcount
            if given:
                db.execute("UPDATE jobs SET unassigned = unassigned + ? WHERE id = ?", (given, sweep))

    def unfinished(self, sweep: str, chunk: int) -> tuple[dict[int, str], int | None]:
        """The points of a chunk that have not ended, and which of them has begun."""
        rows = self._db.rows(
            "SELECT point, id, state FROM jobs WHERE sweep = ? AND chunk = ? AND state IN ('queued', 'running')",
            (sweep, chunk),
        )
        begun = [row["point"] for row in rows if row["state"] == State.RUNNING]
        return {row["point"]: row["id"] for row in rows}, begun[0] if begun else None

    def unassigned(self, sweep: str) -> int:
        row = self._db.row("SELECT unassigned FROM jobs WHERE id = ?", (sweep,))
        return int(row["unassigned"] or 0) if row else 0

    def settled(self) -> list[Row]:
        """Sweeps that may end: none of their points is open, and they do not wait any more."""
        return self._db.rows(
            """SELECT jobs.id, jobs.state FROM sweeps INDEXED BY open_sweeps JOIN jobs ON jobs.id = sweeps.id
               WHERE sweeps.ended = 0 AND sweeps.done >= sweeps.total AND jobs.state IN ('queued', 'running')"""
        )

    # What a chunk tells.

    def record(
        self,
        sweep: str,
        chunk: int,
        owner: str,
        begun: Mapping[str, Begun],
        ended: Sequence[Ended],
        reported: Iterable[Reported],
        offset: int | None,
    ) -> None:
        """Take in points that began and ended, what they reported, and how far the events were read."""
        with self._db.write(durable=bool(ended)) as db:
            self._records.store(db, reported)
            db.conn.executemany(
                """UPDATE jobs SET state = 'running', attempt = 1, started = ?, logs = ?
                   WHERE id = ? AND state = 'queued'""",
                ((one.at, _text(one.logs), job) for job, one in begun.items()),
            )
            self._end(db, sweep, owner, ended)
            if offset is not None:
                db.execute("UPDATE attempts SET events_offset = ? WHERE job = ? AND number = ?", (offset, sweep, chunk))
            self._db.touch(sweep, *begun)

    def _end(self, db: Any, sweep: str, owner: str, ended: Sequence[Ended]) -> None:
        if not ended:
            return
        # An end that stands already stays.
        there = _not_ended(db, [one.job for one in ended])
        new = [one for one in ended if one.job in there]
        done = _count_ends(db, sweep, new)
        # Through `running` in the same step where it began in this batch.
        changed = db.conn.executemany(
            """UPDATE jobs SET state = ?, cause = ?, result = ?, error = ?, logs = ?, ended = ?, seconds = ?,
                 attempt = ?, started = coalesce(started, ?), done = ?
               WHERE seq = ? AND ended IS NULL""",
            (
                (
                    *(one.state, one.cause, _text(one.result), _text(one.error), _text(one.logs), one.at),
                    *(seconds_between(one.begun, one.at), int(one.begun is not None), one.begun, place),
                    there[one.job]["seq"],
                )
                for place, one in enumerate(new, done + 1)
            ),
        ).rowcount
        if changed != len(new):
            raise IllegalTransition(f"{len(new)} points of {sweep} end, and {changed} of them are there.")
        waited = sum(there[one.job]["state"] in (State.WAITING, State.QUEUED) for one in new)
        count_waiting(db, owner, -waited)
        # One statement, for each one finds anew which number is next.
        db.execute(
            """INSERT INTO events (job, owner, attempt, at, state, cause)
               SELECT id, owner, attempt, ended, state, cause FROM jobs
               WHERE sweep = ? AND done > ? AND done <= ? ORDER BY done""",
            (sweep, done, done + len(new)),
        )
        if new:
            topics = (owner, EVERYBODY, *(one.job for one in new))
            self._db.touch(*topics, *map(ends_of, topics))

    def end_open(
        self, sweep: str, owner: str, state: State, cause: Cause | None, error: Json | None, chunk: int | None = None
    ) -> None:
        """End the points that nobody has, and those of ``chunk``."""
        now = timestamp()
        rows = self._db.rows(
            """SELECT id, started FROM jobs WHERE sweep = ? AND state IN ('waiting', 'queued', 'running')
               AND (chunk IS NULL OR chunk = ?)""",
            (sweep, chunk),
        )
        ended = [Ended(row["id"], state, row["started"], now, cause, error=error) for row in rows]
        for start in range(0, len(ended), _AT_A_TIME):
            self.record(sweep, chunk or 0, owner, {}, ended[start : start + _AT_A_TIME], (), None)

    def end_one(self, sweep: str, owner: str, job: str, state: State, cause: Cause | None, error: Json | None) -> None:
        """End one point that never told that it began."""
        self.record(sweep, 0, owner, {}, [Ended(job, state, None, timestamp(), cause, error=error)], (), None)

    # What others ask.

    def counts(self, sweep: str) -> dict[str, int]:
        """How many points are in each state, and in all."""
        row = self._db.row(_COUNTS, {"sweep": sweep})
        if row is None:
            return {"total": 0, **dict.fromkeys(map(str, State), 0)}
        elsewhere = row["waiting"] + row["running"] + sum(row[way] for way in ENDS)
        found = row | {"queued": max(0, row.pop("stored") - elsewhere)}
        return {name: found[name] for name in ("total", *map(str, State))}

    def progress(self, jobs: Sequence[str]) -> dict[str, dict[str, int]]:
        """Of those of the jobs that are sweeps, how many points have ended and how many there are."""
        marks = ",".join("?" * len(jobs))
        rows = self._db.rows(f"SELECT id, done AS ended, total FROM sweeps WHERE id IN ({marks})", jobs)
        return {row["id"]: {"ended": row["ended"], "total": row["total"]} for row in rows}

    def page(self, sweep: str, after: int, most: int, state: str | None) -> list[Row]:
        """Points in their order, after one of them; of one state, or of all."""
        chosen, values = ("AND state = ?", (state,)) if state is not None else ("", ())
        rows = self._db.rows(
            f"""SELECT point, id AS job, state, cause, seconds, "values", result, error FROM jobs
                WHERE sweep = ? AND point > ? {chosen} ORDER BY point LIMIT ?""",
            (sweep, after, *values, most),
        )
        return [decoded(row) for row in rows]

    def first_unwell(self, sweep: str) -> Row | None:
        """The first point that ended and did not succeed."""
        sql = f"SELECT {BRIEF}, error FROM jobs WHERE sweep = ? AND state IN ('failed', 'cancelled', 'lost')"
        row = self._db.row(f"{sql} ORDER BY point LIMIT 1", (sweep,))
        return decoded(row) if row else None

    def done_after(self, sweep: str, after: int, most: int) -> list[Row]:
        """Points that have ended, in the order of their ends; with values, result and error as JSON text."""
        return self._db.rows(
            """SELECT done, point, id AS job, state, cause, seconds, "values", result, error FROM jobs
               WHERE sweep = ? AND done > ? ORDER BY done LIMIT ?""",
            (sweep, after, most),
        )

    def results(self, sweep: str) -> Json:
        """The results of all points, in their order, as one list: what a job gets that takes the sweep as a value."""
        rows = self._db.rows("SELECT result FROM jobs WHERE sweep = ? ORDER BY point", (sweep,))
        items = [[None, json.loads(row["result"]) if row["result"] else {"kind": "null"}] for row in rows]
        return {"kind": "list", "shape": "list", "items": items}


def _count_ends(db: Any, sweep: str, ended: Sequence[Ended]) -> int:
    """Inside a transaction: count points that end; how many had ended before."""
    ways = Counter(one.state for one in ended)
    more = ", ".join(f"{way} = {way} + {ways[State(way)]}" for way in ENDS)
    sql = f"UPDATE sweeps SET done = done + ?, {more} WHERE id = ? RETURNING done"
    return int(returning(db, sql, (len(ended), sweep))[0]["done"]) - len(ended)


def _not_ended(db: Any, jobs: Sequence[str]) -> dict[str, Row]:
    """Inside a transaction: those of the jobs that have not ended, with their place in the table and their state."""
    sql = "SELECT id, seq, state FROM jobs WHERE ended IS NULL AND id IN (SELECT value FROM json_each(?))"
    return {row["id"]: row for row in returning(db, sql, (json.dumps(jobs),))}


def _text(document: Json | None) -> str | None:
    return None if document is None else json.dumps(document)
