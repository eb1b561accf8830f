"""The worker: ``python -m landbridge.worker <folder>`` runs the one job of a folder and ends.

Exit codes: 0 a result or an error was written; 64 the folder could not be understood; anything else is a death.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from landbridge import in_job, secret_file
from landbridge.errors import LandbridgeError
from landbridge.given_values import GivenValues
from landbridge.in_job import clean
from landbridge.job_folder import JobFolder, NotUnderstood, crossing_of, frames_in, versions
from landbridge.kinds import Json
from landbridge.native import class_name
from landbridge.objects import FolderSink, FolderSource
from landbridge.program import SourceProgram, referenced, run_script, user_module
from landbridge.seeds import seed_generators
from landbridge.traces import describe, users_part
from landbridge.values import decode, encode
from landbridge.wanted_frames import check_wanted

_USAGE = 64


def main(arguments: list[str]) -> int:
    """Run the job of the folder that is the last argument; the process's exit code.

    After ``--warm`` it first makes itself ready, and waits in the folder for the job.
    """
    warm = arguments[:1] == ["--warm"]
    if len(arguments) != 1 + warm:
        sys.stderr.write("usage: python -m landbridge.worker [--warm] <job folder>\n")
        return _USAGE
    path = Path(arguments[-1]).absolute()
    if warm:
        from landbridge.warm_up import await_job, breathe

        if not await_job(path):
            return 0
        atexit.register(breathe)
    try:
        folder = JobFolder(path)
    except NotUnderstood as problem:
        sys.stderr.write(f"landbridge worker: {problem}\n")
        return _USAGE
    # Whoever reads the results is another user.
    os.umask(0o022)
    _redirect(folder.out)
    _surroundings(folder)
    try:
        return _run(folder)
    finally:
        secret_file.remove_folder()


def _run(folder: JobFolder) -> int:
    if folder.document["task"]["function"]["type"] == "session":
        from landbridge.session_worker import SessionWorker

        return SessionWorker(folder, Worker, _redirect).run()
    if folder.is_sweep:
        from landbridge.sweep_worker import SweepWorker

        return secret_file.with_secrets(folder, SweepWorker(folder, Worker(folder)).run)
    return secret_file.with_secrets(folder, Worker(folder).run)


def _redirect(out: Path) -> None:
    """Descriptors, not only ``sys.stdout``: compiled code and child processes write there too."""
    for stream, descriptor, name in ((sys.stdout, 1, "stdout.log"), (sys.stderr, 2, "stderr.log")):
        opened = os.open(out / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _surroundings(folder: JobFolder) -> None:
    os.environ[in_job.FOLDER] = str(folder.path)
    os.environ.setdefault("TZ", "UTC")
    time.tzset()
    _own_folder()
    # As Python does for a script, so that files the job writes here can be imported.
    sys.path.insert(0, "")
    seed_generators(int(folder.document["seed"]))


def _own_folder() -> None:
    """A temporary folder of the job's own, with its working directory in it; it goes with the process."""
    own = tempfile.mkdtemp(prefix="landbridge-")
    atexit.register(_remove, own, os.getpid())
    os.environ["TMPDIR"] = tempfile.tempdir = own
    work = Path(own) / "work"
    work.mkdir()
    os.chdir(work)


def _remove(own: str, process: int) -> None:
    if os.getpid() == process:  # and not a child that user code forked
        shutil.rmtree(own, ignore_errors=True)


class Worker:
    """One job: decode, run, encode, publish."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._source = FolderSource(folder.inputs, folder.out / "objects")
        self._wanted = folder.document["task"].get("as")
        self._arguments_source = FolderSource(folder.inputs, folder.out / "objects", self._wanted)
        self._crossing = crossing_of(folder.document)
        self._given = self._crossing.values = GivenValues(self._arguments_source)
        self._sink = FolderSink(folder.out / "objects", self._crossing)
        self.warnings: list[Json] = []

    def run(self) -> int:
        self.hear_warnings()
        try:
            name, document = "result.json", encode(self._value(), self._sink, "result")
        except SystemExit as ended:
            return self._ended(ended.code)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is the job's error
            name, document = "error.json", describe(error, self.warnings)
            self.show(error)
        _flush()
        self._folder.publish(name, document)
        return 0

    def _value(self) -> Any:
        function = self._folder.document["task"]["function"]
        check_wanted(self._wanted)
        if function["type"] == "script":
            arguments, named = self._arguments()
            in_job.append("started", versions=versions())
            return run_script(function, arguments, named)
        try:
            user_module()
            call = self._callable(function)
            arguments, named = self._arguments()
        finally:
            in_job.append("started", versions=versions())
        return self.finished(lambda: call(*arguments, **named))

    def finished(self, call: Callable[[], Any]) -> Any:
        """What a call returns; of a coroutine, what it comes to."""
        result = call()
        if hasattr(result, "__await__"):
            import asyncio

            return asyncio.run(_awaited(result))
        return result

    def _callable(self, function: Json) -> Any:
        if function["type"] == "reference":
            return referenced(function)
        return SourceProgram(self._decode).define(function)

    def _arguments(self) -> tuple[list[Any], dict[str, Any]]:
        given = self._folder.document["values"]["items"]
        for position, (key, node) in enumerate(given, 1):
            self.tell_received(key or str(position), node)
        items = [(key, decode(node, self._arguments_source, trust=True)) for key, node in given]
        for (_, value), (_, node) in zip(items, given, strict=True):
            self._given.remember(value, node)
        return [value for key, value in items if key is None], {key: value for key, value in items if key is not None}

    def tell_received(self, label: str, node: Json) -> None:
        """One event for each frame of another language that Python cannot show as it was."""
        for frame in frames_in(node):
            from landbridge.fidelity import Verdict, tell
            from landbridge.received import received

            columns = received(frame, self._arguments_source)
            if columns:
                in_job.append("fidelity", value=label, columns=columns)
            for one in columns:
                path = f'{label}["{one["name"]}"]'
                tell(Verdict(one["verdict"], one["reason"]), path, one["name"], self._crossing)

    def _decode(self, node: Json) -> Any:
        return decode(node, self._source, trust=True)

    def hear_warnings(self) -> None:
        """From now on warnings are told in the record, and kept for the error that may follow them."""
        shown = warnings.showwarning

        def hear(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: Any = None,
            line: Any = None,
        ) -> None:
            heard: Json = {"message": clean(str(message)), "category": class_name(category)}
            self.warnings.append(heard)
            in_job.append("warning", **heard, call=None)
            shown(message, category, filename, lineno, file, line)

        warnings.showwarning = hear

    def show(self, error: BaseException) -> None:
        """In the log, as Python would show it: without the worker's frames, with the lines of the user's source."""
        if isinstance(error, LandbridgeError):
            sys.stderr.write(f"{error}\n")
        else:
            traceback.print_exception(error.with_traceback(users_part(error.__traceback__)))

    def _ended(self, code: object) -> int:
        """User code called ``sys.exit``: a death that the gateway names."""
        # With it an exit code that a signal would leave as well is known to be the process's own.
        in_job.append("exit")
        if code is None or isinstance(code, int):
            return code or 0
        sys.stderr.write(f"{code}\n")
        return 1


async def _awaited(result: Any) -> Any:
    return await result


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # User code closed it, or the disk is full; the result counts all the same.
            continue


if __name__ == "__main__":
    # The module that runs is replaced as __main__ by the user's own; this reference keeps ours alive.
    sys.exit(main(sys.argv[1:]))
