"""Waits of tests, each with a bound: what did not come is told by its name."""

from __future__ import annotations

import select
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar

Found = TypeVar("Found")
PATIENCE = 120.0  # seconds: a slow machine with other work beside it is no failure
LONG = 600  # seconds that nothing takes, however busy the machine is with other tests
_PAUSE = 0.02


class NeverCame(AssertionError):
    """What was waited for did not come in time."""

    def __init__(self, what: str, seconds: float, instead: str = "") -> None:
        super().__init__(f"{what} did not come within {seconds:.0f} s{instead and f': {instead}'}")


def until(
    look: Callable[[], Found | None],
    what: str,
    seconds: float = PATIENCE,
    instead: Callable[[], object] = str,
    pause: float = _PAUSE,
) -> Found:
    """What ``look`` finds, as soon as that is anything; ``instead`` says what there is when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NeverCame(what, seconds, str(instead()))
        time.sleep(pause)  # nobody tells of it: it is looked at from outside
    return found


def ended(process: subprocess.Popen[Any], what: str, seconds: float = PATIENCE) -> int:
    """The exit code of a process that is to end by itself."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise NeverCame(f"the end of {what}", seconds) from None


def joined(thread: threading.Thread, what: str, seconds: float = PATIENCE) -> None:
    thread.join(seconds)
    if thread.is_alive():
        raise NeverCame(f"the end of {what}", seconds)


def first_line(stream: IO[str] | None, what: str, seconds: float = PATIENCE) -> str:
    """The first thing that a process says; later ones may be held by the stream already, where nobody sees them."""
    assert stream is not None
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    if not poll.poll(int(seconds * 1000)):
        raise NeverCame(f"a word of {what}", seconds)
    return stream.readline().rstrip("\n")
