"""A sweep's worker: the points of its folder one after another, each as if it were alone.

Where nothing that points have in common can be changed in place they run in this process, each in a namespace of its
own; else each runs in a fork, with what was made before it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from landbridge import in_job
from landbridge.forks import in_fork
from landbridge.given_values import GivenValues
from landbridge.job_folder import JobFolder, crossing_of, is_each, nodes_of, versions
from landbridge.kinds import Json
from landbridge.objects import Crossing, FolderSink, FolderSource
from landbridge.process_state import ProcessState
from landbridge.program import SourceProgram, referenced, user_module
from landbridge.seeds import seed_generators
from landbridge.traces import describe
from landbridge.values import decode, encode
from landbridge.wanted_frames import check_wanted

_PLAIN = ("null", "scalar")
# What these hold is no fork's: it waits there forever for threads that only the worker has. Each point loads its own.
_THREADED = ("polars", "duckdb")


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
        common = list(nodes_of(folder.document))
        self._forks = any(node["kind"] not in _PLAIN for node in common)
        self._loads_in_forks = any(self._is_threaded(node) for node in common)
        self._crossing = Crossing()

    def _is_threaded(self, node: Json) -> bool:
        libraries = {*(node.get("packages") or ())}
        if node["kind"] == "frame":
            libraries |= {self._wanted, node["descriptor"].get("class")}
        return not libraries.isdisjoint(_THREADED)

    def run(self) -> int:
        """The process's exit code."""
        self._runner.hear_warnings()
        in_job.know(str(self._folder.path), self._folder.document)
        if self._loads_in_forks:
            died = in_fork(self._begin)
            if died is not None:
                return int(died.get("code") or 128 + died.get("signal", 0))
        else:
            self._begin()
        if (self._folder.out / "error.json").exists():
            return 0
        self._ends = _log_sizes()
        self._crossing = crossing_of(self._folder.document)
        # What is there now no fork will free: to look through it would only copy its pages.
        gc.freeze()
        for point in self._points():
            self._begin_point(point)
            if self._forks:
                self._in_fork(point)
            else:
                self._here(point)
        os.environ.pop(in_job.POINT, None)
        self._folder.publish("result.json", {"kind": "null"})
        return 0

    def _begin(self) -> None:
        """A fault of the function or of what points have in common is told before any point, and is the folder's."""
        try:
            try:
                check_wanted(self._wanted)
                self._load(self._runner.tell_received)
            finally:
                in_job.append("started", versions=versions())
        except BaseException as error:  # noqa: BLE001 - whatever keeps all points from beginning is the sweep's error
            self._runner.show(error)
            self._folder.publish("error.json", describe(error, self._runner.warnings))

    def _load(self, received: Callable[[str, Json], None] | None = None) -> None:
        """Make the function, and decode what points have in common."""
        user_module()
        self._define(self._program)
        for position, (key, node) in enumerate(self._items):
            if not is_each(node, self._folder.document):
                if received is not None:
                    received(key or str(position + 1), node)
                self._common[position] = self._argument(node)

    def _points(self) -> Iterator[Json]:
        """Those that are still to be run when their turn comes."""
        recall, cancelled = self._folder.inputs / "recall", self._folder.inputs / "cancelled"
        for point in self._folder.document["points"]:
            if recall.exists():
                return
            if not (cancelled.exists() and (cancelled / str(point["point"])).exists()):
                yield point

    def _begin_point(self, point: Json) -> None:
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
        if self._loads_in_forks:
            self._load()
        seed_generators(int(point["seed"]))
        crossing = self._crossing_of(point)
        arguments: list[Any] = []
        named: dict[str, Any] = {}
        for position, (key, node) in enumerate(self._items):
            if is_each(node, self._folder.document):
                node = point["values"][node["column"]]
                self._runner.tell_received(key or str(position + 1), node)
            known = position in self._common
            value = self._common[position] if known else self._argument(node)
            if crossing.values is not None:
                crossing.values.remember(value, node)
            if key is None:
                arguments.append(value)
            else:
                named[key] = value
        call = self._define(self._program if self._forks else self._program_anew())
        value = self._finished(lambda: call(*arguments, **named))
        return encode(value, FolderSink(self._folder.out / "objects", crossing), "result")

    def _program_anew(self) -> SourceProgram:
        user_module()
        return self._program.anew()

    def _finished(self, call: Callable[[], Any]) -> Any:
        """What user code gives; a child process that it forked and that comes back from it ends here."""
        process = os.getpid()
        try:
            return self._runner.finished(call)
        finally:
            if os.getpid() != process:
                _end_child(sys.exception())

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

    def _argument(self, node: Json) -> Any:
        return decode(node, self._arguments, trust=True)


def _log_sizes() -> tuple[int, int]:
    """Of the two files that this process's output goes to."""
    return os.fstat(1).st_size, os.fstat(2).st_size


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # user code closed it


def _end_child(error: BaseException | None) -> None:
    code = _code(error.code) if isinstance(error, SystemExit) else int(error is not None)
    _flush()
    os._exit(code)


def _code(code: object) -> int:
    """The exit code that ``sys.exit()`` asked for."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 255
    sys.stderr.write(f"{code}\n")
    return 1
