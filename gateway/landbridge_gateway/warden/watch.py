"""Sees a worker rename its result, and its logs and events grow, without asking again and again."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from inotify_simple import INotify, flags

from landbridge_gateway.depot.layout import JobFolder

ENDS = ("result.json", "error.json")  # the names under which a worker publishes what became of its job
UNWATCHED_HINT = "Let this user of the machine have more inotify watches (fs.inotify.max_user_watches)."
_COALESCE = 0.1  # seconds
_RENAMES = flags.MOVED_TO
_WANTED = _RENAMES | flags.MODIFY | flags.CREATE


def unwatched(problem: OSError) -> str:
    """Why a job ends of which nobody would see the end."""
    return f"The job's folder cannot be watched: {problem.strerror}."


class FolderWatch:
    """One thread and one descriptor for all job folders.

    ``finished(attempt)`` is called at once; ``active(attempt)`` at most ten times a second for each attempt: one that
    stirred is watched for its end alone meanwhile, however often a busy worker writes.
    """

    def __init__(self, finished: Callable[[str], None], active: Callable[[str], None]) -> None:
        self._finished, self._active = finished, active
        self._inotify = INotify()
        self._lock = threading.Lock()
        self._attempts: dict[int, str] = {}
        self._watched: dict[str, tuple[int, str]] = {}  # descriptor and folder
        threading.Thread(target=self._run, name="folder-watch", daemon=True).start()

    def add(self, attempt: str, folder: JobFolder) -> None:
        with self._lock:
            descriptor = self._inotify.add_watch(str(folder.out), _WANTED)
            self._attempts[descriptor] = attempt
            self._watched[attempt] = descriptor, str(folder.out)
        # It may have been renamed before the watch was there.
        if folder.result.exists() or folder.error.exists():
            self._finished(attempt)

    def drop(self, attempt: str) -> None:
        with self._lock:
            descriptor, _ = self._watched.pop(attempt, (None, ""))
            if descriptor is None:
                return
            self._attempts.pop(descriptor, None)
        with suppress(OSError):
            self._inotify.rm_watch(descriptor)

    def _run(self) -> None:
        stirred: dict[str, float] = {}  # when each is told
        while True:
            timeout = max(0.0, min(stirred.values()) - time.monotonic()) if stirred else None
            for event in self._inotify.read(None if timeout is None else math.ceil(timeout * 1000)):
                attempt = self._attempts.get(event.wd)
                if attempt is None:
                    continue
                if event.mask & flags.MOVED_TO and event.name in ENDS:
                    self._finished(attempt)
                elif attempt not in stirred:
                    stirred[attempt] = time.monotonic() + _COALESCE
                    self._listen(attempt, _RENAMES)
            for attempt in [one for one, due in stirred.items() if due <= time.monotonic()]:
                del stirred[attempt]
                if attempt not in self._watched:
                    continue  # it is over, and who waits for its end was told of that
                # Before it is told: what is written after that is seen, and what was written before it is read then.
                self._listen(attempt, _WANTED)
                self._active(attempt)

    def _listen(self, attempt: str, wanted: flags) -> None:
        with self._lock, suppress(OSError):
            if attempt in self._watched:
                self._inotify.add_watch(self._watched[attempt][1], wanted)
