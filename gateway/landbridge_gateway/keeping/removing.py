"""Removing what is no longer wanted: rows first, files after them, and what a crash left of the files the next time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.removal import jobs_bytes, remove_job, remove_object
from landbridge_gateway.errors import InvalidRequest, Overloaded
from landbridge_gateway.keeping.plan import Criteria, batches, plan
from landbridge_gateway.model import Json
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.removals import KnownJob, KnownObject, NamedMeanwhile, Record, Removals
from landbridge_gateway.store.sweeps import Sweeps

log = logging.getLogger(__name__)
_TRIES = 5
MOST_AT_ONCE = 5000  # jobs in one transaction, so that others may write in between
_UPLOADS_STAY = 3600.0  # seconds for who uploaded something to name it

Reasons = Callable[[Database], Mapping[str, str]]
# Whatever else keeps a job from being removed adds a line: jobs by their reasons.
KEPT: tuple[Reasons, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to go: jobs that ended more than ``older_than`` seconds ago, those of ``experiment``, or both."""

    older_than: float | None
    experiment: str | None

    def check(self) -> None:
        """Everything at once is never meant."""
        if self.older_than is None and self.experiment is None:
            raise InvalidRequest(
                "Nothing says what is to go.", "Give `--older-than 30d`, `--experiment NAME`, or both."
            )


@dataclass(frozen=True)
class Removal:
    jobs: list[KnownJob]
    objects: int
    bytes: int
    kept: dict[str, int]
    done: bool

    def as_json(self) -> Json:
        names = ("id", "name", "state", "experiment", "ended")
        jobs = [{name: getattr(job, name) for name in names} for job in self.jobs]
        return {"jobs": jobs, "objects": self.objects, "bytes": self.bytes, "kept": self.kept, "done": self.done}


def remove(
    database: Database,
    layout: Layout,
    sweeps: Sweeps,
    wanted: Wanted,
    dry_run: bool,
    kept: Iterable[Reasons] = KEPT,
    now: datetime | None = None,
) -> Removal:
    """Say what goes, and where it is no dry run remove it."""
    removals, now = Removals(database), now or datetime.now(UTC)
    before = None if wanted.older_than is None else timestamp(now - timedelta(seconds=wanted.older_than))
    criteria = Criteria(before, wanted.experiment)
    young = min(before or "~", timestamp(now - timedelta(seconds=_UPLOADS_STAY)))
    done: list[Removal] = []
    for _ in range(_TRIES):
        record = removals.record()
        reasons = {job: why for found in kept for job, why in found(database).items()}
        found = plan(record, criteria, reasons, young)
        if dry_run:
            return _told(layout, record, found.jobs, found.objects, found.reasons)
        try:
            for jobs, objects in batches(record, found, MOST_AT_ONCE):
                part = _told(layout, record, jobs, objects, found.reasons)
                with sweeps.none_added():
                    removals.remove(jobs, objects, record.newest)
                done.append(part)
        except NamedMeanwhile:
            continue
        clear(removals, layout)
        return _together(done)
    raise Overloaded("New jobs go on naming what was to be removed.", "Try again when fewer are submitted.")


def _told(
    layout: Layout, record: Record, jobs: set[str], objects: list[KnownObject], reasons: dict[str, int]
) -> Removal:
    found = sorted((record.jobs[job] for job in jobs), key=_by_end)
    size = sum(one.size for one in objects) + sum(jobs_bytes(layout, jobs))
    return Removal(found, len(objects), size, reasons, done=False)


def _together(parts: list[Removal]) -> Removal:
    jobs = sorted((job for part in parts for job in part.jobs), key=_by_end)
    objects, size = sum(part.objects for part in parts), sum(part.bytes for part in parts)
    return Removal(jobs, objects, size, parts[-1].kept, done=True)


def _by_end(job: KnownJob) -> tuple[str, str]:
    return job.ended or "", job.id


def clear(removals: Removals, layout: Layout) -> None:
    """Remove the files of what was removed; those that cannot be stay noted for the next time."""
    removals.cleared(list(_removed_files(removals, layout)))


def _removed_files(removals: Removals, layout: Layout) -> Iterator[str]:
    for row in removals.leavings():
        try:
            if row["format"] is None:
                remove_job(layout, row["id"])
            else:
                remove_object(layout, row["id"], row["format"])
        except OSError as problem:
            log.warning("files of %s could not be removed: %s", row["id"], problem)
            continue
        yield row["id"]
