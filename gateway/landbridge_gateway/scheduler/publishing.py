"""From what an attempt left to the end of its job: taken over, brought to the disk, and only then told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from landbridge_gateway.depot.outcome import Outcome
from landbridge_gateway.model import Exit, State, attempt_id
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.decisions import Flight, not_on_disk


class _Loop(Protocol):
    def post(self, event: dict[str, Any]) -> None: ...

    def set_running(self, flight: Flight) -> None: ...

    def land(self, attempt: str, flight: Flight, exited: Exit) -> None: ...


class Publishing:
    """On the loop's thread, but for the disk, which many large results would keep it waiting for."""

    def __init__(
        self, collector: Collector, flights: dict[str, Flight], finish: Callable[[Flight, Outcome], None], loop: _Loop
    ) -> None:
        self._collector, self._flights, self._finish, self._loop = collector, flights, finish, loop

    def publish(self, flight: Flight, exited: Exit | None) -> None:
        """Tell what the attempt came to, at once or when it is on the disk; nothing where nothing can be said yet."""
        job, number = flight.job, flight.number
        outcome = self._collector.outcome(
            *(job, number, flight.owner), flight.limits, exited, flight.stop_reason, flight.usage
        )
        if outcome is None:
            return
        if outcome.state is State.SUCCEEDED:
            # It ran, though nobody that knew of it may be left: a job that is queued would be begun again.
            self._loop.set_running(flight)
        # Before the end: who is told of it finds the record whole, and one durable commit serves both.
        self._collector.absorb(job, number, flight.owner)
        event = {"event": "synced", "attempt": attempt_id(job, number)}
        if self._collector.bring_to_disk(job, number, lambda problem: self._loop.post({**event, "problem": problem})):
            flight.outcome = outcome
        else:
            self._tell(flight, outcome)

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
        self._finish(flight, outcome)
        flight.published, flight.outcome = True, None
