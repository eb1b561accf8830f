"""A sweep's worker: the points of its folder one after another, each as if it were alone.

Where nothing that points have in common can be changed in place they run in this process, each in a namespace of its
own; else each runs in a fork.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from landbridge import in_job
from landbridge.forks import in_fork
from landbridge.given_values import GivenValues
from landbridge.job_folder import JobFolder, crossing_of, is_each, versions
from landbridge.kinds import Json
from landbridge.objects import Crossing, FolderSink, FolderSource
from landbridge.process_state import ProcessState
from landbridge.program import SourceProgram, referenced, user_module
from landbridge.seeds import seed_generators
from landbridge.traces import describe
from landbridge.values import decode, encode
from landbridge.wanted_frames import check_wanted

_PLAIN = ("null", "scalar")


class Runner(Protocol):
    """What the worker of a single job does as well."""

    warnings: list[Json]

    def hear_warnings(self) -> None: ...
    def tell_received(self, label: str, node: Json) -> None: ...
    def show(self, error: BaseException) -> None: ...
    def finished(self, call: Callable[[], Any]) -> Any: ...


class SweepWorker:
    """Runs the points of a folder; only what keeps them all from beginning is an error of the folder itself."""

    def __init__(self, folder: JobFolder, runner: Runner) -> None:
        self._folder, self._runner = folder, runner
        self._function = folder.document["task"]["function"]
        self._items = folder.document["values"]["items"]
        self._common: dict[int, Any] = {}
        self._wanted = folder.document["task"].get("as")
        self._source = FolderSource(folder.inputs, folder.out / "objects")
        self._arguments = FolderSource(folder.inputs, folder.out / "objects", self._wanted)
        self._program = SourceProgram(self._decode)
        self._ends = (0, 0)
        self._forks = False
        self._crossing = Crossing()

    def run(self) -> int:
        """The process's exit code."""
        self._runner.hear_warnings()
        in_job.know(str(self._folder.path), self._folder.document)
        try:
            self._load()
        except BaseException as error:  # noqa: BLE001 - whatever keeps all points from beginning is the sweep's error
            self._runner.show(error)
            self._folder.publish("error.json", describe(error, self._runner.warnings))
            return 0
        self._ends = _log_sizes()
        self._forks = self._can_change()
        self._crossing = crossing_of(self._folder.document)
        for point in self._points():
            self._begin(point)
            if self._forks:
                self._in_fork(point)
            else:
                self._here(point)
        os.environ.pop(in_job.POINT, None)
        self._folder.publish("result.json", {"kind": "null"})
        return 0

    def _load(self) -> None:
        """Make the function and decode what points have in common, once: a fault of either is told before any point."""
        try:
            check_wanted(self._wanted)
            self._define(self._program)
            for position, (key, node) in enumerate(self._items):
                if is_each(node, self._folder.document):
                    continue
                self._runner.tell_received(key or str(position + 1), node)
                # A connection to DuckDB is no fork's: each point has its own.
                if self._wanted != "duckdb":
                    self._common[position] = decode(node, self._arguments, trust=True)
        finally:
            in_job.append("started", versions=versions())

    def _can_change(self) -> bool:
        common = [node for _, node in self._items if not is_each(node, self._folder.document)]
        return any(node["kind"] not in _PLAIN for node in common + list(_captured(self._function)))

    def _points(self) -> Iterator[Json]:
        """Those that are still to be run when their turn comes."""
        recall, cancelled = self._folder.inputs / "recall", self._folder.inputs / "cancelled"
        for point in self._folder.document["points"]:
            if recall.exists():
                return
            if not (cancelled.exists() and (cancelled / str(point["point"])).exists()):
                yield point

    def _begin(self, point: Json) -> None:
        os.environ[in_job.POINT] = str(point["point"])
        out, err = self._ends
        in_job.append("point", stdout=[out, out], stderr=[err, err])

    def _here(self, point: Json) -> None:
        with ProcessState().put_back():
            outcome = self._outcome(point)
        self._tell(outcome)

    def _in_fork(self, point: Json) -> None:
        died = in_fork(lambda: self._tell(self._outcome(point)))
        if died is not None:
            self._tell({"died": died})
        self._ends = _log_sizes()

    def _tell(self, outcome: Json) -> None:
        _flush()
        (out, err), self._ends = self._ends, _log_sizes()
        in_job.append("outcome", **outcome, stdout=[out, self._ends[0]], stderr=[err, self._ends[1]])

    def _outcome(self, point: Json) -> Json:
        warnings = self._runner.warnings
        warnings.clear()
        try:
            return {"result": self._result(point)}
        except SystemExit as ended:
            return {"died": {"code": _code(ended.code)}}
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is the point's error
            document = describe(error, list(warnings))
            self._runner.show(error)
            return {"error": document}

    def _result(self, point: Json) -> Json:
        seed_generators(int(point["seed"]))
        crossing = self._crossing_of(point)
        arguments: list[Any] = []
        named: dict[str, Any] = {}
        for position, (key, node) in enumerate(self._items):
            if is_each(node, self._folder.document):
                node = point["values"][node["column"]]
                self._runner.tell_received(key or str(position + 1), node)
            known = position in self._common
            value = self._common[position] if known else decode(node, self._arguments, trust=True)
            if crossing.values is not None:
                crossing.values.remember(value, node)
            if key is None:
                arguments.append(value)
            else:
                named[key] = value
        user_module()
        call = self._define(self._program.anew())
        value = self._runner.finished(lambda: call(*arguments, **named))
        return encode(value, FolderSink(self._folder.out / "objects", crossing), "result")

    def _crossing_of(self, point: Json) -> Crossing:
        if not self._forks and all(node["kind"] in _PLAIN for node in point["values"]):
            return self._crossing
        crossing = crossing_of(self._folder.document, point["values"])
        crossing.values = GivenValues(self._arguments)
        return crossing

    def _define(self, program: SourceProgram) -> Callable[..., Any]:
        if self._function["type"] == "reference":
            found: Callable[..., Any] = referenced(self._function)
            return found
        made: Callable[..., Any] = program.define(self._function)
        return made

    def _decode(self, node: Json) -> Any:
        return decode(node, self._source, trust=True)


def _captured(function: Json) -> Iterator[Json]:
    """The values that a function brings along, and those of the functions that it uses."""
    for free in function.get("free") or []:
        if "value" in free:
            yield free["value"]
        elif "source" in free:
            yield from _captured(free["source"])


def _log_sizes() -> tuple[int, int]:
    """Of the two files that this process's output goes to."""
    return os.fstat(1).st_size, os.fstat(2).st_size


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # user code closed it


def _code(code: object) -> int:
    """The exit code that ``sys.exit()`` asked for."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 255
    sys.stderr.write(f"{code}\n")
    return 1
