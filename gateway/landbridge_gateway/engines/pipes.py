"""The named pipes by which workers on this machine are told something: sessions of calls, jobs of their secrets."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

from landbridge_gateway.engines.interface import EngineError

# For both directions, because a pipe without a reader cannot be opened for writing alone.
_BOTH_WAYS = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOM = 16 * 1024  # what any pipe has room for


class Pipes:
    """Each pipe stays open while its session lives, so that a line told before the session reads is not lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, int] = {}

    def tell(self, attempt: str, pipe: Path, line: str) -> None:
        """Write one line, short enough to be written at once or not at all."""
        try:
            with self._lock:
                if attempt not in self._open:
                    self._open[attempt] = os.open(pipe, _BOTH_WAYS)
                os.write(self._open[attempt], line.encode() + b"\n")
        except OSError as error:
            raise EngineError(f"The session cannot be reached ({error.strerror}).", "Start another session.") from error

    def give(self, attempt: str, pipe: Path, line: str) -> None:
        """Leave a line in the pipe for whoever opens it, now or later; asked for again, it is there already.

        It is in the kernel's memory, and gone with the last who has the pipe open: until then that is this process.
        """
        data = line.encode() + b"\n"
        with self._lock:
            if attempt in self._open:
                return
            try:
                descriptor = os.open(pipe, _BOTH_WAYS)
            except OSError as error:
                raise _not_given(error) from error
            try:
                if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                    raise OSError(0, "there is no pipe")
                if len(data) > _ROOM:
                    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, len(data))
                if os.write(descriptor, data) < len(data):
                    raise OSError(0, "the pipe is too small")
            except OSError as error:
                os.close(descriptor)
                raise _not_given(error) from error
            self._open[attempt] = descriptor

    def forget(self, attempt: str) -> None:
        with self._lock:
            descriptor = self._open.pop(attempt, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        for attempt in list(self._open):
            self.forget(attempt)


def _not_given(error: OSError) -> EngineError:
    return EngineError(f"The job's secrets could not be handed to it ({error.strerror}).", "Submit the job again.")
