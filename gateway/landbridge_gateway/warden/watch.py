"""Sees a worker rename its result, and its logs and events grow, without asking again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from inotify_simple import INotify, flags

from landbridge_gateway.depot.layout import JobFolder

_COALESCE_MS = 100
_WANTED = flags.MOVED_TO | flags.MODIFY | flags.CREATE


class FolderWatch:
    """One thread and one descriptor for all job folders.

    ``finished(attempt)`` is called at once; ``active(attempt)`` at most ten times a second for each attempt.
    """

    def __init__(self, finished: Callable[[str], None], active: Callable[[str], None]) -> None:
        self._finished, self._active = finished, active
        self._inotify = INotify()
        self._lock = threading.Lock()
        self._attempts: dict[int, str] = {}
        self._descriptors: dict[str, int] = {}
        threading.Thread(target=self._run, name="folder-watch", daemon=True).start()

    def add(self, attempt: str, folder: JobFolder) -> None:
        with self._lock:
            descriptor = self._inotify.add_watch(str(folder.out), _WANTED)
            self._attempts[descriptor] = attempt
            self._descriptors[attempt] = descriptor
        # It may have been renamed before the watch was there.
        if folder.result.exists() or folder.error.exists():
            self._finished(attempt)

    def drop(self, attempt: str) -> None:
        with self._lock:
            descriptor = self._descriptors.pop(attempt, None)
            if descriptor is None:
                return
            self._attempts.pop(descriptor, None)
        with suppress(OSError):
            self._inotify.rm_watch(descriptor)

    def _run(self) -> None:
        stirred: set[str] = set()
        while True:
            events = self._inotify.read(timeout=_COALESCE_MS if stirred else None)
            if not events:
                for busy in stirred:
                    self._active(busy)
                stirred.clear()
            for event in events:
                attempt = self._attempts.get(event.wd)
                if attempt is None:
                    continue
                if event.mask & flags.MOVED_TO and event.name in ("result.json", "error.json"):
                    self._finished(attempt)
                else:
                    stirred.add(attempt)
