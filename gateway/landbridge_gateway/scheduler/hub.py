"""Wakes waiting requests: whoever waits looks again after each change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Hub:
    """A counter of changes. At most ``places`` callers may wait at once, so that others are still answered."""

    def __init__(self, places: int = 1_000_000) -> None:
        self._condition = threading.Condition()
        self._version = 0
        self._free = places
        self._open = True

    def notify(self) -> None:
        with self._condition:
            self._version += 1
            self._condition.notify_all()

    def wait_for(self, look: Callable[[], T | None], seconds: float) -> T | None:
        """The first answer of ``look`` that is not None, or None when the time is over or the gateway stops.

        Raises :class:`NoPlace` when too many wait already and ``look`` has no answer yet.
        """
        deadline = time.monotonic() + seconds
        with self._condition:
            version = self._version
        found = look()
        if found is not None or seconds <= 0:
            return found
        self._take_place()
        try:
            while found is None and self._pause(version, deadline):
                with self._condition:
                    version = self._version
                found = look()
        finally:
            with self._condition:
                self._free += 1
        return found

    def _take_place(self) -> None:
        with self._condition:
            if self._free <= 0:
                raise NoPlace
            self._free -= 1

    def _pause(self, version: int, deadline: float) -> bool:
        """False when waiting has no more use."""
        with self._condition:
            while self._open and self._version == version:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    return False
            return self._open

    def close(self) -> None:
        """Send everybody home; later waits end at once."""
        with self._condition:
            self._open = False
            self._condition.notify_all()


class NoPlace(Exception):
    """As many requests wait as may."""
