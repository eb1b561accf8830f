"""Jobs in the shape that the contract gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from flask.globals import request_ctx

from landbridge_gateway.environments.places import split_place
from landbridge_gateway.model import Json
from landbridge_gateway.nodes import NoSuchPart, frames_of, part_of
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.records import Beside
from landbridge_gateway.web.environments import packages_of
from landbridge_gateway.web.natives import signed
from landbridge_gateway.web.services import Services

_SHARED = (
    *("id", "owner", "name", "language", "runtime", "experiment", "state", "cause", "note", "seed"),
    *("limits", "attempt", "submitted", "started", "ended", "session", "sweep", "point"),
)
_WHOLE = ("task", "values", "result", "error")


def briefs(services: Services, rows: Iterable[Row]) -> list[Json]:
    """Jobs for a list: without task, values, result and error."""
    return [_brief(services, row) for row in rows]


def whole(services: Services, row: Row, host: str | None = None, beside: Beside | None = None) -> Json:
    """One job with everything. ``host`` is the gateway's address where no request tells it, ``beside`` what is known to
    stand beside the job.
    """
    job = row["id"]
    if not row["ended"]:  # with its end came all that it had reported by then
        _bring_up_to_date(services, row)
    told = _brief(services, row, host, beside) | {name: row[name] for name in _WHOLE}
    counts = services.sweeps.counts(job) if row["unassigned"] is not None else None
    return told | {"result": result(services, row["result"]), "points": counts}


def result(services: Services, node: Json | None) -> Json | None:
    """A result as it is handed out: with this gateway's signature on what a job made."""
    return signed(services, node) if node else None


def result_text(services: Services, text: str | None) -> str:
    """The same for a result that is stored as ``text``, as JSON: read only where there may be anything to sign."""
    if text is None:
        return "null"
    return json.dumps(result(services, json.loads(text))) if '"native"' in text else text


def _bring_up_to_date(services: Services, row: Row) -> None:
    # What a sweep's workers tell of its points is the scheduler's to take in.
    if row["attempt"] and row["sweep"] is None and row["unassigned"] is None:
        services.collector.absorb(row["id"], row["attempt"], row["owner"])


def _brief(services: Services, row: Row, host: str | None = None, beside: Beside | None = None) -> Json:
    job = row["id"]
    function = row.get("function") or row["task"]["function"]
    beside = beside or services.records.beside(job, row["attempt"])
    return {name: row[name] for name in _SHARED} | {
        "runtime": split_place(row["runtime"])[0],
        "seconds": _seconds(row),
        "tags": beside.tags,
        "url": f"{host or address()}jobs/{job}",
        "function": {"type": function["type"], "name": function.get("name")},
        "environment": _environment(services, row),
        "progress": _without_kind(beside.progress),
        "warnings": [_warning(event) for event in beside.warnings],
    }


def address() -> str:
    """Where this gateway is, as the request has it."""
    # As request.host_url, which takes longer than all else that is said of a job here.
    asked = request_ctx.request
    return f"{asked.scheme}://{asked.host}/"


def _seconds(row: Row) -> float | None:
    if row["seconds"] is not None:
        return float(row["seconds"])
    return seconds_between(row["started"], row["ended"] or timestamp())


def _environment(services: Services, row: Row) -> Json | None:
    attempt = services.jobs.attempt_of(row)
    if attempt is None:
        return None
    warm = None if attempt["warm"] is None else bool(attempt["warm"])
    about = {name: attempt[name] for name in ("image", "versions")} | {"runtime": split_place(attempt["runtime"])[0]}
    packages = {"id": attempt["environment"]} if attempt["environment"] else {}
    return about | {"warm": warm} | packages


def attempts(services: Services, row: Row) -> list[Json]:
    """Each try at running a job. Of the last one it is the job's own end that tells what it came to."""
    if row["sweep"]:
        found = services.jobs.attempt_of(row)
        return [_attempt(found, row, 1, None)] if found else []
    rows = services.jobs.attempts(row["id"])
    return [_attempt(one, row, one["number"], one["outcome"]) for one in rows]


