"""A sweep's points on its page: how many are in which state, and a table of what varies and what came of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import request

from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.model import Json, State
from landbridge_gateway.store.database import Row
from landbridge_gateway.web import present
from landbridge_gateway.web.body import whole_number
from landbridge_gateway.web.services import Services

_MOST = 50


def points_shown(here: Services, row: Row) -> Json | None:
    """The points that the query asks for (``state``, ``after``), and the ways to others; None for what is no sweep."""
    if row["unassigned"] is None:
        return None
    state = request.args.get("state")
    if state is not None and state not in list(State):
        raise InvalidRequest(f"`{state[:50]}` is not a state.", f"There are: {', '.join(State)}.")
    after = whole_number("after", -1, -1, 2**62)
    found = here.sweeps.page(row["id"], after, _MOST + 1, state)
    metrics = here.records.latest_metrics([point["job"] for point in found[:_MOST]])
    varied = [(key or str(position), node["column"]) for position, (key, node) in _varied(row)]
    return {
        "counts": here.sweeps.counts(row["id"]),
        "state": state,
        "names": [name for name, _ in varied],
        "metrics": sorted({name for told in metrics.values() for name in told}),
        "rows": [_told(here, point, varied, metrics[point["job"]]) for point in found[:_MOST]],
        "following": _address(row["id"], state, found[_MOST - 1]["point"]) if len(found) > _MOST else None,
        "first": _address(row["id"], state, None) if after >= 0 else None,
    }


def _varied(row: Row) -> list[tuple[int, list[Any]]]:
    items = enumerate(row["values"]["items"], 1)
    return [(position, item) for position, item in items if item[1]["kind"] == "each"]


def _told(here: Services, point: Row, varied: list[tuple[str, int]], metrics: Json) -> Json:
    about = {name: point[name] for name in ("point", "job", "state", "cause", "seconds", "error")}
    return about | {
        "values": [point["values"][column] for _, column in varied],
        "result": present.result(here, point["result"]),
        "metrics": metrics,
    }


def _address(sweep: str, state: str | None, after: int | None) -> str:
    fields = {name: value for name, value in (("state", state), ("after", after)) if value is not None}
    return f"/jobs/{sweep}" + (f"?{urlencode(fields)}" if fields else "")
