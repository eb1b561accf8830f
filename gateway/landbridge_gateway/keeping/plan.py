"""What may go: jobs that ended long enough ago, and of these only what nothing that stays needs. No IO."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from landbridge_gateway.store.objects import UPLOAD
from landbridge_gateway.store.removals import KnownJob, KnownObject, Record

OPEN, YOUNG, ELSEWHERE, NEEDED = "not ended", "too young", "of another experiment", "needed by a job that stays"


@dataclass(frozen=True)
class Criteria:
    """``before``: ended earlier than this time. At least one of the two is given."""

    before: str | None = None
    experiment: str | None = None

    def stays(self, job: KnownJob) -> str | None:
        """Why a job stays whoever needs it; None where it may go."""
        if job.ended is None or job.runs:
            return OPEN
        if self.before is not None and job.ended >= self.before:
            return YOUNG
        if self.experiment is not None and job.experiment != self.experiment:
            return ELSEWHERE
        return None


@dataclass(frozen=True)
class Plan:
    """``kept`` has the reason of every job that stays."""

    jobs: set[str]
    objects: list[KnownObject]
    kept: Mapping[str, str]

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(self.kept.values()))


def plan(record: Record, criteria: Criteria, kept: Mapping[str, str], uploads_before: str) -> Plan:
    """``kept`` names jobs that stay for a reason of their own, such as that they were published, with that reason.

    Uploads that came after ``uploads_before`` stay: their sender may be about to name them.
    """
    reasons = _staying(record, criteria, kept)
    jobs = record.jobs.keys() - reasons.keys()
    return Plan(jobs, list(_objects(record, criteria, jobs, uploads_before)), reasons)


def batches(record: Record, found: Plan, most: int) -> Iterator[tuple[set[str], list[KnownObject]]]:
    """The plan in parts of about ``most`` jobs, so that others may write in between.

    Whatever names something comes with it or before it: after each part all that is left is whole.
    """
    units, users = _units_of(record, found.jobs)
    made: dict[str, list[KnownObject]] = defaultdict(list)
    for one in found.objects:
        made[one.origin].append(one)
    batch: set[str] = set()
    ahead = list(units)  # the last one came last, and is named by few others
    while ahead:
        together = [ahead.pop()]
        while together:
            unit = together.pop()
            if unit in units:
                batch.update(units.pop(unit))
                together += users[unit]
        if len(batch) >= most:
            yield batch, [one for job in batch for one in made[job]]
            batch = set()
    yield batch, [one for job in batch for one in made[job]] + made[UPLOAD]


def _units_of(record: Record, jobs: set[str]) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """The jobs of each unit that goes, and the units that name something of it."""
    units: dict[str, list[str]] = defaultdict(list)
    users: dict[str, set[str]] = defaultdict(set)
    for job in record.jobs.values():
        if job.id in jobs:
            units[job.unit].append(job.id)
            for needed in _needed(record, job.id):
                users[record.jobs[needed].unit].add(job.unit)
    return units, users


def _staying(record: Record, criteria: Criteria, kept: Mapping[str, str]) -> dict[str, str]:
    units: dict[str, list[KnownJob]] = defaultdict(list)
    for job in record.jobs.values():
        units[job.unit].append(job)
    reasons: dict[str, str] = {}
    ahead: list[str] = []

    def stay(unit: str, why: str) -> None:
        # A sweep and its points, a session and its calls: one that stays keeps the others.
        for job in units[unit]:
            if job.id not in reasons:
                reasons[job.id] = why
                ahead.append(job.id)

    for job in record.jobs.values():
        why = kept.get(job.id) or criteria.stays(job)
        if why:
            stay(job.unit, why)
    while ahead:
        for needed in _needed(record, ahead.pop()):
            if needed not in reasons:
                stay(record.jobs[needed].unit, NEEDED)
    return reasons


def _needed(record: Record, job: str) -> Iterator[str]:
    """The jobs that a job names, and those that made the objects which it names."""
    for name in record.names.get(job, ()):
        made = record.objects.get(name)
        named = made.origin if made else name
        if named in record.jobs:
            yield named


def _objects(record: Record, criteria: Criteria, jobs: set[str], uploads_before: str) -> Iterator[KnownObject]:
    needed = {name for job in record.jobs.keys() - jobs for name in record.names.get(job, ())}
    went = {name for job in jobs for name in record.names.get(job, ())}

    def goes(upload: KnownObject) -> bool:
        if upload.id in needed or upload.created >= uploads_before:
            return False
        # One that no job ever named belongs to no experiment.
        return upload.id in went or criteria.experiment is None

    for one in record.objects.values():
        if goes(one) if one.origin == UPLOAD else one.origin in jobs:
            yield one
