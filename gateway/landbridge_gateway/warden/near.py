"""The calls of sessions whose workers are on this machine: told and watched by the gateway itself.

The warden is the only one that may talk to the engine. A call of a session needs no engine: it is a folder and a line
in a pipe, both of which the gateway's own user may write. Three hops between processes are left out that way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from inotify_simple import INotify, flags

from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.engines.pipes import Pipes
from landbridge_gateway.warden.watch import ENDS, FolderWatch
from landbridge_gateway.warden.wire import Message

log = logging.getLogger(__name__)


class Lookout:
    """Sees the end of one call, on the thread that waits for it."""

    def __init__(self) -> None:
        self._inotify = INotify()
        self._watched: int | None = None

    def turn_to(self, folder: JobFolder) -> None:
        """From now on no end in this folder is missed. Raises ``OSError``."""
        self._watched = self._inotify.add_watch(str(folder.out), flags.MOVED_TO)

    def sees_end(self, seconds: float) -> bool:
        """Wait for a result or an error to be published, but no longer than that."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for event in self._inotify.read(max(1, round(left * 1000))):
                if event.wd == self._watched and event.name in ENDS:
                    return True
        return False

    def turn_away(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            with suppress(OSError):
                self._inotify.rm_watch(watched)

    def close(self) -> None:
        self._inotify.close()


class NearCalls:
    """Safe from any thread. ``on_event`` is told ``finished`` and ``activity``, as the warden would tell them.

    At most ``places`` calls are waited for by the thread that submitted them.
    """

    def __init__(self, layout: Layout, on_event: Callable[[Message], None], places: int) -> None:
        self._layout, self._places = layout, places
        self._pipes = Pipes()
        self._watch = FolderWatch(
            finished=lambda attempt: on_event({"event": "finished", "attempt": attempt}),
            active=lambda attempt: on_event({"event": "activity", "attempt": attempt}),
        )
        self._lock = threading.Lock()
        self._idle: list[Lookout] = []
        self._made = 0

    @classmethod
    def opened(cls, layout: Layout, on_event: Callable[[Message], None], places: int) -> NearCalls | None:
        """None where the system lets this user watch no more folders; then the warden tells and watches."""
        try:
            return cls(layout, on_event, places)
        except OSError as problem:
            log.warning("calls of sessions go by the warden: folders cannot be watched (%s)", problem.strerror)
            return None

    def lookout(self) -> Lookout | None:
        """One that is nobody else's until it is given back; None where all are taken."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._made >= self._places:
                return None
            self._made += 1
        try:
            return Lookout()
        except OSError:
            with self._lock:
                self._made -= 1
            return None

    def give_back(self, lookout: Lookout) -> None:
        lookout.turn_away()
        with self._lock:
            self._idle.append(lookout)

    def tell(self, session: str, attempt: str) -> None:
        """Tell a session of its call. Raises :class:`EngineError` when nobody hears it."""
        self._pipes.tell(session, self._layout.job_folder(session).requests, attempt)

    def watch(self, attempt: str) -> None:
        """Tell of the end of a call from now on, and of one that has come already. Raises ``OSError``."""
        self._watch.add(attempt, self._layout.job_folder(attempt))

    def forget(self, attempt: str) -> None:
        """A call, or a session, is over."""
        self._watch.drop(attempt)
        self._pipes.forget(attempt)

    def close(self) -> None:
        self._pipes.close()
        with self._lock:
            while self._idle:
                self._idle.pop().close()
