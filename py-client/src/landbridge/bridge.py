"""Calls into the other language beside this process: :func:`r` runs functions of R; R's ``with_python()`` ends here.

A call is a folder, laid out as a job's: ``job.json`` with function and arguments, files in ``out/objects``, and the
outcome in ``out/answer.json``. Each language encodes and decodes its own values; no bridge converts a table.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from landbridge.errors import CodecMissing, LandbridgeError
from landbridge.fidelity import Verdict, tell
from landbridge.foreign import r as r_source
from landbridge.in_job import FOLDER
from landbridge.job_folder import crossing_of, frames_in
from landbridge.kinds import Json, RemoteWarning
from landbridge.native import class_name
from landbridge.objects import Crossing, FolderSink, FolderSource
from landbridge.program import SourceProgram, referenced
from landbridge.r_objects import _as_error, capture_r, is_r_function
from landbridge.received import received
from landbridge.traces import describe
from landbridge.values import decode, encode

__all__ = ["RError", "answer", "r"]

_NAME = re.compile(r"(?:([A-Za-z][\w.]*)::)?([A-Za-z.][\w.]*)")
_IN_IMAGE = 'In a job name the image that has both languages: lb.task(f, runtime="polyglot").'
# There is one R in a process, and it does one thing at a time.
_alone = threading.RLock()
_seeded: set[str] = set()


class RError(LandbridgeError):
    """A function of R failed: ``message`` is R's; ``type`` and ``classes`` are those of R's condition.

    ``call`` is the call that failed as text, or None; ``frames`` are R's, as in the contract's error document.
    """

    def __init__(self, remote: Json) -> None:
        super().__init__(str(remote.get("message") or remote["type"]), remote=remote)
        self.type = str(remote["type"])
        self.classes: tuple[str, ...] = tuple(remote.get("classes") or ())
        self.call: str | None = remote.get("call")
        self.frames: list[Json] = [frame for frame in remote.get("frames") or [] if not frame.get("ours")]
        self.add_note(f"R's condition: {self.type}{f' in {self.call}' if self.call else ''}")


def r(function: Any, /, *values: Any, **named: Any) -> Any:
    """Run a function of R in the R of this process, through rpy2, and give its result as a value of Python.

    ``function`` is source text (``"function(df, k) ..."``, or text that defines one function), a name
    (``"stats::median"``, ``"median"``), or a function that rpy2 holds. Arguments and result cross as those of jobs do,
    so missing integers, factors and times stay what they are; a model of R arrives as a handle for a later call.

    Raises :class:`RError` when R does, :class:`~landbridge.errors.ValueCannotCross`, and
    :class:`~landbridge.errors.CodecMissing` where rpy2, R or R's package landbridge is missing.
    """
    robjects = _robjects()
    with _alone, tempfile.TemporaryDirectory(prefix="landbridge-") as made:
        call = _Call(Path(made))
        call.ask(function, values, named)
        _run(robjects, call.folder)
        return call.result()


class _Call:
    """One call of R, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "out" / "objects").mkdir(parents=True)
        job = _job_document()
        self._crossing = crossing_of(job) if job else Crossing()
        self._crossing.reader = "r"
        self._seed = None if job is None or "r" in _seeded else job["seed"]
        _seeded.add("r")

    def ask(self, function: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
        sink = FolderSink(self.folder / "out" / "objects", self._crossing)
        items: list[list[Any]] = [
            [None, encode(x, sink, f"argument {position}")] for position, x in enumerate(values, 1)
        ]
        items += [[key, encode(x, sink, key)] for key, x in named.items()]
        document = {
            "protocol": 1,
            "task": {"language": "r", "function": _of_r(function, sink), "on_loss": self._crossing.on_loss},
            "values": {"items": items},
            "seed": self._seed,
            "python": sys.executable,
            "places": [str(place) for place in _places(self.folder)],
        }
        (self.folder / "job.json").write_text(json.dumps(document, allow_nan=False))

    def result(self) -> Any:
        told = _read(self.folder / "out" / "answer.json")
        for heard in told.get("warnings") or []:
            warnings.warn(heard["message"], RemoteWarning, stacklevel=3)
        if "error" in told:
            raise _as_error(told["error"]) if told["error"].get("code") else RError(told["error"])
        node, source = told["node"], _Places(_places(self.folder))
        for frame in frames_in(node):
            for column in received(frame, source):
                verdict = Verdict(column["verdict"], column["reason"])
                tell(verdict, f'result["{column["name"]}"]', column["name"], self._crossing)
        return decode(_kept(node, self.folder), source, trust=True)


def _of_r(function: Any, sink: FolderSink) -> Json:
    if is_r_function(function):
        return capture_r(function, "f", sink)
    name = _NAME.fullmatch(function.strip()) if isinstance(function, str) else None
    if name is None:
        document = r_source(function).document
        assert document is not None
        return document
    if name[1]:
        return {"type": "reference", "package": name[1], "name": name[2]}
    # As R itself would find it: in the packages that are attached.
    text = f'{name[2]} <- get("{name[2]}", mode = "function")'
    return {"type": "source", "name": name[2], "text": text, "file": None, "line": 1}


def _robjects() -> Any:
    if "rpytools" in sys.modules:
        raise CodecMissing(
            "This Python runs inside an R process (reticulate), which a second R beside it would crash.",
            "Return to R, and call its function there.",
        )
    try:
        import rpy2.robjects
    except ImportError:
        raise CodecMissing(
            "Functions of R run through rpy2, which this Python lacks.", f"{_IN_IMAGE} Elsewhere: pip install rpy2."
        ) from None
    except Exception as problem:
        # What rpy2 raises where it finds no R, or one that it cannot load, differs from version to version.
        raise CodecMissing(f"rpy2 cannot start R: {problem}.", f"{_IN_IMAGE} Elsewhere: install R.") from problem
    return rpy2.robjects


def _run(robjects: Any, folder: Path) -> None:
    from rpy2.rinterface_lib.embedded import RRuntimeError

    # A plain converter: whatever conversion the user has switched on stays out of this, and a thread has none.
    with _r_writes_to_stderr(), robjects.default_converter.context():
        try:
            run = robjects.r("landbridge:::run_call")
        except RRuntimeError:
            raise CodecMissing(
                "Calls are answered by the R package `landbridge`, which this R lacks or has in an older version.",
                f"{_IN_IMAGE} Elsewhere: R CMD INSTALL r-client.",
            ) from None
        run(str(folder))


@contextmanager
def _r_writes_to_stderr() -> Iterator[None]:
    """Messages of R as they are; rpy2 itself would log each as a problem."""
    from rpy2.rinterface_lib import callbacks

    def write(s: str) -> None:
        sys.stderr.write(s)

    before, callbacks.consolewrite_warnerror = callbacks.consolewrite_warnerror, write
    try:
        yield
    finally:
        callbacks.consolewrite_warnerror = before


def answer(folder: str) -> None:
    """Carry out the call that R's ``with_python()`` laid out in a folder; result or error is told there."""
    path = Path(folder)
    document = _read(path / "job.json")
    _surroundings(document)
    crossing = crossing_of(document)
    crossing.reader = "r"
    with warnings.catch_warnings(record=True) as heard:
        try:
            value = _called(document, _Places([Path(place) for place in document["places"]]))
            told = {"node": encode(value, FolderSink(path / "out" / "objects", crossing), "result")}
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is the answer
            told = {"error": describe(error, []) | _code_of(error)}
    shown = [{"message": str(one.message), "category": class_name(one.category)} for one in heard]
    (path / "out" / "answer.json").write_text(json.dumps(told | {"warnings": shown}, allow_nan=False))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _surroundings(document: Json) -> None:
    os.chdir(document["directory"])
    if "" not in sys.path:
        sys.path.insert(0, "")
    seed = document.get("seed")
    if seed is not None:
        random.seed(int(seed))
        with suppress(ImportError):
            import numpy

            numpy.random.seed(int(seed))


def _called(document: Json, source: _Places) -> Any:
    function = document["task"]["function"]

    def decoded(node: Json) -> Any:
        return decode(node, source, trust=True)

    made = referenced(function) if function["type"] == "reference" else SourceProgram(decoded).define(function)
    items = [(key, decoded(node)) for key, node in document["values"]["items"]]
    value = made(*[x for key, x in items if key is None], **{key: x for key, x in items if key is not None})
    return asyncio.run(_awaited(value)) if hasattr(value, "__await__") else value


async def _awaited(value: Any) -> Any:
    return await value


def _code_of(error: BaseException) -> Json:
    return {"code": error.code} if isinstance(error, LandbridgeError) and not isinstance(error, RError) else {}


class _Places:
    """The files of a call: its own, and those of the job around it, or what earlier calls left."""

    wanted: str | None = None

    def __init__(self, places: Sequence[Path]) -> None:
        self._sources = [FolderSource(place, place) for place in places]

    def path(self, reference: str) -> Path:
        """The file of an object; ``FileNotFoundError`` when no place has one."""
        for source in self._sources[:-1]:
            try:
                return source.path(reference)
            except FileNotFoundError:
                continue
        return self._sources[-1].path(reference)

    def checked(self, reference: str) -> Path:
        """As :meth:`path`: both sides of a call are of one trust."""
        return self.path(reference)


def _places(folder: Path) -> list[Path]:
    job = os.environ.get(FOLDER)
    return [folder / "out" / "objects", _keep(), *([Path(job) / "in"] if job else [])]


def _keep() -> Path:
    """Where files stay that a result only refers to: with the job's own, outside of one as long as this process."""
    job = os.environ.get(FOLDER)
    return Path(job) / "out" / "objects" if job else _kept_until_the_end()


@cache
def _kept_until_the_end() -> Path:
    folder = tempfile.mkdtemp(prefix="landbridge-kept-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _kept(node: Json, folder: Path) -> Json:
    """The node with files and native objects, which are opened later or never, where they stay."""
    if node["kind"] == "list":
        return node | {"items": [[key, _kept(item, folder)] for key, item in node["items"]]}
    if node["kind"] not in ("native", "file"):
        return node
    kept = node | {"object": _moved(node["object"], folder)}
    summary = node.get("summary") or {}
    if summary.get("picture"):
        kept["summary"] = summary | {"picture": _moved(summary["picture"], folder)}
    return kept


def _moved(reference: str, folder: Path) -> str:
    source = folder / "out" / "objects" / reference.removeprefix("new:")
    if not reference.startswith("new:") or not source.is_file():
        return reference  # of the job, or of an earlier call
    return FolderSink(_keep()).put(source.suffix.removeprefix("."), lambda to: shutil.copyfile(source, to))


def _job_document() -> Json | None:
    job = os.environ.get(FOLDER)
    return _read(Path(job) / "job.json") if job else None


def _read(path: Path) -> Json:
    found: Json = json.loads(path.read_bytes())
    return found
