"""The jobs that wait, by owner and experiment. What a look costs does not grow with how many wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.errors import TooManyJobs
from landbridge_gateway.store.database import Database, Row, returning
from landbridge_gateway.store.jobs import BRIEF, decoded
from landbridge_gateway.store.sweep_schema import IN_LINE

Values = Sequence[Any]


@dataclass(frozen=True)
class Bounds:
    """How many jobs may wait: of all owners, and of each."""

    all: int
    each: int


@dataclass(frozen=True)
class Glance:
    """Is there a job that was asked to end, one whose inputs failed, one that may be queued, one in line, a sweep that
    has not ended, a call of a session that has not, such a call whose session has?
    """

    to_cancel: bool
    doomed: bool
    entering: bool
    queued: bool
    sweeps: bool
    calls: bool
    orphans: bool


_SIZES = "SELECT owner, jobs FROM queue_sizes WHERE owner IN ('', ?)"


def count_waiting(db: Any, owner: str, more: int) -> None:
    """Inside a transaction: of points, which no trigger counts where they come or end many at a time."""
    db.conn.executemany(
        "INSERT INTO queue_sizes VALUES (?, ?) ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs",
        [(owner, more), ("", more)],
    )


class Door:
    """Refuses jobs where too many wait already. Safe from any thread."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._db, self._bounds = database, bounds
        self._refused: set[str] = set()  # owners whose last submission was

    def check(self, db: Any, owner: str, more: int = 1) -> None:
        """Inside a transaction: :class:`TooManyJobs` when ``more`` jobs of an owner would be too many."""
        try:
            self._compare(returning(db, _SIZES, (owner,)), owner, more)
        except TooManyJobs:
            self._refused.add(owner)
            raise

    def look(self, owner: str, key: str | None) -> None:
        """The same before anything of a submission was read, so that refusing costs little while the queue is full.

        Who was not refused the last time is let through to the check. What repeats a submission that was taken is no
        further job, and passes.
        """
        if owner not in self._refused:
            return
        try:
            self._compare(self._db.rows(_SIZES, (owner,)), owner, 1)
        except TooManyJobs:
            if not (key and self._db.row("SELECT 1 FROM jobs WHERE owner = ? AND key = ?", (owner, key))):
                raise
        else:
            self._refused.discard(owner)

    def _compare(self, counted: Iterable[Row], owner: str, more: int) -> None:
        waiting = {row["owner"]: row["jobs"] for row in counted}
        if waiting.get(owner, 0) + more > self._bounds.each:
            raise TooManyJobs(self._bounds.each, "owner", "max_queued_each")
        if waiting.get("", 0) + more > self._bounds.all:
            raise TooManyJobs(self._bounds.all, "all", "max_queued")


class Line:
    """Jobs of one state that stand in line, in the index made for them."""

    def __init__(self, database: Database, index: str, condition: str) -> None:
        self._db = database
        self._from = f"FROM jobs INDEXED BY {index} WHERE {condition}"

    def distinct(self, column: str, given: dict[str, str], after: str | None, most: int) -> list[str]:
        """Up to ``most`` different values of a column of the index, in order from after ``after`` and once round."""
        found = self._hop(column, given, after, None, most)
        if after is not None and len(found) < most:
            found += self._hop(column, given, None, after, most - len(found))
        return found

    def _hop(self, column: str, given: dict[str, str], after: str | None, until: str | None, most: int) -> list[str]:
        # From one value to the next by the index: rows with the same value are leapt over.
        fixed = "".join(f" AND {name} = :{place}" for place, name in zip("abc", given, strict=False))
        least = f"SELECT min({column}) {self._from}{fixed}"
        first = f" AND {column} > :after" if after is not None else ""
        rows = self._db.rows(
            f"""WITH RECURSIVE hop (value) AS (
                  SELECT ({least}{first}) UNION ALL SELECT ({least} AND {column} > hop.value) FROM hop
                  WHERE value IS NOT NULL LIMIT :most + 1
                ) SELECT value FROM hop WHERE value IS NOT NULL LIMIT :most""",
            dict(zip("abc", given.values(), strict=False)) | {"after": after, "most": most},
        )
        values = [str(row["value"]) for row in rows]
        return values if until is None else [value for value in values if value <= until]

    def oldest(self, given: dict[str, str], most: int, columns: str, more: str = "") -> list[Row]:
        """The oldest jobs with these values."""
        fixed = "".join(f" AND {name} = ?" for name in given)
        sql = f"SELECT {columns} {self._from}{fixed} {more} ORDER BY seq LIMIT ?"
        return [decoded(row) for row in self._db.rows(sql, (*given.values(), most))]


