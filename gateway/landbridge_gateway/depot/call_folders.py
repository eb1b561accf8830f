"""The folders of a session's calls. The next one is made before it is wanted, while nobody waits for it.

A short call is waited for, and a file system takes its time for whatever is new: 0.02 ms for a file or a folder, and on
ext4 up to 0.7 ms where many were removed lately. So all that is new of a call is there before, under the id that it is
given then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from contextlib import suppress

from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.texts import write_text
from landbridge_gateway.depot.trees import remove_tree
from landbridge_gateway.model import attempt_id, new_id, split_attempt

_CLOSED, _OPEN = 0o700, 0o755


class CallFolders:
    """Safe from any thread. Sessions are named by their attempts."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._ready: dict[str, str] = {}

    def prepare(self, session: str) -> None:
        """Make the folder of the next call. One that is there already is fine."""
        job = new_id("job")
        with self._lock:
            if session in self._ready:
                return
            self._ready[session] = ""  # somebody makes it
        try:
            _make_next(self._layout, session, attempt_id(job, 1))
        except OSError:  # then it is made when it is wanted
            remove_call(self._layout, attempt_id(job, 1), session)
            job = ""
        with self._lock:
            self._ready[session] = job
            if not job:
                del self._ready[session]

    def take(self, session: str) -> str | None:
        """The id of the job whose folder is made; None where there is none."""
        with self._lock:
            return self._ready.pop(session) if self._ready.get(session) else None

    def forget(self, session: str) -> None:
        """A session is over: what was made for it is removed."""
        if job := self.take(session):
            remove_call(self._layout, attempt_id(job, 1), session)

    def clear(self, session: str, known: Collection[str]) -> None:
        """After a restart: remove what was made for calls that never were; ``known`` are the jobs that were."""
        with suppress(OSError):
            for path in list(self._layout.job_folder(session).calls.iterdir()):
                if path.is_dir() and split_attempt(path.name)[0] not in known:
                    remove_call(self._layout, path.name, session)


def _make_next(layout: Layout, session: str, attempt: str) -> None:
    made = JobFolder(layout.job_folder(session).calls / attempt)
    made.path.mkdir(_CLOSED)  # to the call before
    made.make_out()
    made.make_files()
    write_text(made.spec, "")
    _link(layout, session, attempt)


def open_next(layout: Layout, session: str, attempt: str) -> None:
    """Give a folder that was made before to its call. Raises ``OSError``."""
    (layout.job_folder(session).calls / attempt).chmod(_OPEN)


def make_call(layout: Layout, session: str, attempt: str) -> None:
    """Make the folder of a call now. Raises ``OSError``."""
    place = layout.job_folder(session).calls / attempt
    try:
        place.mkdir(mode=_OPEN)
    except FileExistsError:  # left by one that was not begun after all
        remove_tree(place)
        place.mkdir(mode=_OPEN)
    JobFolder(place).make_out()
    _link(layout, session, attempt)


def _link(layout: Layout, session: str, attempt: str) -> None:
    """The way by which all but the session itself find a call's folder."""
    path = layout.job_folder(attempt).path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(layout.job_folder(session).calls / attempt, path.parent))


def remove_call(layout: Layout, attempt: str, session: str) -> None:
    """Remove the folder of a call that never began, and the way to it."""
    remove_tree(layout.job_folder(session).calls / attempt)
    path = layout.job_folder(attempt).path
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()
