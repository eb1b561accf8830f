"""From what an attempt left to the end of its job: taken over, brought to the disk, and only then told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from landbridge_gateway.depot.outcome import Outcome
from landbridge_gateway.model import Exit, State, attempt_id
from landbridge_gateway.scheduler.attempts import Attempts
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.committing import one_commit
from landbridge_gateway.scheduler.decisions import Flight, not_on_disk
from landbridge_gateway.store.database import Database


class _Loop(Protocol):
    def post(self, event: dict[str, Any]) -> None: ...

    def set_running(self, flight: Flight) -> None: ...

    def land(self, attempt: str, flight: Flight, exited: Exit) -> None: ...


class Publishing:
    """On the loop's thread, but for the disk, which many large results would keep it waiting for."""

    def __init__(
        self, database: Database, collector: Collector, flights: dict[str, Flight], attempts: Attempts, loop: _Loop
    ) -> None:
        self._database, self._collector, self._flights = database, collector, flights
        self._attempts, self._loop = attempts, loop

    def publish(self, flight: Flight, exited: Exit | None) -> bool:
        """Tell what the attempt came to, at once or when it is on the disk; nothing where nothing can be said yet.

        True where its attempt was closed along with that: a call leaves no container that has to go first.
        """
        job, number = flight.job, flight.number
        outcome = self._collector.outcome(
            *(job, number, flight.owner), flight.limits, exited, flight.stop_reason, flight.usage
        )
        if outcome is None:
            return False
        with self._collector.alone:
            self._collector.absorb_many(job, number, flight.owner)
            with one_commit(self._database, flight, durable=True):
                made, closed = self._write_down(flight, outcome, exited)
        if made:
            event = {"event": "synced", "attempt": attempt_id(job, number)}
            self._collector.bring_to_disk(made, lambda problem: self._loop.post({**event, "problem": problem}))
        return closed

    def _write_down(self, flight: Flight, outcome: Outcome, exited: Exit | None) -> tuple[list[Path], bool]:
        """What was made, and is to be on the disk before the end is told; and whether the attempt is closed."""
        job, number = flight.job, flight.number
        if outcome.state is State.SUCCEEDED or exited is None:
            # It ran, though nobody that knew of it may be left: a job that is queued would be begun again.
            self._loop.set_running(flight)
        # Before the end: who is told of it finds the record whole, and one durable commit serves both.
        self._collector.absorb(job, number, flight.owner)
        made = self._collector.made(job, number)
        if made:
            flight.outcome = outcome
            return made, False
        self._tell(flight, outcome)
        return [], self._close_along(flight, exited)

    def _close_along(self, flight: Flight, exited: Exit | None) -> bool:
        attempt = attempt_id(flight.job, flight.number)
        if exited is None or not flight.session or self._collector.mask(flight.job, flight.number):
            return False
        self._collector.leave_inputs(attempt)
        self._attempts.close(attempt, exited)
        return True

    def synced(self, event: dict[str, Any]) -> None:
        """What an attempt left is on the disk, or never will be."""
        flight, problem = self._flights.get(event["attempt"]), event["problem"]
        if flight is None:
            return
        if flight.outcome:
            self._tell(flight, not_on_disk(problem) if problem else flight.outcome)
        if flight.exited:
            self._loop.land(event["attempt"], flight, flight.exited)

    def _tell(self, flight: Flight, outcome: Outcome) -> None:
        self._attempts.finish(flight, outcome)
        flight.published, flight.outcome = True, None
