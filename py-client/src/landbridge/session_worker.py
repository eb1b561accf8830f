"""A session's worker: one process that runs call after call, each in a job folder of its own, and keeps its state.

Names that calls make with ``global`` are seen by the functions of later calls, as if all stood in one module; scripts
run in that module itself.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from landbridge import in_job
from landbridge.job_folder import JobFolder, NotUnderstood, versions
from landbridge.program import shared_names
from landbridge.secret_file import with_secrets
from landbridge.seeds import seed_generators
from landbridge.traces import describe

END = "end"


class Runner(Protocol):
    """Runs the one job of a folder and publishes what became of it."""

    def run(self) -> int: ...


class SessionWorker:
    """Answers the requests of a session until it is told to end."""

    def __init__(
        self, folder: JobFolder, runner: Callable[[JobFolder], Runner], redirect: Callable[[Path], None]
    ) -> None:
        self._folder, self._runner, self._redirect = folder, runner, redirect
        self._done: set[str] = set()
        self._in_call = False

    def run(self) -> int:
        """The process's exit code."""
        signal.signal(signal.SIGINT, self._interrupted)
        shared_names.begin()
        in_job.append("started", versions=versions())
        for request in self._requests():
            if request == END:
                break
            if request not in self._done:
                self._done.add(request)
                try:
                    self._call(request)
                except NotUnderstood as problem:
                    sys.stderr.write(f"landbridge session: {problem}\n")
                    return 64
        self._folder.publish("result.json", {"kind": "null"})
        return 0

    def _requests(self) -> Iterator[str]:
        path = self._folder.path / "calls" / "requests"
        while True:
            # The end of the file is the end of who wrote it, not of the session: another will come.
            with path.open(encoding="ascii") as pipe:
                for line in pipe:
                    yield line.strip()

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        # Between calls there is nothing to interrupt.
        if self._in_call:
            self._in_call = False
            raise KeyboardInterrupt

    def _call(self, name: str) -> None:
        call = JobFolder(self._folder.path / "calls" / name)
        with self._inside(call):
            why: BaseException = KeyboardInterrupt()
            try:
                self._in_call = True
                why = SystemExit(with_secrets(call, self._runner(call).run, self._folder))
            except KeyboardInterrupt:
                pass  # it came while the outcome was being written
            finally:
                self._in_call = False
            if not any((call.out / name).exists() for name in ("result.json", "error.json")):
                call.publish("error.json", describe(why, []))

    @contextmanager
    def _inside(self, call: JobFolder) -> Iterator[None]:
        shown = warnings.showwarning
        os.environ[in_job.FOLDER] = str(call.path)
        self._redirect(call.out)
        seed_generators(int(call.document["seed"]))
        try:
            yield
        finally:
            warnings.showwarning = shown
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            in_job.leave(str(call.path))
            os.environ[in_job.FOLDER] = str(self._folder.path)
            self._redirect(self._folder.out)
            shared_names.keep()
