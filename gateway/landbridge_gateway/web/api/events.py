"""All changes to all jobs of a client in one waiting request."""

from __future__ import annotations

from flask import Blueprint

from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.access import READ, access, owner
from landbridge_gateway.web.api.jobs import LONGEST_WAIT
from landbridge_gateway.web.body import known_query, seconds, whole_number
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_events", __name__)


@blueprint.get("/events")
@access(READ)
def events() -> Json:
    """All changes to all jobs since a cursor; held until there is one."""
    known_query("after", "wait")
    here, whose = services(), owner()
    after = whole_number("after", here.jobs.cursor(), 0, 2**62)

    def look() -> list[Row] | None:
        return here.jobs.events_after(after, whose) or None

    found = here.hub.wait_for(look, seconds("wait", LONGEST_WAIT)) or []
    return {"events": found, "cursor": found[-1]["seq"] if found else after}
