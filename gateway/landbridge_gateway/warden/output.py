"""Ends jobs that write more than they may: the kernel bounds each file, and nothing but this all of them together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.written import written

log = logging.getLogger(__name__)
_ROUND = 1.0  # seconds between two looks at a job
_SHARE = 50  # a look may take one part in so many of the time until the next one


class OutputWatch:
    """``over(attempt)`` is called for each that is beyond its bound. Why it ended is seen from its folder."""

    def __init__(self, layout: Layout, over: Callable[[str], None]) -> None:
        self._layout, self._over = layout, over
        self._lock = threading.Lock()
        self._bounds: dict[str, int] = {}
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="output-watch", daemon=True).start()

    def add(self, attempt: str, most: int) -> None:
        with self._lock:
            self._bounds[attempt] = most
        self._wake.set()

    def drop(self, attempt: str) -> None:
        with self._lock:
            self._bounds.pop(attempt, None)
            if not self._bounds:
                self._wake.clear()

    def _run(self) -> None:
        pause = _ROUND
        while True:
            self._wake.wait()
            time.sleep(pause)
            begun = time.monotonic()
            for attempt, most in list(self._bounds.items()):
                self._look(attempt, most)
            pause = max(_ROUND, (time.monotonic() - begun) * _SHARE)

    def _look(self, attempt: str, most: int) -> None:
        try:
            if written(self._layout.job_folder(attempt)).beyond(most):
                self.drop(attempt)
                self._over(attempt)
        except Exception:
            log.exception("%s could not be looked at", attempt)
