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
        stack.extend(part for _, part in _parts(current))


def _parts(node: Json) -> Iterator[tuple[str, Json]]:
    """The nodes right inside a node, each with its path: a list's items, and what a frame of R has beside it."""
    if node.get("kind") == "list":
        for position, (_, item) in enumerate(node.get("items", [])):
            yield f".items[{position}][1]", item
    if node.get("kind") == "frame":
        for path in SIDES:
            side = _at(node, path)
            if side is not None:
                yield f".{'.'.join(path)}", side


# Where a frame's descriptor, or the hint in it, has the object with attributes that only R can read.
SIDES = (("descriptor", "library", "r", "side"), ("descriptor", "hint", "library", "r", "side"))


def _at(node: Any, path: tuple[str, ...]) -> Json | None:
    for step in path:
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _replaced(node: Json, path: tuple[str, ...], part: Json) -> Json:
    step, *rest = path
    return node | {step: _replaced(node[step], tuple(rest), part) if rest else part}


def natives_of(task: Json, values: Json) -> Iterator[tuple[str, Json]]:
    """Every native node of a submission, with its path in the body."""
    for position, (_, node) in enumerate(values["items"]):
        yield from natives_in(f"values.items[{position}][1]", node)
    functions = [("task.function", task["function"])]
    while functions:
        path, function = functions.pop()
        for position, free in enumerate(function.get("free") or []):
            if "value" in free:
                yield from natives_in(f"{path}.free[{position}].value", free["value"])
            elif "source" in free:
                functions.append((f"{path}.free[{position}].source", free["source"]))


def natives_in(path: str, node: Json) -> Iterator[tuple[str, Json]]:
    """Every native node in a value that stands at ``path``, with its own path."""
    stack = [(path, node)]
    while stack:
        path, node = stack.pop()
        if node["kind"] == "native":
            yield path, node
        stack.extend((path + step, part) for step, part in _parts(node))


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


# One of these stands in the JSON of each node that names a job, an object or a picture.
_NAMING = ('"job"', '"object"', '"native"')


def names_nothing(text: str) -> bool:
    """Does nothing in the nodes of this JSON, as ``json.dumps`` writes it, name anything? False where it may."""
    return not any(word in text for word in _NAMING)


def jobs_in(nodes: Iterable[Json]) -> set[str]:
    return {node["job"] for node in nodes if node["kind"] == "job"}


def objects_in(nodes: Iterable[Json]) -> set[str]:
    """The objects that nodes name: their own, and the pictures of native objects."""
    return {reference for node in nodes for reference in references(node)}


def references(node: Json) -> list[str]:
    named = [node.get("object"), *([picture_of(node)] if node["kind"] == "native" else [])]
    return [reference for reference in named if isinstance(reference, str)]


def picture_of(node: Json) -> str | None:
    """The object that shows a native object as a picture, if there is one."""
    return (node.get("summary") or {}).get("picture")


def with_references(node: Json, change: Callable[[str], str]) -> Json:
    """The node with each object that it names replaced."""
    if isinstance(node.get("object"), str):
        node = node | {"object": change(node["object"])}
    picture = picture_of(node) if node["kind"] == "native" else None
    return node | {"summary": node["summary"] | {"picture": change(picture)}} if picture else node


def resolved(task: Json, values: Json, results: Mapping[str, Json]) -> tuple[Json, Json]:
    """The task and its values with every job replaced by that job's result, or the part of it that is named."""

    def in_function(function: Json) -> Json:
        free = [
            entry
            | ({"value": resolved_node(entry["value"], results)} if "value" in entry else {})
            | ({"source": in_function(entry["source"])} if "source" in entry else {})
            for entry in function.get("free") or []
        ]
        return function | ({"free": free} if free else {})

    items = [[key, resolved_node(node, results)] for key, node in values["items"]]
    return task | {"function": in_function(task["function"])}, values | {"items": items}


def resolved_node(node: Json, results: Mapping[str, Json]) -> Json:
    """A value with every job in it replaced by its result. Raises :class:`NoSuchPart`."""

    def replace(inner: Json) -> Json:
        if inner["kind"] == "job":
            return part_of(results[inner["job"]], inner.get("path") or [], inner["job"])
        return inner

    return rewritten(node, replace)


def rewritten(node: Json, change: Callable[[Json], Json]) -> Json:
    """A copy of the tree of nodes in which ``change`` was applied to each leaf and each list."""
    if node["kind"] == "list":
        node = node | {"items": [[key, rewritten(item, change)] for key, item in node["items"]]}
    for path in SIDES if node["kind"] == "frame" else ():
        side = _at(node, path)
        if side is not None:
            node = _replaced(node, path, rewritten(side, change))
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
