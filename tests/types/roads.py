"""Frames of a Python client on their way: what `submit()` and `result()` do, with a folder in the gateway's place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landbridge.objects import Crossing, FolderSink, FolderSource
from landbridge.values import decode, encode

from tests.conformance.harness import Node, Outcome

Told = dict[str, str]


def sent(frame: Any, folder: Path, reader: str, on_loss: str = "allow") -> tuple[Outcome, Node]:
    """The frame as a client sends it to a job of `reader`, to be handed to `Forks.run`."""
    objects = folder / "out" / "objects"
    objects.mkdir(parents=True)
    node = encode(frame, FolderSink(objects, Crossing(reader, on_loss)), "x")
    return Outcome("python", 0, folder, ""), json.loads(json.dumps(node, allow_nan=False))


def returned(outcome: Outcome, node: Node | None = None) -> Any:
    """The result, or a part of it, as the client decodes it."""
    source = FolderSource(outcome.folder / "in", outcome.folder / "out" / "objects")
    return decode(outcome.result if node is None else node, source, trust=True)


def told(*steps: Outcome | Node) -> Told:
    """Verdict and reason of each column of which any step said that it is not exact, by the column's name."""
    found: Told = {}
    for step in steps:
        for column in _columns(step):
            if column.get("verdict", "exact") != "exact":
                found[column["name"]] = f"{column['verdict']}: {column['reason']}"
    return found


def _columns(step: Outcome | Node) -> Iterator[Node]:
    if isinstance(step, Outcome):
        for event in step.told("fidelity"):
            yield from event["columns"]
        if step.has_result:
            yield from _columns(step.result)
        return
    yield from step.get("columns", [])
    for _, part in step.get("items", []):
        yield from _columns(part)