_MAY_ENTER = "state = 'waiting' AND open_inputs = 0 AND failed_inputs = 0"
_DOOMED = "state = 'waiting' AND failed_inputs > 0 AND open_inputs = 0"
# One reading in place of one for each list, most of which are empty whenever the loop looks.
_GLANCE = f"""SELECT
  EXISTS (SELECT 1 FROM jobs WHERE cancel_requested = 1 AND ended IS NULL) AS to_cancel,
  EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_doomed WHERE {_DOOMED}) AS doomed,
  EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_entering WHERE {_MAY_ENTER}) AS entering,
  EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_queued WHERE {IN_LINE}) AS queued,
  EXISTS (SELECT 1 FROM sweeps INDEXED BY open_sweeps WHERE ended = 0) AS sweeps,
  EXISTS (SELECT 1 FROM jobs INDEXED BY open_calls WHERE session IS NOT NULL AND ended IS NULL) AS calls,
  EXISTS (SELECT 1 FROM jobs INDEXED BY open_calls JOIN jobs AS held ON held.id = jobs.session
          WHERE jobs.session IS NOT NULL AND jobs.ended IS NULL AND held.ended IS NOT NULL) AS orphans"""
OWNER, RUNTIME, EXPERIMENT = "owner", "runtime", "coalesce(experiment, '')"
_ENTERING = "id, owner, runtime, unassigned"
# A sweep may have several workers at once.
_NOT_STARTING = """AND (unassigned IS NOT NULL OR NOT EXISTS
  (SELECT 1 FROM attempts WHERE attempts.job = jobs.id AND attempts.state != 'exited'))"""


class Queue:
    """Who has jobs to run, and which is the oldest of a group."""

    def __init__(self, database: Database, glance: int) -> None:
        self._db, self._glance = database, glance
        self._queued = Line(database, "jobs_queued", IN_LINE)
        self._entering = Line(database, "jobs_entering", _MAY_ENTER)

    def glance(self) -> Glance:
        """Which of the loop's lists have anybody in them."""
        row = self._db.row(_GLANCE)
        assert row is not None
        return Glance(**{name: bool(found) for name, found in row.items()})

    # Queued jobs, which may be started.

    def owners(self, last: str | None) -> list[str]:
        return self._queued.distinct(OWNER, {}, last, self._glance)

    def experiments(self, owner: str, last: str | None) -> list[str]:
        return self._queued.distinct(EXPERIMENT, {OWNER: owner}, last, self._glance)

    def first(self, owner: str, experiment: str, last: str | None = None) -> Row | None:
        """The oldest queued job of a group that no attempt was begun for, or whose last one is over.

        ``last`` is the one that was served last: a sweep, which stays in line, lets all others go before it once.
        """
        group = {OWNER: owner, EXPERIMENT: experiment}
        found = self._queued.oldest(group, 2, BRIEF, _NOT_STARTING)
        return next((row for row in found if row["id"] != last), found[0] if found else None)

    def running(self, jobs: Iterable[str]) -> Counter[tuple[str, str]]:
        """How many workers each group has; ``jobs`` names a job as often as it has some."""
        wanted = Counter(jobs)
        rows = self._db.rows(
            f"SELECT id, owner, {EXPERIMENT} AS experiment FROM jobs WHERE id IN ({','.join('?' * len(wanted))})",
            list(wanted),
        )
        found: Counter[tuple[str, str]] = Counter()
        for row in rows:
            found[row["owner"], row["experiment"]] += wanted[row["id"]]
        return found

    def others(self, than: Collection[str]) -> bool:
        """Does a job stand in line that is none of these?"""
        marks = ",".join("?" * len(than))
        sql = (
            f"SELECT 1 FROM jobs INDEXED BY jobs_queued WHERE {IN_LINE} AND id NOT IN ({marks}) {_NOT_STARTING} LIMIT 1"
        )
        return self._db.row(sql, list(than)) is not None

    # Waiting jobs whose inputs have all ended well.

    def runtimes_wanted(self) -> list[str]:
        return self._entering.distinct(RUNTIME, {}, None, self._glance)

    def entering(self, runtime: str, most: int) -> list[Row]:
        """Id, owner and runtime of jobs for a runtime, oldest first in each group; all groups in view have their share
        of ``most``.
        """
        groups = [
            (owner, experiment)
            for owner in self._entering.distinct(OWNER, {RUNTIME: runtime}, None, self._glance)
            for experiment in self._entering.distinct(EXPERIMENT, {RUNTIME: runtime, OWNER: owner}, None, self._glance)
        ][:most]
        share = -(-most // max(1, len(groups)))
        given = ({RUNTIME: runtime, OWNER: owner, EXPERIMENT: experiment} for owner, experiment in groups)
        return [row for one in given for row in self._entering.oldest(one, share, _ENTERING)][:most]

    def doomed(self, most: int) -> list[Row]:
        """Waiting jobs whose inputs have all ended, and not all well."""
        rows = self._db.rows(
            f"""SELECT {BRIEF} FROM jobs INDEXED BY jobs_doomed
                WHERE {_DOOMED} ORDER BY seq LIMIT ?""",
            (most,),
        )
        return [decoded(row) for row in rows]

    def sizes(self) -> dict[str, int]:
        """How many jobs wait by owner; of all under the empty name."""
        return {row["owner"]: row["jobs"] for row in self._db.rows("SELECT owner, jobs FROM queue_sizes")}