def _attempt(found: Row, row: Row, number: int, outcome: Json | None) -> Json:
    last = number == row["attempt"] or bool(row["sweep"])
    came_to = outcome or ({name: row[name] for name in ("state", "cause", "error")} if last else _NEVER_BEGAN)
    error, exited = came_to.get("error") or {}, found["exit"] or {}
    usage = exited.get("usage") or {}
    return {
        "number": number,
        "state": came_to["state"],
        "cause": came_to.get("cause"),
        "message": error.get("message"),
        "created": found["created"],
        "exited": found["exited"],
        "seconds": seconds_between(found["created"], found["exited"]),
        "exit_code": exited.get("code"),
        "memory_peak": usage.get("peak"),
        "memory_limit": usage.get("limit"),
        "oom_kills": usage.get("oom_kills"),
        "image": found["image"],
        "late": came_to.get("late"),
    }


# Its container was never there, so it did nothing, and another one was begun in its place.
_NEVER_BEGAN: Json = {"state": "superseded", "error": {"message": "It never began."}}


def _warning(event: Json) -> Json:
    return {"message": event["message"], "category": event.get("category"), "call": event.get("call")}


def record(services: Services, row: Row) -> Json:
    """What the job reported, up to date while it runs."""
    job, number = row["id"], row["attempt"]
    _bring_up_to_date(services, row)
    reports, beside = services.records.reports, services.records.beside(job, number)
    return {
        "metrics": services.records.metrics(job, number),
        "params": services.records.params(job, number),
        "tags": beside.tags,
        "progress": _without_kind(beside.progress),
        "messages": [{"text": event["text"], "at": event["at"]} for event in reports(job, number, "message")],
        "warnings": [_warning(event) for event in beside.warnings],
        "artifacts": _latest(
            {"name": event["name"], "value": signed(services, event["value"])}
            for event in reports(job, number, "artifact")
        ),
        "files": _latest(
            {name: event.get(name) for name in ("name", "object", "media_type", "size")}
            for event in reports(job, number, "file")
        ),
        "packages": packages_of(services, row),
        "fidelity": _fidelity(services, row),
        "stages": _stages(services, row),
    }


def _stages(services: Services, row: Row) -> list[Json]:
    """How long each stage of the job's way took, in seconds, as far as it has come."""
    at = {event["state"]: event["at"] for event in reversed(services.jobs.events_of(row["id"]))}
    attempt = None if row["sweep"] else services.jobs.attempt_of(row)
    begun, exited = (attempt["created"], attempt["exited"]) if attempt else (None, None)
    running, ended = row["started"], row["ended"]
    spans = (
        ("waiting", row["submitted"], at.get("queued")),
        ("queued", at.get("queued"), begun),
        ("starting", begun, running),
        ("running", running, ended),
        ("leaving", ended if running else None, exited),
    )
    return [{"stage": name, "seconds": seconds_between(start, end)} for name, start, end in spans if start and end]


def _fidelity(services: Services, row: Row) -> list[Json]:
    """What each column of each table became on its way: told by who sent it, and by the job that received it."""
    found = [entry for name, node in _arguments(services, row) for entry in _sent(name, node)]
    for event in services.records.reports(row["id"], row["attempt"], "fidelity"):
        for column in event["columns"]:
            found.append(_verdict(event["value"], column, "received"))
    return found + (_sent("result", row["result"]) if row["result"] else [])


def _arguments(services: Services, row: Row) -> Iterator[tuple[str, Json]]:
    for position, (key, node) in enumerate(row["values"]["items"], 1):
        if node["kind"] == "job":
            given = services.jobs.get(node["job"])["result"]
            if given is None:
                continue
            with suppress(NoSuchPart):
                yield key or str(position), part_of(given, node.get("path") or [], node["job"])
        else:
            yield key or str(position), node


def _sent(name: str, value: Json) -> list[Json]:
    return [_verdict(path, column, "sent") for path, frame in frames_of(name, value) for column in frame["columns"]]


def _verdict(value: str, column: Json, step: str) -> Json:
    verdict = column.get("verdict") or "exact"
    return {
        "value": value,
        "column": column["name"],
        "step": step,
        "verdict": verdict,
        "reason": column.get("reason"),
    }


def _latest(entries: Iterable[Json]) -> list[Json]:
    """What was saved again under the same name counts as it was last."""
    return list({entry["name"]: entry for entry in entries}.values())


def _without_kind(event: Json | None) -> Any:
    return {name: event.get(name) for name in ("done", "total", "message", "at")} if event else None
