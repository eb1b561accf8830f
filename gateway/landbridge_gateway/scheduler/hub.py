"""Tells those who wait that something changed: each listens to its topics, and nobody is woken for another's.

A topic is the id of an owner (all that happens to that owner's jobs) or of a job.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class Listener:
    """One that waits. ``changed`` says whether one of its topics was notified since it was last cleared."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = tuple(topics)
        self.changed = threading.Event()
        self.heard: Callable[[], object] | None = None

    def tell(self) -> None:
        """Safe from any thread; ``heard`` is called once until ``changed`` is cleared."""
        if not self.changed.is_set():
            self.changed.set()
            if self.heard:
                self.heard()


class Hub:
    """Topics and their listeners. At most ``places`` may wait at once; one more is refused."""

    def __init__(self, places: int = 1_000_000) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._places, self._taken = places, 0
        self._open = True

    @property
    def open(self) -> bool:
        return self._open

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._taken

    @property
    def places(self) -> int:
        return self._places

    def notify(self, topics: Iterable[str]) -> None:
        """Wake those who listen to one of the topics."""
        with self._lock:
            told = {one for topic in topics for one in self._listeners.get(topic, ())}
        for listener in told:
            listener.tell()

    def notify_all(self) -> None:
        with self._lock:
            told = {one for listeners in self._listeners.values() for one in listeners}
        for listener in told:
            listener.tell()

    def listen(self, topics: Iterable[str]) -> Listener:
        """Listen from now on; who then looks, and waits if there is nothing yet, misses no change."""
        listener = Listener(topics)
        with self._lock:
            for topic in listener.topics:
                self._listeners[topic].add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        with self._lock:
            for topic in listener.topics:
                rest = self._listeners.get(topic)
                if rest is not None:
                    rest.discard(listener)
                    if not rest:
                        del self._listeners[topic]

    def take_place(self) -> None:
        """Raises :class:`NoPlace` when as many wait as may."""
        with self._lock:
            if self._taken >= self._places:
                raise NoPlace
            self._taken += 1

    def leave_place(self) -> None:
        with self._lock:
            self._taken -= 1

    def wait_for(self, look: Callable[[], T | None], seconds: float, topics: Iterable[str]) -> T | None:
        """The first answer of ``look`` that is not None, or None when the time is over or the gateway stops.

        Holds the calling thread. Raises :class:`NoPlace` when too many wait already and ``look`` has no answer yet.
        """
        listener = self.listen(topics)
        try:
            found = look()
            return found if found is not None or seconds <= 0 else self.wait(listener, look, seconds)
        finally:
            self.leave(listener)

    def wait(self, listener: Listener, look: Callable[[], T | None], seconds: float) -> T | None:
        """The same for one that listens and has looked already."""
        self.take_place()
        try:
            deadline, found = time.monotonic() + seconds, None
            while found is None and self._open and listener.changed.wait(max(0.0, deadline - time.monotonic())):
                listener.changed.clear()
                found = look()
            return found
        finally:
            self.leave_place()

    def close(self) -> None:
        """Send everybody home; later waits end at once."""
        self._open = False
        self.notify_all()


class NoPlace(Exception):
    """As many requests wait as may."""
