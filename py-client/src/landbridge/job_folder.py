"""The folder of a job as its worker sees it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from landbridge.kinds import Json
from landbridge.objects import OURS, Crossing, FolderSource

_FIELDS: dict[str, tuple[str, ...]] = {
    "null": (),
    "scalar": ("type",),
    "vector": ("type", "n"),
    "array": ("type", "shape", "order"),
    "list": ("shape", "items"),
    "frame": ("object", "rows", "columns", "descriptor"),
    "native": ("object", "language", "codec"),
    "file": ("object", "name"),
}


class NotUnderstood(Exception):
    """The folder breaks the contract; the message is one line."""


class JobFolder:
    """A folder that was looked over: whatever is in it is known before any output is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.out = path / "out"
        self.inputs = path / "in"
        self.document = _read(path / "job.json")
        self._process = os.getpid()
        self._check()

    def _check(self) -> None:
        if not (self.out / "objects").is_dir() or not (self.out / "files").is_dir():
            raise NotUnderstood("out/objects or out/files is missing")
        try:
            if self.document["protocol"] != 1:
                raise NotUnderstood(f"the protocol is {self.document['protocol']!r}, not 1")
            if self.document["task"]["language"] != "python":
                raise NotUnderstood(f"the language is {self.document['task']['language']!r}, not 'python'")
            self.document["job"], self.document["attempt"], int(self.document["seed"])
            source = FolderSource(self.inputs)
            for node in self._every_node():
                if node["kind"] not in _FIELDS:
                    raise NotUnderstood(f"a value is of the unknown kind {node['kind']!r}")
                for field in _FIELDS[node["kind"]]:
                    node[field]
                if "object" in node:
                    source.path(node["object"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NotUnderstood(f"job.json is not of the contract ({type(error).__name__}: {error})") from None
        except FileNotFoundError as error:
            raise NotUnderstood(str(error)) from None

    def _every_node(self) -> Iterator[Json]:
        yield from nodes_of(self.document)
        for point in self.document.get("points") or []:
            point["job"], int(point["point"]), int(point["seed"])
            for node in point["values"]:
                yield from _within(node)

    @property
    def is_sweep(self) -> bool:
        """Does it hold points of a sweep, or one job?"""
        return "points" in self.document

    def publish(self, name: str, document: Json) -> None:
        """Write ``out/<name>`` whole or not at all."""
        text = json.dumps(document, allow_nan=False, separators=(",", ":"))
        draft = self.out / ".draft"
        if not self._written(draft, text):
            draft = self.out / f".{name}.{os.getpid()}.tmp"
            draft.write_text(text)
        draft.rename(self.out / name)

    def _written(self, draft: Path, text: str) -> bool:
        """Into the file that is there for it: to make one takes a file system up to a millisecond."""
        if os.getpid() != self._process:
            return False  # a child that user code forked
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        with os.fdopen(descriptor, "w") as file:
            if os.fstat(descriptor).st_size:
                return False  # cut short by what interrupted it
            file.write(text)
        return True


def nodes_of(document: Json) -> Iterator[Json]:
    """Every node of a job: its arguments, what its functions captured, and what is inside lists.

    Of a sweep those that all points have in common: a point's own stand with the point.
    """
    stack = [node for _, node in document["values"]["items"] if not is_each(node, document)]
    functions = [document["task"]["function"]]
    while functions:
        function = functions.pop()
        if function["type"] not in ("source", "reference", "script", "session"):
            raise NotUnderstood(f"the function is of the unknown type {function['type']!r}")
        for free in function.get("free") or []:
            stack += [free["value"]] if "value" in free else []
            functions += [free["source"]] if "source" in free else []
    for node in stack:
        yield from _within(node)


def is_each(node: Json, document: Json) -> bool:
    """Is an argument of a sweep one that differs from point to point?"""
    return node["kind"] == "each" and "points" in document


def _within(node: Json) -> Iterator[Json]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += [item for _, item in node["items"]] if node["kind"] == "list" else []


def frames_in(node: Json) -> list[Json]:
    """The frames of a value, those inside lists included."""
    return [one for one in _within(node) if one["kind"] == "frame"]


def crossing_of(document: Json, own: Sequence[Json] = ()) -> Crossing:
    """What becomes of the values that a job gives away; ``own`` are the values of a point of a sweep."""
    frames = [node for node in nodes_of(document) if node["kind"] == "frame"]
    frames += [frame for node in own for frame in frames_in(node)]
    return Crossing(
        on_loss=document["task"].get("on_loss") or "warn",
        decimal=document["task"].get("decimal") or "double",
        given=[node for node in frames if node["descriptor"].get("class") not in OURS],
    )


def _read(path: Path) -> Json:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise NotUnderstood(f"job.json cannot be read ({error})") from None
    if not isinstance(document, dict):
        raise NotUnderstood("job.json is no JSON object")
    return document


_LIBRARIES = ("pyarrow", "numpy", "pandas", "polars", "duckdb")


def versions() -> dict[str, str]:
    """Python, pyarrow, and the libraries of data that are loaded; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        if library == "pyarrow" or library in sys.modules:
            version = _version(library)
            if version:
                found[library] = version
    return found


@cache
def _version(library: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(library)
    except PackageNotFoundError:
        return None
