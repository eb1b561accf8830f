"""Where the log of a job is: in the folder of its attempt, or in a part of the log of its chunk."""

from __future__ import annotations

from landbridge_gateway.depot.logs import Log
from landbridge_gateway.model import attempt_id
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.services import Services


def log_of(services: Services, row: Row, stream: str, attempt: int | None = None) -> Log | None:
    """Of the last attempt, or of the one asked for; None while there is none."""
    if row["sweep"]:
        if not row["chunk"]:
            return None
        chunk = attempt_id(row["sweep"], row["chunk"])
        # Asked for first: where there is none any more, the file has no secrets any more either.
        mask = services.given.mask(chunk)
        return Log.part(services.layout.job_folder(chunk), stream, row["logs"], mask)
    number = row["attempt"] if attempt is None else attempt
    if not number:
        return None
    wanted = attempt_id(row["id"], number)
    mask = services.given.mask(wanted)
    return Log(services.layout.job_folder(wanted), stream, mask=mask)
