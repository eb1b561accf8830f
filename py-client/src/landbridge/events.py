"""One waiting request for all handles of a client: ``GET /events`` in one background thread.

The thread starts with the first handle that waits and ends when nobody does. Who waits is woken by the events of its
jobs; nothing is asked again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from landbridge.errors import BadAnswer, GatewayUnreachable, LandbridgeError
from landbridge.kinds import Json

if TYPE_CHECKING:
    from landbridge.client import Client

_WAIT = 30
# Long enough for a gateway to be started again under the handles that wait.
_TRIES = 12


class Waiter:
    """Who waits for some jobs: ``notify`` is called from the thread whenever one of them changed."""

    def __init__(self, jobs: Iterable[str], notify: Callable[[], object]) -> None:
        self.jobs = frozenset(jobs)
        self.notify = notify
        self._states: dict[str, Json] = {}
        self._problem: LandbridgeError | None = None
        self._lock = threading.Lock()

    def take(self) -> dict[str, Json]:
        """What was told of each job that ended since the last time: all of it, or its state; raises what ended the
        waiting.
        """
        with self._lock:
            if self._problem:
                raise self._problem
            found, self._states = self._states, {}
            return found

    def hear(self, events: Iterable[Json], whole: Json) -> None:
        """``whole`` has the jobs themselves, where these came with the events."""
        changed = {
            event["job"]: whole.get(event["job"]) or {"state": event["state"]}
            for event in events
            if event["job"] in self.jobs
        }
        if changed:
            with self._lock:
                self._states |= changed
            self.notify()

    def fail(self, problem: LandbridgeError) -> None:
        with self._lock:
            self._problem = problem
        self.notify()


class Events:
    """The waiters of one client, and the thread that asks for them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._waiters: set[Waiter] = set()
        self._thread: threading.Thread | None = None
        self._cursor = 0

    def join(self, waiter: Waiter, cursor: int) -> bool:
        """Start to wait; True when no event after ``cursor`` can be missed, else the jobs must be looked at once."""
        with self._lock:
            self._waiters.add(waiter)
            if self._thread is not None:
                return self._cursor <= cursor
            self._cursor = cursor
            self._thread = threading.Thread(target=self._run, name="landbridge-events", daemon=True)
            self._thread.start()
            return True

    def leave(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiters.discard(waiter)

    def _run(self) -> None:
        tries = 0
        while self._wanted():
            try:
                answer = self._client.get("/events", patience=_WAIT, after=self._cursor, wait=_WAIT, ends="only")
                events, cursor, whole = answer["events"], int(answer["cursor"]), answer.get("jobs") or {}
                tries = 0
            except GatewayUnreachable as problem:
                tries += 1
                if tries == _TRIES:
                    self._fail(problem)
            except LandbridgeError as problem:
                self._fail(problem)
            except Exception as problem:  # noqa: BLE001 - a thread that dies without a word leaves its waiters forever
                self._fail(BadAnswer(f"Waiting for the gateway ended: {type(problem).__name__}: {problem}."))
            else:
                self._deliver(events, cursor, whole)

    def _wanted(self) -> bool:
        """Is anybody waiting? If not, the thread is given up in the same breath, so that the next one starts anew."""
        with self._lock:
            if not self._waiters:
                self._thread = None
            return bool(self._waiters)

    def _deliver(self, events: list[Json], cursor: int, whole: Json) -> None:
        with self._lock:
            self._cursor = cursor
            waiters = list(self._waiters)
        for waiter in waiters:
            waiter.hear(events, whole)

    def _fail(self, problem: LandbridgeError) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.fail(problem)
