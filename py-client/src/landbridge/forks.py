"""Runs a piece of work in a fork of this process, and says how the fork died if it did."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from landbridge.kinds import Json

# Where the kernel counts the processes of this container that it ended for want of memory: of cgroups 2, and of 1.
_COUNTS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))

_PARENT_DEATH_SIGNAL = 1


def in_fork(work: Callable[[], object]) -> Json | None:
    """None when the work was done to its end; else how its process died: ``code`` or ``signal``, and ``memory``."""
    ended_before = _ended_for_memory()
    worker, end_with_parent = os.getpid(), _prctl()
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = _fork()
    if process == 0:
        end_with_parent(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        _be_the_fork(work, writing, worker)
    os.close(writing)
    try:
        _, status = os.waitpid(process, 0)
        # What the point started and left behind goes with it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)
        os.set_blocking(reading, False)
        with suppress(BlockingIOError):
            if os.read(reading, 1):
                return None
    finally:
        os.close(reading)
    return _death(status, ended_before)


def _fork() -> int:
    with warnings.catch_warnings():
        # Arrow's threads are there, and are prepared for a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@cache
def _prctl() -> Callable[[int, int], int]:
    """Linux's call for what a process is; nothing elsewhere."""
    found: Callable[[int, int], int] = getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)
    return found


def _be_the_fork(work: Callable[[], object], writing: int, worker: int) -> None:
    code = 70
    try:
        # A session of its own is not ended with the worker's group: it is ended when the worker is.
        if os.getppid() != worker:
            return
        with suppress(OSError):
            os.setsid()
        # Where memory is short this process ends, and not the worker.
        with suppress(OSError):
            _write("/proc/self/oom_score_adj", b"1000")
        work()
        os.write(writing, b".")
        code = 0
    finally:
        # Nothing of the worker's own end is this process's to do.
        os._exit(code)


def _write(path: str, text: bytes) -> None:
    # A stream of Python's would cost a fork half as much again.
    opened = os.open(path, os.O_WRONLY)
    try:
        os.write(opened, text)
    finally:
        os.close(opened)


def _death(status: int, ended_before: int) -> Json:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        memory = number == signal.SIGKILL and _ended_for_memory() > ended_before
        return {"signal": number, "memory": memory}
    return {"code": os.WEXITSTATUS(status)}


def _ended_for_memory() -> int:
    for path in _COUNTS:
        with suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0
