"""Turns in time: so many a second, whoever asks for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Safe from any thread."""

    def __init__(self, each_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart, self._clock = 1 / each_second, clock
        self._lock, self._next = threading.Lock(), 0.0

    def turn(self) -> float:
        """Take the next turn; in how many seconds it is."""
        with self._lock:
            now = self._clock()
            self._next = max(now, self._next) + self._apart
            return self._next - now
