"""Waiting requests for all handles of a client: ``GET /events`` in a background thread, or two.

A thread starts with the first handle that waits and ends when nobody does. Who waits is woken by the events of its
jobs; nothing is asked again and again. Who waits alone, and for as long as it takes, needs no thread: it asks itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING

from landbridge.errors import BadAnswer, GatewayUnreachable, LandbridgeError
from landbridge.kinds import Json

if TYPE_CHECKING:
    from landbridge.client import Client

_WAIT = 30
MOST_NAMED = 50  # jobs in one request
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
        changed = _told_of(self.jobs, events, whole)
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
        self._alone = False

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
            named = waiter.jobs if not self._threads and len(waiter.jobs) <= MOST_NAMED else None
            started = _Request(self._client, named, cursor, self._lock, self._threads, waiter.all_changes)
            started.waiters.add(waiter)
            self._threads.append(started)
            started.start()
            return True

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Does nobody else wait now? Then the caller may use :meth:`ask`, and others wait without it."""
        with self._lock:
            mine = not self._threads and not self._alone
            self._alone = self._alone or mine
        try:
            yield mine
        finally:
            if mine:
                self._alone = False

    def ask(self, jobs: Iterable[str], cursor: int) -> tuple[dict[str, Json], int]:
        """What was told of jobs that ended after a cursor, once one has or some time is over; and the next cursor."""
        named, tries = frozenset(jobs), 0
        while True:
            try:
                events, cursor, whole = _changes(self._client, named, cursor, all_changes=False)
                return _told_of(named, events, whole), cursor
            except GatewayUnreachable:
                tries += 1
                if tries == _TRIES:
                    raise

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
                events, cursor, whole = _changes(self._client, self._named, self.cursor, self._all_changes)
                tries = 0
            except GatewayUnreachable as problem:
                tries += 1
                if tries == _TRIES:
                    self._fail(problem)
            except LandbridgeError as problem:
                self._fail(problem)
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


def _changes(
    client: Client, named: frozenset[str] | None, cursor: int, all_changes: bool
) -> tuple[list[Json], int, Json]:
    """Events after a cursor, of all jobs or of those that are named; the next cursor; and the jobs that ended."""
    query: Json = {} if all_changes else {"ends": "only"}
    query |= {"job": sorted(named)} if named else {}
    try:
        answer = client.get("/events", patience=_WAIT, after=cursor, wait=_WAIT, **query)
        events = [event for event in answer["events"] if event["job"] and event["state"]]
        return events, int(answer["cursor"]), answer.get("jobs") or {}
    except LandbridgeError:
        raise
    except Exception as problem:
        raise BadAnswer(f"Waiting for the gateway ended: {type(problem).__name__}: {problem}.") from problem


def _told_of(jobs: Set[str], events: Iterable[Json], whole: Json) -> dict[str, Json]:
    """By job, what the events tell of these: all of it, or its state."""
    return {
        event["job"]: whole.get(event["job"]) or {"state": event["state"], "note": event.get("note")}
        for event in events
        if event["job"] in jobs
    }
