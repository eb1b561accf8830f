"""One job: its error first, then its result, what it reported, its logs, its environment, where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request

from landbridge_gateway.depot.logs import STREAMS, Log
from landbridge_gateway.errors import NotFound
from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Row
from landbridge_gateway.web import present
from landbridge_gateway.web.access import READ, WRITE, access, sees
from landbridge_gateway.web.body import whole_number
from landbridge_gateway.web.cancelling import cancel_job
from landbridge_gateway.web.logs import log_of
from landbridge_gateway.web.pages.sweep import points_shown
from landbridge_gateway.web.services import Services, services

blueprint = Blueprint("pages_job", __name__)
_LOG_LINES = 200
_MOST_LOG = 256 * 1024
_MOST_CALLS = 100
_MOST_CELLS = 4000  # of the tables and lists of one section: a page is looked at, and a browser has to hold it
_MOST_SHOWN = 200  # files whose digests are shown
_LARGE_LOG = 4 * 1024**2  # a browser that shows it takes many times as much memory; beyond this it is a download
_PIECE = 1024**2


@blueprint.get("/jobs/<job>")
@access(READ)
def page(job: str) -> str:
    here = services()
    row = here.jobs.get(job, sees())
    shown = present.whole(here, row)
    record = present.record(here, row)
    return render_template(
        "job.html",
        job=shown,
        record=record,
        metrics=_by_name(record["metrics"]),
        verdicts=_verdicts(record["fidelity"]),
        logs=[_tail(here, row, stream) for stream in STREAMS],
        history=_history(here.jobs.events_of(job)),
        inputs=here.jobs.brief(here.jobs.inputs(job)),
        users=here.jobs.brief(here.jobs.used_by(job)[:50]),
        held=shown["function"]["type"] == "session",
        calls=here.jobs.calls(job, _MOST_CALLS),
        points=points_shown(here, row),
        digests=_digests(here, record),
        most_cells=_MOST_CELLS,
        attempts=present.attempts(here, row) if row["sweep"] is None and row["unassigned"] is None else [],
        cursor=row["cursor"],
        live=shown["ended"] is None,
    )


@blueprint.get("/jobs/<job>.json")
@access(READ)
def twin(job: str) -> Json:
    here = services()
    row = here.jobs.get(job, sees())
    shown: Json = {"job": present.whole(here, row), "record": present.record(here, row)}
    shown["attempts"] = present.attempts(here, row)
    points = points_shown(here, row)
    return shown | {"points": points} if points else shown


@blueprint.get("/jobs/<job>/<stream>.txt")
@access(READ)
def log(job: str, stream: str) -> Response:
    here = services()
    row = here.jobs.get(job, sees())
    if stream not in STREAMS:
        raise NotFound(f"There is no log `{stream}`.", f"There are: {', '.join(STREAMS)}.")
    attempt = whole_number("attempt", 0, 1, max(1, row["attempt"])) if "attempt" in request.args else None
    found = log_of(here, row, stream, attempt)
    size = found.read(0, 0)[1] if found else 0
    answer = Response(_whole_log(found, size) if found else b"", content_type="text/plain; charset=utf-8")
    if size > _LARGE_LOG:
        answer.headers.set("Content-Disposition", "attachment", filename=f"{job}.{stream}.txt")
    return answer


def _whole_log(log: Log, size: int) -> Iterator[bytes]:
    """All that was there when it was asked for, piece by piece."""
    offset = 0
    while offset < size:
        data, _ = log.read(offset, min(_PIECE, size - offset))
        if not data:
            return
        yield data
        offset += len(data)


@blueprint.post("/jobs/<job>/cancel")
@access(WRITE)
def cancel(job: str) -> Any:
    cancel_job(services(), job, sees())
    return redirect(f"/jobs/{job}", 303)


@blueprint.post("/jobs/<job>/end")
@access(WRITE)
def end(job: str) -> Any:
    here = services()
    here.jobs.request_end(job, sees())
    here.scheduler.wake()
    return redirect(f"/jobs/{job}", 303)


def _by_name(metrics: Iterable[Json]) -> list[Json]:
    """Each metric with its last value and its curve."""
    found: dict[str, list[Json]] = {}
    for point in metrics:
        found.setdefault(point["name"], []).append(point)
    return [{"name": name, "last": points[-1], "points": points} for name, points in found.items()]


def _verdicts(fidelity: list[Json]) -> Json:
    """What of the columns to show: those that changed on some step, lossy ones first, and the exact ones by value."""
    changed = [entry for entry in fidelity if entry["verdict"] != "exact"]
    places = {(entry["value"], entry["column"]) for entry in changed}
    exact: dict[str, list[str]] = {}
    for value, column in dict.fromkeys((entry["value"], entry["column"]) for entry in fidelity):
        if (value, column) not in places:
            exact.setdefault(value, []).append(column)
    changed.sort(key=lambda entry: entry["verdict"] != "lossy")
    return {"changed": changed, "exact": exact, "count": sum(map(len, exact.values()))}


def _history(events: Iterable[Json]) -> list[Json]:
    """One entry for each state; of what it waited for, the last that was told."""
    found: list[Json] = []
    for event in events:
        if found and found[-1]["state"] == event["state"]:
            found[-1] = found[-1] | {"note": event["note"] or found[-1]["note"]}
        else:
            found.append(event)
    return found


def _tail(here: Services, row: Row, stream: str) -> Json:
    found = log_of(here, row, stream)
    if found is None:
        return {"stream": stream, "text": "", "size": 0, "from": 0, "shown": 0}
    start = found.tail(_LOG_LINES, _MOST_LOG)
    data, size = found.read(start, _MOST_LOG)
    text = data.decode("utf-8", "replace")
    return {"stream": stream, "text": text, "size": size, "from": start, "shown": len(data)}


def _digests(here: Services, record: Json) -> dict[str, str | None]:
    return {file["object"]: here.objects.get(file["object"])["digest"] for file in record["files"][:_MOST_SHOWN]}
