"""What is known after a restart, of the gateway or of the warden, of attempts that were begun before.

Part of the loop, and on its thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from landbridge_gateway.depot.folders import remove_folder
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.model import Exit, Gone, Limits, State, Usage, attempt_id
from landbridge_gateway.scheduler.attempts import Attempts
from landbridge_gateway.scheduler.decisions import Flight, causes_of, reconcile
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.publishing import Publishing
from landbridge_gateway.scheduler.sessions import Sessions, session_attempt
from landbridge_gateway.scheduler.sweeps import SweepRuns
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs


class Loop(Protocol):
    """What recovery needs of the loop that it is part of."""

    def send(self, verb: str, **fields: object) -> None: ...
    def set_running(self, flight: Flight) -> None: ...
    def land(self, attempt: str, flight: Flight, exited: Exit) -> None: ...


class Recovery:
    """Compares what there is with what was begun: what runs is taken up, what is gone is ended.

    ``machine_restarted`` is true until the warden said for the first time what there is.
    """

    def __init__(
        self,
        stores: tuple[Jobs, Layout, GivenSecrets],
        attempts: Attempts,
        publishing: Publishing,
        sessions: Sessions,
        sweeps: SweepRuns,
        flights: dict[str, Flight],
        loop: Loop,
        clock: Callable[[], float],
        machine_restarted: bool,
    ) -> None:
        self._jobs, self._layout, self._given = stores
        self._attempts, self._publishing = attempts, publishing
        self._sessions, self._sweeps = sessions, sweeps
        self._flights, self._loop, self._clock = flights, loop, clock
        self.machine_restarted = machine_restarted

    def found(self, event: dict[str, Any]) -> None:
        """The warden said what there is."""
        found = {attempt: Exit.from_json(ended) if ended else None for attempt, ended in event["attempts"].items()}
        if self.machine_restarted:
            found = {one: ended and replace(ended, gone=Gone.MACHINE) for one, ended in found.items()}
        rows = {attempt_id(row["job"], row["number"]): row for row in self._jobs.open_attempts()}
        for attempt in self._attempts.not_ours(found, event.get("tokens") or {}, rows):
            del found[attempt]
            self._loop.send("remove", attempt=attempt)
        for attempt, row in rows.items():
            if attempt not in self._flights:
                self._flights[attempt] = self._recovered(row)
        for attempt, usage in (event.get("usage") or {}).items():
            if attempt in self._flights:  # it may have its result by now, and nobody tells of that but its folder
                self._flights[attempt].usage = Usage(**usage)
        calls = {attempt: self._flights[attempt] for attempt in rows if self._flights[attempt].session}
        self._sessions.recover(calls, found)
        seen = reconcile([attempt for attempt in rows if attempt not in calls], found)
        for attempt in seen.stray:
            self._attempts.late(attempt)
        for attempt in seen.running:
            self._resume(attempt)
        for attempt, ended in seen.ended.items():
            self.ended(attempt, ended)
        for attempt in seen.gone:
            self._give_up(attempt)
        if self.machine_restarted:
            self._sessions.lose_calls()
        self.machine_restarted = False  # what comes from now on began after it

    def ended(self, attempt: str, exited: Exit) -> None:
        """Its container has ended; one that was made and never started is as good as none."""
        if exited.code is None and exited.gone is None:
            # An earlier warden died in between.
            self._loop.send("remove", attempt=attempt)
            self._give_up(attempt)
        else:
            self._loop.land(attempt, self._flights[attempt], exited)

    def _recovered(self, row: Row) -> Flight:
        job = self._jobs.get(row["job"])
        flight = _flight(self._jobs, row, job, self._clock())
        if job["unassigned"] is not None:
            self._sweeps.recover(flight)
        if flight.held:
            self._sessions.took_up(attempt_id(flight.job, flight.number))
        return flight

    def _resume(self, attempt: str) -> None:
        flight = self._flights[attempt]
        self._loop.set_running(flight)
        self._loop.send("bound", attempt=attempt, disk=flight.limits.disk)
        if given := self._given.told(attempt):
            # The warden before this one may have died before the worker read it.
            self._loop.send("give", attempt=attempt, **given)
        if flight.stop_reason:
            self._loop.send("stop", attempt=attempt)
        elif flight.points is not None:
            self._sweeps.absorb(flight)  # the warden tells of its end again
        elif not flight.published and not flight.outcome:
            self._publishing.publish(flight, None)

    def _give_up(self, attempt: str) -> None:
        """Its container is not there: it left an outcome, it never began, or it is lost."""
        flight = self._flights[attempt]
        # After a power cut neither the state nor the events need have reached the disk.
        began = flight.running or self.machine_restarted or self._layout.job_folder(attempt).events.exists()
        if began or flight.published:
            self._loop.land(attempt, flight, Exit(None, gone=Gone.MACHINE if self.machine_restarted else None))
            return
        # Nothing of it ever ran, so a new attempt repeats nothing.
        remove_folder(self._layout, attempt)
        self._attempts.close(attempt, Exit(None))
        del self._flights[attempt]


def _flight(jobs: Jobs, attempt: Row, job: Row, now: float) -> Flight:
    """The flight of an open attempt; ``now`` is on the monotonic clock."""
    limits = Limits(**job["limits"])
    state, task = State(job["state"]), job["task"]
    held = task["function"]["type"] == "session"
    return Flight(
        attempt["job"],
        job["owner"],
        attempt["number"],
        attempt["runtime"],
        limits,
        attempt["token"] or "",
        retries=task.get("retries") or 0,
        retry_on=causes_of(task.get("retry_on")),
        running=state is State.RUNNING,
        published=state.ended,
        stop_reason=attempt["stop_reason"],
        deadline=now + limits.seconds - _spent(attempt, job, now) if state is State.RUNNING and not held else None,
        image=attempt["image"],
        held=held,
        idle=task["function"].get("idle"),
        session=session_attempt(jobs, job["session"]) if job["session"] else None,
    )


def _spent(attempt: Row, job: Row, now: float) -> float:
    """How long it has run. By the clock of the machine, which does not count what it slept and never jumps."""
    if attempt["began"] is not None:
        return max(0.0, now - float(attempt["began"]))
    return seconds_between(job["started"], timestamp()) or 0.0
