"""From the body of a batch to a sweep and its points: every reference checked, every point made one job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from landbridge_gateway.errors import InvalidField
from landbridge_gateway.model import Json, new_ids
from landbridge_gateway.nodes import jobs_in, natives_in, objects_in, walk
from landbridge_gateway.store.jobs import NewJob
from landbridge_gateway.store.sweeps import NewPoint
from landbridge_gateway.web.access import Caller
from landbridge_gateway.web.natives import check_natives
from landbridge_gateway.web.services import Services
from landbridge_gateway.web.submission import check_inputs, check_objects, new_job, refuse_retries

_NUMBERS = (int, float, type(None))


def new_sweep(services: Services, body: Json, caller: Caller, key: str | None) -> tuple[NewJob, list[NewPoint]]:
    """Check a batch; whatever is wrong is an error that names the field."""
    services.schemas.check("batch", body)
    function = body["task"]["function"]["type"]
    if function in ("script", "session"):
        raise InvalidField(f"A {function} cannot be a sweep.", "Give a function.", field="task.function.type")
    if body["task"].get("session"):
        raise InvalidField("A sweep cannot run in a session.", "Submit it by itself.", field="task.session")
    refuse_retries(body["task"], "A point of a sweep")
    _check_columns(body)
    new = new_job(services, body, caller, key)
    points = list(_points(services, body["points"], caller))
    # What a point names must be there with the sweep, long before that point is stored.
    named = _named(body["points"])
    # It is queued when its points are stored, which is not the work of one commit.
    return replace(new, objects=sorted({*new.objects, *objects_in(named)}), ready=False), points


def _named(table: Json) -> list[Json]:
    """Every node of the columns that have any."""
    columns = [column for column in table["columns"] if column["kind"] == "list"]
    return [inner for column in columns for _, node in column["items"] for inner in walk(node)]


def _check_columns(body: Json) -> None:
    columns, n = body["points"]["columns"], body["points"]["n"]
    used = {node["column"] for _, node in body["values"]["items"] if node["kind"] == "each"}
    for position, (_, node) in enumerate(body["values"]["items"]):
        if node["kind"] == "each" and node["column"] >= len(columns):
            field = f"values.items[{position}][1].column"
            raise InvalidField(f"`{field}` is {node['column']}, and there are {len(columns)} columns.", field=field)
    for number, column in enumerate(columns):
        field = f"points.columns[{number}]"
        length = len(column["values"] if column["kind"] == "vector" else column["items"])
        if length != n:
            raise InvalidField(f"`{field}` has {length} entries, and there are {n} points.", field=field)
        if number not in used:
            raise InvalidField(f"`{field}` is the value of no argument.", "Leave it out, or use it.", field=field)


def _points(services: Services, table: Json, caller: Caller) -> Iterator[NewPoint]:
    for number, column in enumerate(table["columns"]):
        if column["kind"] == "list":
            _check_nodes(services, f"points.columns[{number}]", column["items"], caller)
    # Of a vector's values none is a job.
    lists = [[node for _, node in column["items"]] for column in table["columns"] if column["kind"] == "list"]
    values = zip(*map(_texts, table["columns"]), strict=True) if table["columns"] else repeat(())
    # In order, so that what is told of points that run one after another stands together in each index.
    ids = sorted(new_ids("job", table["n"]))
    for point, (job, own) in enumerate(zip(ids, values, strict=False)):
        inputs = sorted(jobs_in(inner for nodes in lists for inner in walk(nodes[point]))) if lists else ()
        yield NewPoint(job, f"[{', '.join(own)}]", inputs)


def _check_nodes(services: Services, field: str, items: list[list[Json]], caller: Caller) -> None:
    nodes = [inner for _, node in items for inner in walk(node)]
    # One job may be the value of many points, which wait for it together.
    check_inputs(services, jobs_in(nodes), caller.sees)
    check_objects(services, objects_in(nodes), caller.sees)
    natives = (found for position, (_, node) in enumerate(items) for found in natives_in(f"{field}[{position}]", node))
    check_natives(services, natives, caller)


def _texts(column: Json) -> Iterator[str]:
    """The node of each point, as JSON."""
    if column["kind"] == "list":
        return (json.dumps(node) for _, node in column["items"])
    about = {"kind": "scalar", "type": column["type"]} | ({"tags": column["tags"]} if column.get("tags") else {})
    head, values = json.dumps(about)[:-1], column["values"]
    missing = f'{head}, "na": true}}'
    texts = zip(values, _each(values), strict=True)
    return (missing if value is None else f'{head}, "value": {text}}}' for value, text in texts)


def _each(values: list[Any]) -> list[str]:
    """The JSON of each value. That of plain numbers has no comma, and so is written in one go."""
    if values and all(isinstance(value, _NUMBERS) for value in values):
        return json.dumps(values)[1:-1].split(", ")
    return [json.dumps(value) for value in values]
