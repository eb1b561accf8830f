"""Jobs, their attempts and their events: every change of state is one guarded update with its event row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.errors import Conflict, JobRemoved, UnknownJob, UnknownObject
from landbridge_gateway.model import Cause, Exit, Json, State, sources
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database, Row, insert_row, insert_rows, inserted_row, returning

_NOT_COLUMNS = ("tags", "inputs", "objects", "ready")  # of a new job
_PATH = (State.WAITING, State.QUEUED, State.RUNNING)  # of a job that came as far
_JSON_COLUMNS = ("limits", "task", "values", "result", "error", "logs")
BRIEF = (
    "seq, id, owner, client, name, language, runtime, experiment, state, cause, note, attempt, seed, submitted,"
    " started, ended, seconds, limits, cancel_requested, session, sweep, point, chunk, unassigned, logs,"
    " task ->> '$.retries' AS retries, task -> '$.retry_on' AS retry_on,"
    " json_object('type', task ->> '$.function.type', 'name', task ->> '$.function.name') AS function"
)


_NEWEST = "SELECT coalesce(max(seq), 0) AS seq FROM events"
# All columns of a job, and the cursor from which on no change after them is missed.
_JOB = f"SELECT *, ({_NEWEST}) AS cursor FROM jobs WHERE id = ?"
_KNOWN = """SELECT id, body_digest FROM jobs WHERE owner = :owner AND key = :key
  UNION ALL SELECT job, NULL FROM removed WHERE owner = :owner AND key = :key"""
EVERYBODY = "*"  # in the place of an owner, a topic: what happens to the jobs of all


class IllegalTransition(Exception):
    """A job was not in a state from which it may go there; the message tells its recent events."""


@dataclass(frozen=True)
class NewJob:
    id: str
    owner: str
    client: str | None
    key: str
    body_digest: str
    name: str
    language: str
    runtime: str
    experiment: str | None
    seed: int
    limits: Json
    task: Json
    values: Json
    tags: Mapping[str, str]
    inputs: Iterable[str]
    session: str | None = None
    objects: Iterable[str] = ()  # that it names
    ready: bool = False  # it has no inputs, and its runtime is there: it is queued at once


class Jobs:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, new: NewJob, check: Callable[[Any], None] = lambda _: None, begun: str | None = None
    ) -> tuple[Row, bool]:
        """Store a job durably. Gives its row as :meth:`get`, and False when the same key already made it.

        ``check`` is called with the transaction before a new job is stored, and may refuse it. ``begun`` is the token
        of its first attempt, where one begins along with that.
        """
        with self._db.write() as db:
            known, removed = self._known(db, new)
            if known:
                if known["body_digest"] != new.body_digest:
                    raise Conflict(
                        "This key was already used for another job.",
                        "Use a new key for a new submission.",
                        job=known["id"],
                    )
                return self._full(db, known["id"]), False
            self._check_named(db, new, removed)
            check(db)
            now = timestamp()
            row = self._insert(db, new, State.QUEUED if new.ready else State.WAITING, now, 1 if begun else 0)
            if begun:
                self._insert_attempt(db, new.id, 1, begun, new.runtime, now)
            return row, True

    def add_begun(self, new: NewJob, token: str) -> bool:
        """Store a job that has begun already, as its first attempt; False, and nothing is stored, for a known key.

        It is not on the disk before the next durable commit, for which whoever acknowledges it has to wait.
        """
        with self._db.write(durable=False) as db:
            known, removed = self._known(db, new)
            if known:
                return False
            self._check_named(db, new, removed)
            now = timestamp()
            self._insert(db, new, State.RUNNING, now, 1)
            self._insert_attempt(db, new.id, 1, token, new.runtime, now)
            return True

    @staticmethod
    def _known(db: Any, new: NewJob) -> tuple[Row | None, list[str]]:
        """What its key made before, and what it made that was removed."""
        found = returning(db, _KNOWN, {"owner": new.owner, "key": new.key})
        known = next((row for row in found if row["body_digest"] is not None), None)
        return known, [row["id"] for row in found if row["body_digest"] is None]

    def _check_named(self, db: Any, new: NewJob, removed: Iterable[str]) -> None:
        """What it names was there when the submission was looked at, and may have been removed since."""
        for job in (*removed, *new.inputs):
            if not returning(db, "SELECT 1 FROM jobs WHERE id = ?", (job,)):
                raise self._missing(job, new.owner)
        for one in new.objects:
            if not returning(db, "SELECT 1 FROM objects WHERE id = ?", (one,)):
                raise UnknownObject(one)

    def _insert(self, db: Any, new: NewJob, state: State, now: str, attempt: int) -> Row:
        """Its row, as :meth:`get` but for what its inputs have come to."""
        record = {name: value for name, value in vars(new).items() if name not in _NOT_COLUMNS}
        record |= {name: json.dumps(record[name]) for name in ("limits", "task", "values")}
        record |= {"started": now} if state is State.RUNNING else {}
        row = inserted_row(db, "jobs", record | {"state": state, "submitted": now, "attempt": attempt})
        for given in sorted(set(new.inputs)):
            insert_row(db, "inputs", {"job": new.id, "input": given})
        for name, value in new.tags.items():
            insert_row(db, "tags", {"job": new.id, "name": name, "value": value})
        passed = _PATH[: _PATH.index(state) + 1]
        cursor = self._note_events(
            db, new.id, new.owner, [(1 if one is State.RUNNING else 0, one, None, None) for one in passed], now
        )
        return row | {"limits": new.limits, "task": new.task, "values": new.values, "cursor": cursor}

    def get(self, job: str, owner: str | None = None) -> Row:
        """One job with all its columns, and the ``cursor`` from which on no change after it is missed.

        Another owner's job does not exist.
        """
        row = self._db.row(f"{_JOB} AND (? IS NULL OR owner = ?)", (job, owner, owner))
        if row is None:
            raise self._missing(job, owner)
        return self._whole(row)

    def _missing(self, job: str, owner: str | None) -> UnknownJob | JobRemoved:
        """There never was such a job, or none of this owner; or there was one."""
        sql = "SELECT name, state, removed FROM removed WHERE job = ? AND (? IS NULL OR owner = ?)"
        row = self._db.row(sql, (job, owner, owner))
        return JobRemoved(job, row["name"], row["state"], row["removed"]) if row else UnknownJob(job)

    def _whole(self, row: Row) -> Row:
        """Of a point: with the task of its sweep, and with its own values in their places among the sweep's."""
        found = decoded(row)
        if found["sweep"]:
            sweep = self.get(found["sweep"])
            found |= {"task": sweep["task"], "values": with_point(sweep["values"], found["values"])}
        return found

    def state(self, job: str) -> State:
        row = self._db.row("SELECT state FROM jobs WHERE id = ?", (job,))
        if row is None:
            raise UnknownJob(job)
        return State(row["state"])

    def brief(self, jobs: Iterable[str]) -> list[Row]:
        wanted = list(jobs)
        marks = ",".join("?" * len(wanted))
        return [decoded(row) for row in self._db.rows(f"SELECT {BRIEF} FROM jobs WHERE id IN ({marks})", wanted)]

    def next_call(self, session: str) -> Row | None:
        """The oldest queued call of a session."""
        sql = f"SELECT {BRIEF} FROM jobs WHERE session = ? AND ended IS NULL AND state = 'queued' ORDER BY seq LIMIT 1"
        row = self._db.row(sql, (session,))
        return decoded(row) if row else None

    def calls(self, session: str, most: int) -> list[Row]:
        """The newest calls of a session."""
        sql = f"SELECT {BRIEF} FROM jobs WHERE session = ? ORDER BY seq DESC LIMIT ?"
        return [decoded(row) for row in self._db.rows(sql, (session, most))]

    def ids_of_calls(self, session: str) -> set[str]:
        """All calls that a session was ever given."""
        return {str(row["id"]) for row in self._db.rows("SELECT id FROM jobs WHERE session = ?", (session,))}

    def open_calls(self, session: str) -> int:
        """How many calls of a session have not ended."""
        row = self._db.row("SELECT count(*) AS n FROM jobs WHERE session = ? AND ended IS NULL", (session,))
        return int(row["n"]) if row else 0

    def orphaned_calls(self) -> list[Row]:
        """Calls that never began, and whose session has ended."""
        return self._db.rows(
            """SELECT jobs.id, jobs.session, held.state FROM jobs JOIN jobs AS held ON held.id = jobs.session
               WHERE jobs.session IS NOT NULL AND jobs.ended IS NULL AND held.ended IS NOT NULL AND NOT EXISTS
                 (SELECT 1 FROM attempts WHERE attempts.job = jobs.id AND attempts.state != 'exited')"""
        )

    def open_sessions(self) -> int:
        """How many sessions have not ended."""
        sql = "SELECT count(*) AS n FROM jobs WHERE ended IS NULL AND task ->> '$.function.type' = 'session'"
        row = self._db.row(sql)
        return int(row["n"]) if row else 0

    def request_end(self, job: str, owner: str | None) -> Row:
        """Ask a session to end once its calls have."""
        with self._db.write() as db:
            self.get(job, owner)
            db.execute("UPDATE jobs SET end_requested = 1 WHERE id = ? AND ended IS NULL", (job,))
            return self._full(db, job)

    def end_requested(self, job: str) -> bool:
        row = self._db.row("SELECT end_requested FROM jobs WHERE id = ?", (job,))
        return bool(row and row["end_requested"])

    def to_cancel(self) -> list[Row]:
        """Jobs that were asked to end: with what tells sweeps and their points apart."""
        return self._db.rows(
            "SELECT id, sweep, chunk, unassigned FROM jobs WHERE cancel_requested = 1 AND ended IS NULL"
        )

    def input_states(self, job: str) -> dict[str, State]:
        rows = self._db.rows(
            "SELECT jobs.id, jobs.state FROM inputs JOIN jobs ON jobs.id = inputs.input WHERE inputs.job = ?", (job,)
        )
        return {row["id"]: State(row["state"]) for row in rows}

    def inputs(self, job: str) -> list[str]:
        return [row["input"] for row in self._db.rows("SELECT input FROM inputs WHERE job = ?", (job,))]

    def used_by(self, job: str) -> list[str]:
        return [row["job"] for row in self._db.rows("SELECT job FROM inputs WHERE input = ? ORDER BY job", (job,))]

    def move(
        self,
        job: str,
        target: State,
        *,
        cause: Cause | None = None,
        attempt: int | None = None,
        result: Json | None = None,
        error: Json | None = None,
        note: str | None = None,
    ) -> None:
        """Bring a job into ``target``. With ``attempt``, only the current attempt may: a late one changes nothing.

        Ends are durable. That a job was queued or runs is known again from what is.
        """
        now = timestamp()
        allowed = sources(target)
        with self._db.write(durable=target.ended) as db:
            changed = returning(
                db,
                f"""UPDATE jobs SET state = :target, cause = :cause, note = :note, result = :result, error = :error,
                      started = CASE WHEN :target = 'running' THEN :now ELSE started END,
                      ended = CASE WHEN :ends THEN :now ELSE NULL END,
                      seconds = CASE WHEN :ends THEN seconds_between(started, :now) ELSE seconds END
                    WHERE id = :job AND state IN ({_quoted(allowed)}) AND (:attempt IS NULL OR attempt = :attempt)
                    RETURNING seq, owner, attempt""",
                {
                    "target": target,
                    "cause": cause,
                    "note": note,
                    "result": json.dumps(result) if result is not None else None,
                    "error": json.dumps(error) if error is not None else None,
                    "now": now,
                    "ends": target.ended,
                    "job": job,
                    "attempt": attempt,
                },
            )
            if not changed:
                raise IllegalTransition(self._story(db, job, target))
            self._note_event(db, job, changed[0]["owner"], changed[0]["attempt"], target, cause, note, now)

    def enter(self, jobs: Sequence[str]) -> None:
        """Queue those of the jobs that still wait, in one transaction."""
        now = timestamp()
        with self._db.write(durable=False) as db:
            entered = returning(
                db,
                f"""UPDATE jobs SET state = 'queued', note = NULL
                    WHERE id IN ({",".join("?" * len(jobs))}) AND state = 'waiting' RETURNING id, owner""",
                jobs,
            )
            for row in entered:
                self._note_event(db, row["id"], row["owner"], 0, State.QUEUED, None, None, now)

    def begin_attempt(self, job: str, runtime: str, token: str | None = None, durable: bool = True) -> int:
        """Number the next try of a queued job, or the next chunk of a sweep."""
        with self._db.write(durable) as db:
            row = returning(
                db,
                """UPDATE jobs SET attempt = attempt + 1
                   WHERE id = ? AND (state = 'queued' OR state = 'running' AND unassigned IS NOT NULL)
                   RETURNING attempt""",
                (job,),
            )
            if not row:
                raise IllegalTransition(self._story(db, job, State.RUNNING))
            number = int(row[0]["attempt"])
            self._insert_attempt(db, job, number, token, runtime, timestamp())
        return number

    @staticmethod
    def _insert_attempt(db: Any, job: str, number: int, token: str | None, runtime: str, now: str) -> None:
        new = {"job": job, "number": number, "token": token, "state": "starting", "runtime": runtime}
        insert_row(db, "attempts", new | {"created": now})

    def update_attempt(self, job: str, number: int, **columns: Any) -> None:
        with self._db.write(durable=False) as db:
            assigned = ", ".join(f"{name} = ?" for name in columns)
            db.execute(f"UPDATE attempts SET {assigned} WHERE job = ? AND number = ?", (*columns.values(), job, number))
            self._db.touch(job)

    def close_attempt(self, job: str, number: int, exited: Exit) -> None:
        self.update_attempt(job, number, state="exited", exited=timestamp(), exit=json.dumps(exited.as_json()))

    def attempt_of(self, row: Row) -> Row | None:
        """The current attempt of a job; of a point, the attempt of its sweep that has it."""
        if row["sweep"]:
            return self.attempt(row["sweep"], row["chunk"]) if row["chunk"] else None
        return self.attempt(row["id"], row["attempt"]) if row["attempt"] else None

    def attempt(self, job: str, number: int) -> Row | None:
        row = self._db.row("SELECT * FROM attempts WHERE job = ? AND number = ?", (job, number))
        return decoded_attempt(row) if row else None

    def events_offset(self, job: str, number: int) -> int | None:
        """How far the events of an attempt were read; None where there is no such attempt."""
        row = self._db.row("SELECT events_offset FROM attempts WHERE job = ? AND number = ?", (job, number))
        return int(row["events_offset"]) if row else None

    def attempts(self, job: str) -> list[Row]:
        rows = self._db.rows("SELECT * FROM attempts WHERE job = ? ORDER BY number", (job,))
        return [decoded_attempt(row) for row in rows]

    def again(self, job: str, number: int, outcome: Json, note: str) -> bool:
        """Back in line after an attempt that came to ``outcome``; False where the job was asked to end meanwhile."""
        with self._db.write(durable=False) as db:
            row = returning(db, "SELECT state, attempt, cancel_requested FROM jobs WHERE id = ?", (job,))[0]
            if row["cancel_requested"] or row["attempt"] != number or State(row["state"]).ended:
                return False
            if State(row["state"]) is State.RUNNING:
                self.move(job, State.QUEUED, attempt=number, note=note)
            else:
                self.annotate(job, note)
            self.update_attempt(job, number, outcome=json.dumps(outcome))
        return True

    def note_late(self, job: str, number: int, outcome: Json) -> None:
        """A superseded attempt left something after all."""
        self.update_attempt(job, number, outcome=json.dumps(outcome))

    def tries(self, job: str) -> int:
        """How many attempts came to nothing and were followed by another."""
        row = self._db.row("SELECT count(*) AS n FROM attempts WHERE job = ? AND outcome IS NOT NULL", (job,))
        return int(row["n"]) if row else 0

    def open_attempts(self) -> list[Row]:
        return self._db.rows("SELECT * FROM attempts WHERE state != 'exited' ORDER BY job, number")

    def request_cancel(self, job: str, owner: str | None) -> Row:
        """Cancel at once what does not run; mark what does. Ended jobs stay as they are."""
        with self._db.write() as db:
            row = self.get(job, owner)
            state = State(row["state"])
            # A sweep's points end first, which is the scheduler's to do.
            at_once = row["unassigned"] is None and state in (State.WAITING, State.QUEUED)
            if at_once and not self._starting(db, job):
                self.move(job, State.CANCELLED)
            elif not state.ended:
                db.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job,))
            return self._full(db, job)

    @staticmethod
    def _starting(db: Any, job: str) -> bool:
        return bool(returning(db, "SELECT 1 FROM attempts WHERE job = ? AND state != 'exited'", (job,)))

    def annotate(self, job: str, note: str | None) -> None:
        """Say what an open job waits for; told to clients as an event when it changed."""
        with self._db.write(durable=False) as db:
            changed = returning(
                db,
                "UPDATE jobs SET note = :note WHERE id = :job AND note IS NOT :note AND ended IS NULL"
                " RETURNING owner, attempt, state",
                {"note": note, "job": job},
            )
            for row in changed:
                self._note_event(db, job, row["owner"], row["attempt"], State(row["state"]), None, note, timestamp())

    def events_after(self, cursor: int, owner: str | None, jobs: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        """Changes to all jobs of an owner (None: of everybody), or to those of ``jobs`` that are that owner's."""
        named = f"AND job IN ({','.join('?' * len(jobs))})" if jobs else ""
        return self._db.rows(
            f"""SELECT seq, job, state, cause, at, note FROM events
                WHERE seq > ? {_of(owner)} {named} ORDER BY seq LIMIT ?""",
            (cursor, *_given(owner), *jobs, limit),
        )

    def ends_after(self, cursor: int, owner: str | None, jobs: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        """The ends among the changes to an owner's jobs, or to ``jobs``; all other changes cost nothing."""
        ends = _quoted(state for state in State if state.ended)
        named = f"AND job IN ({','.join('?' * len(jobs))})" if jobs else ""
        index = "INDEXED BY events_by_job" if jobs else "INDEXED BY ends" if owner else "NOT INDEXED"
        sql = f"""SELECT seq, job, state, cause, at, note FROM events {index}
                  WHERE seq > ? {_of(owner)} AND state IN ({ends}) {named} ORDER BY seq LIMIT ?"""
        return self._db.rows(sql, (cursor, *_given(owner), *jobs, limit))

    def events_of(self, job: str) -> list[Row]:
        sql = "SELECT seq, attempt, at, state, cause, note FROM events WHERE job = ? ORDER BY seq"
        return self._db.rows(sql, (job,))

    def cursor(self) -> int:
        row = self._db.row(_NEWEST)
        return int(row["seq"]) if row else 0

    def _note_event(
        self, db: Any, job: str, owner: str, attempt: int, state: State, cause: Cause | None, note: str | None, at: str
    ) -> None:
        self._note_events(db, job, owner, [(attempt, state, cause, note)], at)

    def _note_events(
        self, db: Any, job: str, owner: str, events: Sequence[tuple[int, State, Cause | None, str | None]], at: str
    ) -> int:
        """What happened to a job at one time: of each its attempt, the state, its cause and a note. The newest's id."""
        columns = ("job", "owner", "at", "attempt", "state", "cause", "note")
        newest = insert_rows(db, "events", columns, [(job, owner, at, *event) for event in events])
        topics = (owner, EVERYBODY, job)
        self._db.touch(*topics, *(map(ends_of, topics) if any(state.ended for _, state, _, _ in events) else ()))
        return newest

    def _full(self, db: Any, job: str) -> Row:
        return self._whole(returning(db, _JOB, (job,))[0])

    @staticmethod
    def _story(db: Any, job: str, target: State) -> str:
        recent = returning(db, "SELECT at, state, note FROM events WHERE job = ? ORDER BY seq DESC LIMIT 5", (job,))
        told = "; ".join(f"{row['at']} {row['state']}" for row in reversed(recent)) or "no events"
        return f"{job} cannot become {target}: {told}"


def ends_of(topic: str) -> str:
    """The topic of those who wait for ends alone: of one job, or of any job of an owner."""
    return f"end of {topic}"


def _of(owner: str | None) -> str:
    return "" if owner is None else "AND owner = ?"


def _given(owner: str | None) -> tuple[str, ...]:
    return () if owner is None else (owner,)


def _quoted(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def with_point(values: Json, own: list[Json]) -> Json:
    """The arguments of one point: those of the sweep, with the point's own in their places."""
    items = [[key, own[node["column"]] if node["kind"] == "each" else node] for key, node in values["items"]]
    return {"items": items}


def decoded_attempt(row: Row) -> Row:
    return row | {name: json.loads(row[name]) if row[name] else None for name in ("versions", "exit", "outcome")}


def decoded(row: Row) -> Row:
    for column in (*_JSON_COLUMNS, "function", "retry_on"):
        if isinstance(row.get(column), str):
            row[column] = json.loads(row[column])
    return row
