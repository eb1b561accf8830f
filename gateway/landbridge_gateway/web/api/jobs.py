"""Jobs: submit, list, look, cancel, logs, record."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from landbridge_gateway.depot.logs import STREAMS
from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Json, State
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import NewJob
from landbridge_gateway.store.listing import MOST, JobQuery, list_jobs
from landbridge_gateway.store.records import Beside
from landbridge_gateway.web import calling, present
from landbridge_gateway.web.access import READ, WRITE, access, caller, sees
from landbridge_gateway.web.body import choice, header, json_body, known_query, seconds, whole_number
from landbridge_gateway.web.calling import answer_call, answer_with_end, may_wait
from landbridge_gateway.web.cancelling import cancel_job
from landbridge_gateway.web.logs import log_of
from landbridge_gateway.web.services import Services, services
from landbridge_gateway.web.submission import new_job
from landbridge_gateway.web.turning_away import turned_away
from landbridge_gateway.web.waiting import answer_when

blueprint = Blueprint("api_jobs", __name__)

LONGEST_WAIT = 60
_MOST_LOG = 4 * 1024**2
_FIELDS = ("state", "language", "experiment", "tag", "text", "sweep", "point", "sort", "limit", "page")


def query_from_request(limit: int = 50) -> JobQuery:
    """The list's filters, sort and page as the query string gives them."""
    args = request.args
    return JobQuery(
        state=args.getlist("state"),
        language=args.getlist("language"),
        experiment=args.getlist("experiment"),
        tag=args.getlist("tag"),
        text=args.get("text") or None,
        sweep=args.get("sweep") or None,
        point=whole_number("point", 0, 0, 2**62) if "point" in args else None,
        sort=args.get("sort", "-submitted"),
        limit=whole_number("limit", limit, 1, MOST),
        page=args.get("page"),
    )


@blueprint.post("/jobs")
@access(WRITE)
def submit() -> tuple[Json, int] | Response:
    """Submit a job; the same Idempotency-Key gives the same job. A call of a session may be answered with its end."""
    here = services()
    key, wait = header("Idempotency-Key", 200), seconds("wait", calling.LONGEST)
    who = caller()
    if (refused := turned_away(key)) is not None:
        return refused
    body = json_body(here.settings.max_body)
    reach("request read")
    here.schemas.check("submission", body)
    new = new_job(here, body, who, key)
    if wait and new.session and (call := here.scheduler.calls.accept(new)):
        return answer_call(here, call, wait)
    row, fresh = _stored(here, new)
    if not fresh and row["session"] and not row["ended"]:
        here.database.bring_to_disk()  # whoever submitted it first may be waiting for its end still
    reach("before the answer")
    status = 201 if fresh else 200
    if wait and may_wait(here, row):
        return answer_with_end(here, row["id"], wait, status)
    # A job that has not begun has reported nothing yet, which is not looked up.
    known = Beside(dict(sorted(new.tags.items())), None, []) if fresh and not row["attempt"] else None
    return _one(here, row, known), status


def _stored(here: Services, new: NewJob) -> tuple[Row, bool]:
    """Its row, and whether it is new. It has begun where nothing kept it from running."""

    def check(db: Any) -> None:
        here.door.check(db, new.owner)

    begun = here.scheduler.starting.accept(new, check)
    if begun:
        return begun
    stored = here.accepts.add(new, check)
    here.scheduler.wake()
    return stored


@blueprint.get("/jobs")
@access(READ)
def listing() -> Json:
    """A page of jobs: filters, sort and keyset pages."""
    known_query(*_FIELDS)
    here = services()
    rows, following = list_jobs(here.database, sees(), query_from_request(), here.signing_key)
    return {"jobs": present.briefs(here, rows), "next": following}


@blueprint.get("/jobs/<job>")
@access(READ)
def look(job: str) -> Json:
    """One job with its task, values, result and error."""
    here = services()
    return _one(here, here.jobs.get(job, sees()))


@blueprint.post("/jobs/<job>/cancel")
@access(WRITE)
def cancel(job: str) -> Json:
    """Cancel a job; one that has ended stays as it is."""
    here = services()
    return _one(here, cancel_job(here, job, sees()))


@blueprint.post("/jobs/<job>/end")
@access(WRITE)
def end(job: str) -> Json:
    """End a session once the jobs that it was given have ended; one that has ended stays as it is."""
    here = services()
    row = here.jobs.get(job, sees())
    if row["task"]["function"]["type"] != "session":
        raise InvalidRequest("Only sessions are ended.", "Cancel the job, or wait for it.")
    row = here.jobs.request_end(job, sees())
    here.scheduler.wake()
    return _one(here, row)


@blueprint.get("/jobs/<job>/record")
@access(READ)
def record(job: str) -> Json:
    """What the job reported: metrics, parameters, tags, files, fidelity of its tables."""
    here = services()
    return present.record(here, here.jobs.get(job, sees()))


@blueprint.get("/jobs/<job>/attempts")
@access(READ)
def attempts(job: str) -> Json:
    """Every try at running the job, the first one first, and what it came to."""
    here = services()
    return {"attempts": present.attempts(here, here.jobs.get(job, sees()))}


@blueprint.get("/jobs/<job>/log")
@access(READ)
def log(job: str) -> Response:
    """Bytes of a log, by offset or as a tail; may be held until there is more."""
    known_query("stream", "offset", "limit", "tail", "wait", "attempt")
    here = services()
    row = here.jobs.get(job, sees())
    attempt = whole_number("attempt", 0, 1, max(1, row["attempt"])) if "attempt" in request.args else None
    stream = choice("stream", "stdout", STREAMS)
    most = whole_number("limit", _MOST_LOG, 1, _MOST_LOG)
    if "tail" in request.args and "offset" in request.args:
        raise InvalidRequest("A log is read by `offset` or by `tail`, not by both.")
    offset = whole_number("offset", 0, 0, 2**62)
    found = log_of(here, row, stream, attempt) if "tail" in request.args else None
    if found:
        offset = found.tail(whole_number("tail", 100, 1, 1_000_000))

    def render(found: tuple[bytes, bool] | None) -> Response:
        data, ended = found or (b"", False)
        headers = {"Landbridge-Offset": str(offset + len(data))} | ({"Landbridge-Log-End": "true"} if ended else {})
        return Response(data, content_type="text/plain; charset=utf-8", headers=headers)

    wait = seconds("wait", LONGEST_WAIT)
    return answer_when(lambda: _log_part(here, job, stream, offset, most, attempt), render, wait, [job])


def _log_part(
    here: Services, job: str, stream: str, offset: int, most: int, attempt: int | None
) -> tuple[bytes, bool] | None:
    """Bytes from ``offset``, and whether no more will come; None when there are none yet."""
    # Asked before reading: what was written before the end is then read as well.
    current = here.jobs.get(job)
    log = log_of(here, current, stream, attempt)
    over = State(current["state"]).ended and (current["sweep"] is not None or _exited(here, current))
    over = over or (attempt is not None and attempt < current["attempt"])
    if log is None:
        return (b"", True) if over else None
    data, size = log.read(offset, most)
    ended = over and offset + len(data) >= size
    return (data, ended) if data or ended else None


def _exited(here: Services, row: Row) -> bool:
    attempt = here.jobs.attempt_of(row)
    return attempt is None or attempt["state"] == "exited"


def _one(here: Services, row: Row, beside: Beside | None = None) -> Json:
    return {"job": present.whole(here, row, beside=beside), "cursor": row["cursor"]}
