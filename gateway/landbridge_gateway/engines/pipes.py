"""The named pipes by which sessions on this machine are told of their next call."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from landbridge_gateway.engines.interface import EngineError


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
                    # For both directions, because a pipe without a reader cannot be opened for writing alone.
                    flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
                    self._open[attempt] = os.open(pipe, flags)
                os.write(self._open[attempt], line.encode() + b"\n")
        except OSError as error:
            raise EngineError(f"The session cannot be reached ({error.strerror}).", "Start another session.") from error

    def forget(self, attempt: str) -> None:
        with self._lock:
            descriptor = self._open.pop(attempt, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        for attempt in list(self._open):
            self.forget(attempt)
