"""Short calls of sessions: begun and ended by the thread that was asked for them, in the loop's turn.

A call that takes a millisecond would else spend most of its time in being passed on: to the loop, to the warden, to the
worker, and all the way back. Whatever it comes to is dealt with as any other end, by the same code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from landbridge_gateway.depot.call_folders import CallFolders
from landbridge_gateway.engines.interface import EngineError
from landbridge_gateway.scheduler.attempts import Attempts
from landbridge_gateway.scheduler.decisions import Flight, ready_session, start_failed
from landbridge_gateway.scheduler.neighbours import Lookout, Near
from landbridge_gateway.store.jobs import Jobs, NewJob
from landbridge_gateway.warden.watch import UNWATCHED_HINT, unwatched

log = logging.getLogger(__name__)


class Loop(Protocol):
    """What calls need of the loop."""

    @property
    def near(self) -> Near | None: ...

    def turn(self, owing: bool = False) -> AbstractContextManager[None]: ...
    def wake(self) -> None: ...
    def handle(self, event: dict[str, Any]) -> None: ...
    def post(self, event: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Call:
    """A call that was begun, and whoever watches it for the thread that waits."""

    job: str
    attempt: str
    session: str  # its attempt
    lookout: Lookout
    near: Near


class Calls:
    """Safe from any thread, unlike the rest of the loop: each step is done in a turn of its own."""

    def __init__(
        self,
        jobs: Jobs,
        folders: CallFolders,
        attempts: Attempts,
        flights: dict[str, Flight],
        loop: Loop,
        clock: Callable[[], float],
    ) -> None:
        self._jobs, self._folders, self._attempts, self._flights = jobs, folders, attempts, flights
        self._loop, self._clock = loop, clock

    def accept(self, new: NewJob) -> Call | None:
        """Store a call and begin it at once. None, and nothing is stored, where its session does not wait for it.

        It is on the disk with its end, or once somebody brings it there: see ``Database.bring_to_disk``. Whoever has it
        attends to it until it has ended, or leaves it. It never stands in the queue, so there is always room for it.
        """
        near = self._loop.near
        if near is None or not new.ready or new.task.get("secrets"):
            return None
        lookout = near.lookout()
        if lookout is None:
            return None
        call = None
        try:
            with self._loop.turn():
                call = self._begun(new, near, lookout)
        finally:
            if call is None:
                near.give_back(lookout)
        return call

    def _begun(self, new: NewJob, near: Near, lookout: Lookout) -> Call | None:
        session = ready_session(self._flights, str(new.session))
        if session is None or self._jobs.open_calls(str(new.session)):
            return None
        made = self._folders.take(session)
        if made:
            new = replace(new, id=made)
        attempt = self._attempts.accept_call(new, session, lookout.turn_to, made is not None)
        if attempt is None:
            return None
        flight = self._flights[attempt]
        flight.near, flight.deadline = True, self._clock() + flight.limits.seconds
        self._flights[session].deadline = None
        try:
            near.tell(session, attempt)
        except EngineError as problem:
            self._handle(start_failed(attempt, problem.message, problem.hint))
        return Call(new.id, attempt, session, lookout, near)

    def attend(self, call: Call, seconds: float) -> None:
        """Wait for the end of a call, and carry it out, but for what follows; for no longer than that."""
        if call.attempt in self._flights and call.lookout.sees_end(seconds):
            with self._loop.turn(owing=True):
                if call.attempt in self._flights:
                    self._handle({"event": "finished", "attempt": call.attempt})

    def _handle(self, event: dict[str, Any]) -> None:
        """What cannot be done here, because the disk is full for one, is the loop's to do and to tell of."""
        try:
            self._loop.handle(event)
        except Exception as problem:  # noqa: BLE001 - the loop logs it
            log.info("%s of %s is left to the loop: %s", event["event"], event["attempt"], problem)
            self._loop.post(event)

    def follow(self, call: Call) -> None:
        """Once a call was answered: do what is due after its end, and make the folder of its session's next call."""
        with self._loop.turn():
            self._loop.wake()
        self._folders.prepare(call.session)
        if call.session not in self._flights:
            self._folders.forget(call.session)  # it ended meanwhile

    def leave(self, call: Call) -> None:
        """Let others see to its end, if it has not come."""
        call.near.give_back(call.lookout)
        with self._loop.turn():
            flight = self._flights.get(call.attempt)
            if flight is None or flight.outcome:
                return
            try:
                call.near.watch(call.attempt)
            except OSError as problem:
                self._loop.post(start_failed(call.attempt, unwatched(problem), UNWATCHED_HINT))
