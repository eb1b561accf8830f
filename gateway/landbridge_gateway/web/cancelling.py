"""Cancelling a job, for the API and for the pages."""

from __future__ import annotations

from landbridge_gateway.model import State
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.services import Services


def cancel_job(here: Services, job: str, owner: str | None) -> Row:
    """Ask a job to end; one that has ended stays as it is."""
    row = here.jobs.request_cancel(job, owner)
    if row["chunk"] and row["state"] == State.CANCELLED:
        # A worker has the point in its hands, and must leave it out.
        about = {name: row[name] for name in ("sweep", "chunk", "point")}
        here.scheduler.post({"event": "point_cancelled", **about})
    here.scheduler.wake()
    return row
