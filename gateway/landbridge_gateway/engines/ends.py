"""What the end of a container means: its own, somebody's who removed it, or the engine's.

A job that ends itself by SIGKILL, one whose container is removed by force and one that a stopping engine takes along
all leave the exit code 137. They are told apart by what the engine says before and after: it tells of signals that are
sent through it, of removals, and it falls silent before it ends its containers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from landbridge_gateway.model import Exit, Gone

_REMOVAL = 2.0  # seconds after a death by somebody's hand in which a removal explains it
_TAKEN_ALONG = (129, 130, 137, 143, 255)  # what containers leave that an engine ended: a signal's code, or no code

Ended = Callable[[str, Exit], None]


class Ends:
    """``inspect`` asks the engine how a container ended."""

    def __init__(self, inspect: Callable[[str], Exit]) -> None:
        self._inspect = inspect
        self._lock = threading.Lock()
        self._ours: set[str] = set()  # containers that we asked to end
        self._signalled: set[str] = set()  # containers that somebody else sent a signal through the engine
        self._away = False  # the engine was not there, and its containers have not been listed since

    def ours(self, attempt: str) -> None:
        with self._lock:
            self._ours.add(attempt)

    def forget(self, attempt: str) -> None:
        with self._lock:
            self._ours.discard(attempt)
            self._signalled.discard(attempt)

    def engine_went(self) -> None:
        self._away = True

    def engine_came(self) -> None:
        self._away = False

    def found(self, ended: Exit) -> Exit:
        """How a container ended that was found ended when all were listed."""
        if self._away and ended.code in _TAKEN_ALONG and not ended.oom:
            return replace(ended, gone=Gone.ENGINE)
        return ended

    def heard(self, attempt: str, action: str, ended: Ended) -> None:
        """The engine tells of a signal (``kill``), a death (``die``) or a removal (``destroy``)."""
        if action == "kill":
            with self._lock:
                if attempt not in self._ours:
                    self._signalled.add(attempt)
        elif action == "destroy":
            self.forget(attempt)
            ended(attempt, Exit(None, gone=Gone.REMOVED))
        elif action == "die":
            how = self._inspect(attempt)
            with self._lock:
                signalled = attempt in self._signalled
            if signalled and how.code is not None:
                # A removal by force begins like this. Where it is one, it is told of in a moment.
                waiting = threading.Timer(_REMOVAL, self._not_removed, (attempt, how, ended))
                waiting.daemon = True
                waiting.start()
            else:
                ended(attempt, how)

    def _not_removed(self, attempt: str, how: Exit, ended: Ended) -> None:
        with self._lock:
            waiting = attempt in self._signalled
            self._signalled.discard(attempt)
        if waiting:
            ended(attempt, how)
