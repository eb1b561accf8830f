"""Keeping and leaving: a snapshot for a backup, and the removal of what is no longer wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, request

from landbridge_gateway.errors import Conflict
from landbridge_gateway.keeping.removing import Wanted, remove
from landbridge_gateway.keeping.snapshots import make_snapshot
from landbridge_gateway.model import Json
from landbridge_gateway.web.access import ADMIN, access
from landbridge_gateway.web.body import choice, known_query, whole_number
from landbridge_gateway.web.services import Services, services

blueprint = Blueprint("api_keeping", __name__)


@blueprint.post("/snapshots")
@access(ADMIN)
def snapshot() -> tuple[Json, int]:
    """Make a snapshot of the whole home, in a folder of it: `landbridge backup` takes it from there."""
    with _alone() as here:
        return {"snapshot": {"id": make_snapshot(here.home)}}, 201


@blueprint.post("/removals")
@access(ADMIN)
def removal() -> Json:
    """Say what would be removed, or with `dry_run=no` remove it: jobs that have ended, by age and by experiment."""
    known_query("older_than", "experiment", "dry_run")
    age = whole_number("older_than", 0, 0, 2**40) if "older_than" in request.args else None
    wanted = Wanted(age, request.args.get("experiment"))
    wanted.check()
    dry_run = choice("dry_run", "yes", ("no", "yes")) == "yes"
    with _alone() as here:
        done = remove(here.database, here.layout, here.sweeps, wanted, dry_run)
    return {"removal": done.as_json()}


@contextmanager
def _alone() -> Iterator[Services]:
    """Nothing is removed while a snapshot is made: its database would name what is gone."""
    here = services()
    if not here.keeping.acquire(blocking=False):
        raise Conflict("A backup or a removal is being made.", "Try again when it is done.")
    try:
        yield here
    finally:
        here.keeping.release()
