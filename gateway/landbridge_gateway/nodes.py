"""Walking the JSON nodes of values and tasks: which jobs and objects they name. Nothing is opened. No IO."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from landbridge_gateway.model import Json

Items = list[list[Any]]
NEW = "new:"


class NoSuchPart(Exception):
    """A path leads nowhere in a job's result; the message is a sentence."""


def walk(node: Json) -> Iterator[Json]:
    """The node and every node inside it."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if current.get("kind") == "list":
            stack.extend(item for _, item in current.get("items", []))


def nodes_of(task: Json, values: Json) -> Iterator[Json]:
    """Every node of a submission: its arguments, and what its function captured."""
    for _, node in values["items"]:
        yield from walk(node)
    for free in _captured(task["function"]):
        yield from walk(free["value"])


def _captured(function: Json) -> Iterator[Json]:
    stack = [function]
    while stack:
        for free in stack.pop().get("free") or []:
            if "value" in free:
                yield free
            elif "source" in free:
                stack.append(free["source"])


def frames_of(name: str, node: Json) -> Iterator[tuple[str, Json]]:
    """The frames inside a value, each with its path: names, or positions from 1, joined by dots."""
    if node["kind"] == "frame":
        yield name, node
    elif node["kind"] == "list":
        for position, (key, item) in enumerate(node["items"], 1):
            yield from frames_of(f"{name}.{key or position}", item)


def jobs_in(nodes: Iterable[Json]) -> set[str]:
    return {node["job"] for node in nodes if node["kind"] == "job"}


def objects_in(nodes: Iterable[Json]) -> set[str]:
    return {node["object"] for node in nodes if isinstance(node.get("object"), str)}


def resolved(task: Json, values: Json, results: Mapping[str, Json]) -> tuple[Json, Json]:
    """The task and its values with every job replaced by that job's result, or the part of it that is named."""

    def replace(node: Json) -> Json:
        if node["kind"] == "job":
            return part_of(results[node["job"]], node.get("path") or [], node["job"])
        return node

    def in_function(function: Json) -> Json:
        free = [
            entry
            | ({"value": rewritten(entry["value"], replace)} if "value" in entry else {})
            | ({"source": in_function(entry["source"])} if "source" in entry else {})
            for entry in function.get("free") or []
        ]
        return function | ({"free": free} if free else {})

    items = [[key, rewritten(node, replace)] for key, node in values["items"]]
    return task | {"function": in_function(task["function"])}, values | {"items": items}


def rewritten(node: Json, change: Callable[[Json], Json]) -> Json:
    """A copy of the tree of nodes in which ``change`` was applied to each leaf and each list."""
    if node["kind"] == "list":
        node = node | {"items": [[key, rewritten(item, change)] for key, item in node["items"]]}
    return change(node)


def part_of(node: Json, path: Iterable[str | int], job: str) -> Json:
    """Follow keys and zero-based positions into lists."""
    for step in path:
        items = node["items"] if node["kind"] == "list" else None
        if items is None:
            raise NoSuchPart(f"The result of {job} has no part `{step}`: it is of kind {node['kind']} there.")
        if isinstance(step, str):
            found = [item for key, item in items if key == step]
        else:
            found = [items[step][1]] if -len(items) <= step < len(items) else []
        if not found:
            names = ", ".join(f"`{key}`" for key, _ in items if key is not None) or f"{len(items)} items without names"
            raise NoSuchPart(f"The result of {job} has no part `{step}`; it has {names}.")
        node = found[0]
    return node
