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
        chunk = attempt_id(row["sweep"], row["chunk"])
        # Asked for first: where there is none any more, the file has no secrets any more either.
        mask = services.given.mask(chunk)
        return Log.part(services.layout.job_folder(chunk), stream, row["logs"], mask)
    if not row["attempt"]:
        return None
    attempt = attempt_id(row["id"], row["attempt"])
    mask = services.given.mask(attempt)
    return Log(services.layout.job_folder(attempt), stream, mask=mask)
