"""Where the log of a job is: in the folder of its attempt, or in a part of the log of its chunk."""

from __future__ import annotations

from landbridge_gateway.depot.logs import Log
from landbridge_gateway.model import attempt_id
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.services import Services


def log_of(services: Services, row: Row, stream: str) -> Log | None:
    """None while there is none."""
    if row["sweep"]:
        if not row["chunk"]:
            return None
        folder = services.layout.job_folder(attempt_id(row["sweep"], row["chunk"]))
        return Log.part(folder, stream, row["logs"])
    if not row["attempt"]:
        return None
    return Log(services.layout.job_folder(attempt_id(row["id"], row["attempt"])), stream)
