"""From queued to begun: whose turn it is, and what begins along with its acceptance.

Part of the loop, and in its turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import new_id
from landbridge_gateway.scheduler.admission import Admission
from landbridge_gateway.scheduler.attempts import Attempts
from landbridge_gateway.scheduler.decisions import Flight, free_slots
from landbridge_gateway.scheduler.fairness import Group, Turns
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.sweeps import SweepRuns
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs, NewJob
from landbridge_gateway.store.queue import Queue


class Loop(Protocol):
    """What starting needs of the loop that it is part of."""

    connected: bool

    def turn(self) -> AbstractContextManager[None]: ...
    def send(self, verb: str, **fields: object) -> None: ...


class Starting:
    def __init__(
        self,
        jobs: Jobs,
        queue: Queue,
        parts: tuple[Attempts, SweepRuns, Admission],
        given: GivenSecrets,
        flights: dict[str, Flight],
        loop: Loop,
        capacity: int,
    ) -> None:
        self._jobs, self._queue = jobs, queue
        self._attempts, self._sweeps, self._admission = parts
        self._given, self._flights, self._loop, self._capacity = given, flights, loop, capacity
        self._turns = Turns(queue.owners, queue.experiments)
        self._served: dict[Group, str] = {}

    @property
    def free(self) -> int:
        """How many more jobs may run; from any thread."""
        return free_slots(list(self._flights.values()), self._capacity)

    def start_queued(self) -> None:
        """Begin those whose turn it is, as many as may run."""
        free = self.free
        running = self._queue.running(flight.job for flight in self._flights.values()) if free else Counter()
        passed: set[Group] = set()
        while free and (group := self._turns.next(running, frozenset(passed))):
            row = self._queue.first(*group, self._served.get(group))
            if row is None:
                passed.add(group)  # all of its queued jobs are being started
                continue
            self._served[group] = row["id"]
            self._start(row, self._attempts.begin(row) if row["unassigned"] is None else self._sweeps.begin(row))
            running[group] += 1
            free -= 1

    def accept(self, new: NewJob, check: Callable[[Any], None]) -> tuple[Row, bool] | None:
        """Store a job and begin it, in one durable commit and on the thread that was asked. As :meth:`Jobs.add`.

        None, and nothing is stored, where something keeps it from running now: it has to stand in line. Safe from any
        thread.
        """
        if not new.ready or new.session or not self.free:
            return None
        with self._loop.turn():
            # Whoever stands in line was there before, and has a place where one is free.
            if not self._loop.connected or not self.free or self._queue.others(()):
                return None
            token = new_id("att")
            row, fresh = self._jobs.add(new, check, begun=token)
            if fresh:
                reach("job row committed")
                self._start(row, self._attempts.begin_accepted(new, token))
            return row, fresh

    def _start(self, row: Row, attempt: str | None) -> None:
        if attempt:
            flight = self._flights[attempt]
            fields = {"runtime": row["runtime"], "language": row["language"], "limits": row["limits"]}
            fields |= self._given.told(attempt) | self._admission.wish(row["runtime"])
            self._loop.send("start", attempt=attempt, token=flight.token, held=flight.held, **fields)
