"""Waiting requests for all handles of a client: ``GET /events`` in a background thread, or two.

A thread starts with the first handle that waits and ends when nobody does. Who waits is woken by the events of its
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
_MOST_NAMED = 50  # jobs in one request
ENDED = frozenset({"succeeded", "failed", "cancelled", "lost"})
# Long enough for a gateway to be started again under the handles that wait.
_TRIES = 12


class Waiter:
    """Who waits for some jobs: ``notify`` is called from the thread whenever one of them changed.

    ``all_changes``: not their ends alone, but also what a waiting job waits for.
    """

    def __init__(self, jobs: Iterable[str], notify: Callable[[], object], all_changes: bool = False) -> None:
        self.jobs = frozenset(jobs)
        self.notify = notify
        self.all_changes = all_changes
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
            event["job"]: whole.get(event["job"]) or {"state": event["state"], "note": event.get("note")}
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
    """The waiters of one client. There are two requests, one that names its jobs, and one for all others; a third one
    where somebody looks on and is told of all changes.

    A gateway wakes who names jobs only for these, so that is what the first waiter does; those that join while its
    request is under way have one for whatever jobs there are.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._threads: list[_Request] = []

    @property
    def waiters(self) -> list[Waiter]:
        with self._lock:
            return [waiter for thread in self._threads for waiter in thread.waiters]

    def join(self, waiter: Waiter, cursor: int) -> bool:
        """Start to wait; True when no event after ``cursor`` can be missed, else the jobs must be looked at once."""
        with self._lock:
            for thread in self._threads:
                if thread.covers(waiter):
                    thread.waiters.add(waiter)
                    return thread.cursor <= cursor
            named = waiter.jobs if not self._threads and len(waiter.jobs) <= _MOST_NAMED else None
            started = _Request(self._client, named, cursor, self._lock, self._threads, waiter.all_changes)
            started.waiters.add(waiter)
            self._threads.append(started)
            started.start()
            return True

    def leave(self, waiter: Waiter) -> None:
        with self._lock:
            for thread in self._threads:
                thread.waiters.discard(waiter)


class _Request(threading.Thread):
    """Asks for ends, or for all changes, again and again, as long as somebody waits for one.

    ``lock`` guards what is not its own.
    """

    def __init__(
        self,
        client: Client,
        named: frozenset[str] | None,
        cursor: int,
        lock: threading.Lock,
        threads: list[_Request],
        all_changes: bool,
    ) -> None:
        super().__init__(name="landbridge-events", daemon=True)
        self._client, self._lock, self._threads = client, lock, threads
        self._named = named
        self._all_changes = all_changes
        self.cursor = cursor
        self.waiters: set[Waiter] = set()

    def covers(self, waiter: Waiter) -> bool:
        told = self._all_changes or not waiter.all_changes
        return told and (self._named is None or waiter.jobs <= self._named)

    def run(self) -> None:
        tries = 0
        while self._wanted():
            try:
                query: Json = {} if self._all_changes else {"ends": "only"}
                query |= {"job": sorted(self._named)} if self._named else {}
                answer = self._client.get("/events", patience=_WAIT, after=self.cursor, wait=_WAIT, **query)
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
        """Is anybody waiting? If not, it is given up in the same breath, so that the next one starts anew."""
        with self._lock:
            # Of named jobs that have all ended nothing more will come.
            wanted = bool(self.waiters) and (self._named is None or bool(self._named))
            if not wanted and self in self._threads:
                self._threads.remove(self)
        return wanted

    def _deliver(self, events: list[Json], cursor: int, whole: Json) -> None:
        with self._lock:
            self.cursor = cursor
            waiters = list(self.waiters)
            if self._named is not None:
                self._named -= {event["job"] for event in events if event["state"] in ENDED}
        for waiter in waiters:
            waiter.hear(events, whole)

    def _fail(self, problem: LandbridgeError) -> None:
        with self._lock:
            waiters, self.waiters = self.waiters, set()
        for waiter in waiters:
            waiter.fail(problem)
