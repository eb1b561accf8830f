"""All changes to all jobs of a client in one waiting request."""

from __future__ import annotations

import json

from flask import Blueprint, Response, request

from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import EVERYBODY, ends_of
from landbridge_gateway.web import present
from landbridge_gateway.web.access import READ, access, sees
from landbridge_gateway.web.api.jobs import LONGEST_WAIT
from landbridge_gateway.web.body import choice, known_query, seconds, whole_number
from landbridge_gateway.web.services import Services, services
from landbridge_gateway.web.waiting import answer_when

blueprint = Blueprint("api_events", __name__)

MOST_JOBS = 50  # that one request may name
_MOST_WHOLE = 5  # that go along with their ends


@blueprint.get("/events")
@access(READ)
def events() -> Response:
    """All changes to all jobs, or to those that are named, since a cursor; held until there is one."""
    known_query("after", "wait", "job", "ends")
    here, whose, jobs = services(), sees(), request.args.getlist("job")
    if len(jobs) > MOST_JOBS:
        raise InvalidRequest(f"At most {MOST_JOBS} jobs can be named.", "Name none to hear of all.")
    ends = choice("ends", "", ("", "only"))
    host = present.address()
    after = whole_number("after", here.jobs.cursor(), 0, 2**62)
    topics = jobs or [whose or EVERYBODY]

    def look() -> list[Row] | None:
        ask = here.jobs.ends_after if ends else here.jobs.events_after
        return ask(after, whose, jobs) or None

    def render(found: list[Row] | None) -> Response:
        if not found:
            return _answer(json.dumps({"events": [], "cursor": after} | ({"jobs": {}} if ends else {})))
        # Events do not change, so the answer is the same for all who wait for them.
        key = (whose, after, found[-1]["seq"], tuple(jobs), ends, host)
        return _answer(here.told.get(key, lambda: _told(here, found, host if ends else None)))

    wait = seconds("wait", LONGEST_WAIT)
    return answer_when(look, render, wait, [ends_of(topic) for topic in topics] if ends else topics)


def _answer(text: str) -> Response:
    return Response(text, content_type="application/json")


def _told(here: Services, found: list[Row], host: str | None) -> str:
    """Events as text; with a ``host``, the jobs of which they tell the end as well."""
    told: Json = {"events": found, "cursor": found[-1]["seq"]}
    if host:
        told["jobs"] = _whole(here, [row["job"] for row in found], host)
    return json.dumps(told)


def _whole(here: Services, jobs: list[str], host: str) -> Json:
    """Jobs that have ended, so that who waited for one need not ask again; of many at once, none."""
    if len(jobs) > _MOST_WHOLE:
        return {}
    return {job: present.whole(here, here.jobs.get(job), host) for job in jobs}
