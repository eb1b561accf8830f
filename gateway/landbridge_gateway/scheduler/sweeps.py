"""Sweeps: a job of many points, handed in chunks to as many workers as may run. Part of the loop, and on its thread.

A chunk is an attempt of the sweep. A point that a worker began is never begun again; those that it did not begin go
back in line when it ends, and when it is recalled: because others wait for a place, or because places are free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from landbridge_gateway.depot.folders import Unreadable, pass_over, recall
from landbridge_gateway.depot.outcome import Outcome, failure
from landbridge_gateway.errors import GatewayError
from landbridge_gateway.model import Cause, Exit, Gone, Json, Limits, State, attempt_id, new_id
from landbridge_gateway.nodes import NoSuchPart
from landbridge_gateway.scheduler.chunks import Chunks
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.decisions import Flight, chunk_size, not_laid_out, to_recall
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.spec import Specs
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import IllegalTransition, Jobs
from landbridge_gateway.store.queue import Glance, Queue
from landbridge_gateway.store.sweeps import Sweeps

TURN = 1.0  # seconds after which it is looked whether others should have a chunk's place
_NULL = {"kind": "null"}


class Loop(Protocol):
    """What sweeps need of the loop that they are part of."""

    def send(self, verb: str, **fields: object) -> None: ...
    def stop(self, attempt: str, reason: str) -> None: ...


class SweepRuns:
    """Gives sweeps their workers, takes in what these tell, and ends the sweeps whose points have ended."""

    def __init__(
        self,
        stores: tuple[Jobs, Sweeps, Queue],
        chunks: Chunks,
        collector: Collector,
        specs: Specs,
        given: GivenSecrets,
        flights: dict[str, Flight],
        loop: Loop,
        capacity: int,
        clock: Callable[[], float],
    ) -> None:
        self._jobs, self._sweeps, self._queue = stores
        self._chunks, self._collector, self._specs, self._given = chunks, collector, specs, given
        self._flights, self._loop, self._capacity, self._clock = flights, loop, capacity, clock

    # Beginning.

    def begin(self, row: Row) -> str | None:
        """Number a chunk and lay out its folder; None when nothing of it can be run."""
        sweep, owner = row["id"], row["owner"]
        token = new_id("att")
        number = self._jobs.begin_attempt(sweep, row["runtime"], token)
        others = sum(flight.job == sweep and not flight.published for flight in self._flights.values())
        size = chunk_size(self._sweeps.unassigned(sweep), self._capacity - others)
        points = self._sweeps.assign(sweep, number, size)
        flight = Flight(sweep, owner, number, row["runtime"], Limits(**row["limits"]), token)
        flight.points = {point["point"]: point["job"] for point in points}
        flight.given = len(points)
        try:
            lacking = self._specs.write_chunk(sweep, number, token, points)
        except (NoSuchPart, GatewayError, OSError) as problem:
            self._given.leave(attempt_id(sweep, number))
            self._jobs.close_attempt(sweep, number, Exit(None))
            self.fail(sweep, owner, not_laid_out(problem), number)
            return None
        if lacking:
            self._chunks.refuse(flight, lacking)
        if not flight.points:
            self._given.leave(attempt_id(sweep, number))
            self._jobs.close_attempt(sweep, number, Exit(None))
            return None
        attempt = attempt_id(sweep, number)
        self._flights[attempt] = flight
        return attempt

    def running(self, flight: Flight) -> None:
        """Its worker has started."""
        if self._jobs.state(flight.job) is State.QUEUED:
            self._jobs.move(flight.job, State.RUNNING)
        flight.running = True
        flight.began = self._clock()
        flight.turn = self._clock() + TURN
        self._set_deadline(flight)

    def _set_deadline(self, flight: Flight) -> None:
        flight.deadline = self._clock() + flight.limits.seconds

    def recover(self, flight: Flight) -> None:
        """What is known of a chunk after a restart."""
        flight.points, flight.current = self._sweeps.unfinished(flight.job, flight.number)
        if flight.current is not None:
            flight.since = self._jobs.get(flight.chunk[flight.current])["started"]

    # On the way.

    def absorb(self, flight: Flight) -> None:
        if self._chunks.absorb(flight):
            flight.progressed = True
            self._set_deadline(flight)

    def advance(self, seen: Glance) -> None:
        """Recall chunks whose places others should have, and end sweeps whose points have ended."""
        due = to_recall(
            self._flights,
            self._clock(),
            self._capacity,
            lambda: self._queue.others({flight.job for flight in self._flights.values()}),
            self._sweeps.unassigned,
        )
        for attempt in due:
            self._recall(self._flights[attempt])
        for flight in self._flights.values():
            if flight.turn is not None and flight.turn <= self._clock():
                flight.turn = self._clock() + TURN
        for row in self._sweeps.settled() if seen.sweeps else []:
            if not any(flight.job == row["id"] for flight in self._flights.values()):
                self._settle(row)

    def _recall(self, flight: Flight) -> None:
        flight.recalled = True
        recall(self._chunks.folder(flight))

    def overdue(self, attempt: str) -> None:
        """A point ran longer than its limit: it is stopped, unless it has ended meanwhile."""
        flight = self._flights[attempt]
        self._stop_current(attempt, flight, flight.current, "timeout")

    def cancel_point(self, row: Row) -> None:
        """Stop a point that runs, and no other."""
        attempt = attempt_id(row["sweep"], row["chunk"])
        flight = self._flights.get(attempt)
        current = flight.current if flight and not flight.stop_reason else None
        if flight and current is not None and flight.chunk[current] == row["id"]:
            self._stop_current(attempt, flight, current, "cancel")

    def _stop_current(self, attempt: str, flight: Flight, point: int | None, reason: str) -> None:
        # Its worker begins nothing from here on: what has not ended when its events are read again is still this point.
        self._recall(flight)
        self.absorb(flight)
        if flight.current == point and not flight.published:
            self._loop.stop(attempt, reason)

    def pass_over(self, sweep: str, chunk: int, point: int) -> None:
        """A point was cancelled that a worker has and may not have begun."""
        flight = self._flights.get(attempt_id(sweep, chunk))
        if flight and flight.chunk.pop(point, None):
            pass_over(self._chunks.folder(flight), point)

    def cancel(self, sweep: str) -> None:
        """Stop the chunks of a sweep and end its other points; once no chunk is left, end the sweep."""
        row = self._jobs.get(sweep)
        mine = {attempt: flight for attempt, flight in self._flights.items() if flight.job == sweep}
        for attempt, flight in mine.items():
            if not flight.stop_reason and not flight.published:
                self._recall(flight)
                self._loop.stop(attempt, "cancel")
        self._sweeps.end_open(sweep, row["owner"], State.CANCELLED, None, None)
        if not mine:
            self._end(sweep, Outcome(State.CANCELLED))

    # To the end.

    def finished(self, flight: Flight) -> None:
        """The worker wrote its last word: the points that it has not begun go back in line."""
        self.absorb(flight)
        error = self._load_error(flight)
        if error is not None:
            self.fail(flight.job, flight.owner, Outcome(State.FAILED, Cause.ERROR, error=error), flight.number)
        else:
            self._chunks.bury(flight, Exit(0), None)
        self._close(flight)

    def landed(self, flight: Flight, exited: Exit, machine_restarted: bool) -> None:
        """Its container has ended, or is not there."""
        if flight.published:
            return
        self.absorb(flight)
        stop = flight.stop_reason
        folder = self._chunks.folder(flight)
        if folder.result.exists() or folder.error.exists():
            self.finished(flight)
            return
        if flight.current is not None:
            self._chunks.bury(flight, exited, stop)
        elif machine_restarted:
            # After a power cut, that a point began need not have reached the disk.
            gone = Exit(None, gone=Gone.MACHINE)
            lost = self._collector.outcome(flight.job, flight.number, flight.owner, flight.limits, gone, None)
            self._end_chunk(flight, lost)
        elif exited.code is not None and not exited.gone and not flight.progressed and stop != "cancel":
            # It died before its first point, as it would the next time.
            found = self._collector.outcome(flight.job, flight.number, flight.owner, flight.limits, exited, stop)
            if found:
                self.fail(flight.job, flight.owner, found, flight.number)
        self._close(flight)

    def _close(self, flight: Flight) -> None:
        self._sweeps.give_back(flight.job, flight.number)
        flight.points, flight.published = {}, True

    def _load_error(self, flight: Flight) -> Json | None:
        """What the worker says of a function or values that could not be loaded."""
        try:
            found = self._collector.published(self._chunks.folder(flight).error, "error")
            mask = self._collector.mask(flight.job, flight.number)
            return mask.in_json(found) if mask else found
        except Unreadable as problem:
            sentence = f"The sweep's error cannot be read: {problem}."
            return failure(Cause.PROTOCOL, sentence, "Run `landbridge images build`.").error

    def _end_chunk(self, flight: Flight, outcome: Outcome | None) -> None:
        if outcome:
            for job in flight.chunk.values():
                self._sweeps.end_one(flight.job, flight.owner, job, outcome.state, outcome.cause, outcome.error)

    def start_failed(self, flight: Flight, outcome: Outcome) -> None:
        """No container could be started for a chunk."""
        if flight.stop_reason:
            self._close(flight)
        else:
            self.fail(flight.job, flight.owner, outcome, flight.number)

    def fail(self, sweep: str, owner: str, outcome: Outcome, chunk: int | None = None) -> None:
        """End the points that nobody runs; the sweep follows when the others have ended."""
        self._sweeps.end_open(sweep, owner, outcome.state, outcome.cause, outcome.error, chunk)

    def refuse(self, row: Row, outcome: Outcome) -> None:
        """A sweep that waits comes to nothing, and its points with it."""
        self.fail(row["id"], row["owner"], outcome)
        self._end(row["id"], outcome)

    def _settle(self, row: Row) -> None:
        sweep = row["id"]
        if row["state"] == State.QUEUED:
            self._jobs.move(sweep, State.RUNNING)
        counts = self._sweeps.counts(sweep)
        unwell = self._sweeps.first_unwell(sweep)
        self._end(sweep, _summary(counts, unwell) if unwell else Outcome(State.SUCCEEDED, result=_NULL))

    def _end(self, sweep: str, outcome: Outcome) -> None:
        try:
            self._jobs.move(sweep, outcome.state, cause=outcome.cause, result=outcome.result, error=outcome.error)
        except IllegalTransition:
            return  # it has ended already


def _summary(counts: dict[str, int], first: Row) -> Outcome:
    """What a sweep comes to whose points did not all succeed."""
    unwell = {state: counts[state] for state in ("failed", "cancelled", "lost") if counts[state]}
    told = ", ".join(f"{count:,} {state}" for state, count in unwell.items())
    error = first["error"] or {}
    why = f"{error['type']}: {error['message']}" if error else str(first["state"])
    sentence = f"{sum(unwell.values()):,} of {counts['total']:,} points did not succeed ({told})."
    sentence += f" The first is point {first['point']}: {why}"
    return failure(Cause.ERROR, sentence, "Look at that point first.")
