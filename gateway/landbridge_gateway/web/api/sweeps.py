"""Sweeps: one task over many points by one call, their ends, and any job once more."""

from __future__ import annotations

import json
import secrets

from flask import Blueprint, Response

from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.model import Json, new_id
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import NewJob
from landbridge_gateway.web import present
from landbridge_gateway.web.access import READ, WRITE, access, caller, sees
from landbridge_gateway.web.api.jobs import LONGEST_WAIT
from landbridge_gateway.web.body import choice, header, json_body, known_query, seconds, whole_number
from landbridge_gateway.web.environments import place_again
from landbridge_gateway.web.services import Services, services
from landbridge_gateway.web.sweeping import new_sweep
from landbridge_gateway.web.turning_away import turned_away
from landbridge_gateway.web.waiting import answer_when

blueprint = Blueprint("api_sweeps", __name__)

_MOST_POINTS = 5000


@blueprint.post("/jobs/batch")
@access(WRITE)
def batch() -> tuple[Json, int] | Response:
    """Submit one task over many points; the same Idempotency-Key gives the same sweep."""
    here, who, key = services(), caller(), header("Idempotency-Key", 200)
    if (refused := turned_away(key)) is not None:
        return refused
    new, points = new_sweep(here, json_body(here.settings.max_body), who, key)
    row, fresh = here.sweeps.add(new, points, lambda db: here.door.check(db, who.name, len(points) + 1))
    here.scheduler.wake()
    return {"job": present.whole(here, row), "cursor": row["cursor"]}, 201 if fresh else 200


@blueprint.get("/jobs/<job>/points")
@access(READ)
def points(job: str) -> Response:
    """The points of a sweep that have ended, in the order of their ends; may be held until there are more."""
    known_query("after", "limit", "wait", "values")
    here = services()
    row = here.jobs.get(job, sees())
    if row["unassigned"] is None:
        raise InvalidRequest("Only sweeps have points.", "Ask for the job itself.")
    after = whole_number("after", 0, 0, 2**62)
    most = whole_number("limit", 1000, 1, _MOST_POINTS)
    own = choice("values", "no", ("no", "yes")) == "yes"

    def look() -> tuple[list[Row], bool] | None:
        # Asked before reading: what ended before the sweep did is then read as well.
        over = here.jobs.state(job).ended
        found = here.sweeps.done_after(job, after, most)
        return (found, over) if found or over else None

    def render(told: tuple[list[Row], bool] | None) -> Response:
        found, over = told or ([], False)
        # No view is there any more when a request was held, and so no jsonify().
        return Response(_told(here, job, found, after, own, over), content_type="application/json")

    return answer_when(look, render, seconds("wait", LONGEST_WAIT), [job])


def _told(here: Services, sweep: str, found: list[Row], after: int, own: bool, over: bool) -> str:
    metrics = here.records.latest_metrics([row["job"] for row in found])
    told = ", ".join(_point(here, row, metrics[row["job"]], own) for row in found)
    following = found[-1]["done"] if found else after
    rest = {"counts": here.sweeps.counts(sweep), "next": following, "ended": over}
    return f'{{"points": [{told}], {json.dumps(rest)[1:]}'


def _point(here: Services, row: Row, metrics: Json, own: bool) -> str:
    """What is said of a point, as JSON. What is stored as JSON is handed out as it is: there may be thousands."""
    head = {name: row[name] for name in ("done", "point", "job", "state", "cause", "seconds")} | {"metrics": metrics}
    result = present.result_text(here, row["result"])
    values = f', "values": {row["values"]}' if own else ""
    return f'{json.dumps(head)[:-1]}, "error": {row["error"] or "null"}, "result": {result}{values}}}'


@blueprint.post("/jobs/<job>/rerun")
@access(WRITE)
def rerun(job: str) -> tuple[Json, int]:
    """A new job of the same task, values and seed."""
    here = services()
    key = header("Idempotency-Key", 200) or secrets.token_hex(16)
    row = here.jobs.get(job, sees())
    if row["unassigned"] is not None or row["session"] or row["task"]["function"]["type"] == "session":
        kind = "sweep" if row["unassigned"] is not None else "session"
        raise InvalidRequest(f"A {kind} is not run again as a whole.", "Submit it again, or run single jobs again.")
    shared = ("owner", "client", "name", "language", "experiment", "seed", "limits", "task", "values")
    inputs = here.jobs.inputs(job) + (here.jobs.inputs(row["sweep"]) if row["sweep"] else [])
    new = NewJob(
        **{name: row[name] for name in shared},
        id=new_id("job"),
        runtime=place_again(here, row),
        key=key,
        body_digest=f"rerun of {job}",
        tags=here.records.tags([job])[job],
        inputs=inputs,
    )
    made, fresh = here.accepts.add(new, lambda db: here.door.check(db, new.owner))
    here.scheduler.wake()
    return {"job": present.whole(here, made), "cursor": made["cursor"]}, 201 if fresh else 200
