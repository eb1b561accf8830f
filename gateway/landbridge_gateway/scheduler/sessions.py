"""Sessions: a held container, and the jobs that run in it one after another. Part of the loop, and on its thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from landbridge_gateway.depot.call_folders import CallFolders
from landbridge_gateway.depot.outcome import Outcome, failure, lost
from landbridge_gateway.engines.interface import EngineError
from landbridge_gateway.model import Cause, Exit, Json, attempt_id, split_attempt
from landbridge_gateway.scheduler.decisions import Flight, ready_sessions, start_failed
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.neighbours import Near
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.queue import Glance

IDLE = 3600  # seconds, where a session names none
_UNHEEDED = 10.0  # seconds until a session that was asked to end is stopped


class Loop(Protocol):
    """What sessions need of the loop that they are part of."""

    @property
    def near(self) -> Near | None: ...

    def send(self, verb: str, **fields: object) -> None: ...
    def post(self, event: dict[str, Any]) -> None: ...
    def begin_call(self, row: Row, session: str) -> str | None: ...
    def set_running(self, flight: Flight) -> None: ...
    def land(self, attempt: str, flight: Flight, exited: Exit) -> None: ...
    def stop(self, attempt: str, reason: str) -> None: ...
    def end(self, job: str, outcome: Outcome, attempt: int | None) -> None: ...


class Sessions:
    """Gives each session that has no call its next one, and ends those that are done or idle."""

    def __init__(
        self,
        jobs: Jobs,
        flights: Mapping[str, Flight],
        folders: CallFolders,
        given: GivenSecrets,
        loop: Loop,
        clock: Callable[[], float],
    ) -> None:
        self._jobs, self._flights, self._folders, self._given = jobs, flights, folders, given
        self._loop, self._clock = loop, clock

    def advance(self, seen: Glance) -> None:
        for row in self._jobs.orphaned_calls() if seen.orphans else []:
            sentence = f"The session {row['session']} has ended: it is {row['state']}."
            outcome = failure(Cause.INPUT, sentence, "Start another session, and submit it there.")
            self._loop.end(row["id"], outcome, None)
        for attempt in ready_sessions(self._flights):
            self._next(attempt, self._flights[attempt], seen)

    def _next(self, attempt: str, session: Flight, seen: Glance) -> None:
        row = self._jobs.next_call(session.job) if seen.calls else None
        if row:
            session.deadline = None
            self._call(attempt, row)
        elif self._jobs.end_requested(session.job) and not self._jobs.open_calls(session.job):
            self._end(attempt, session)
        elif session.deadline is None:
            session.deadline = self._clock() + (session.idle or IDLE)

    def _call(self, session: str, row: Row) -> None:
        call = self._loop.begin_call(row, session)
        if call and not (self._loop.near and not self._given.told(call) and self._tell_near(self._loop.near, call)):
            self._loop.send("call", session=session, attempt=call, **self._told(call))

    def _told(self, call: str) -> Json:
        return {"token": self._flights[call].token} | self._given.told(call)

    def _tell_near(self, near: Near, call: str) -> bool:
        """Tell its session of it without the warden; False where the system lets nobody here watch its folder."""
        session = str(self._flights[call].session)
        try:
            near.watch(call)
            near.tell(session, call)
        except OSError:
            return False
        except EngineError as problem:
            near.forget(call)
            self._loop.post(start_failed(call, problem.message, problem.hint))
        self._flights[call].near = True
        return True

    def overdue(self, attempt: str) -> None:
        """A session was idle for as long as it may, or did not end although it was asked to."""
        session = self._flights[attempt]
        if session.ending:
            self._loop.stop(attempt, "cancel")
            return
        self._jobs.annotate(session.job, f"ended after {session.idle or IDLE} s without a call")
        self._end(attempt, session)

    def _end(self, attempt: str, session: Flight) -> None:
        session.ending = True
        session.deadline = self._clock() + _UNHEEDED
        self._loop.send("end", session=attempt)

    def unheeded(self, call: str) -> None:
        """A call was interrupted and goes on: its session ends with it."""
        session = self._flights[call].session
        self._flights[call].deadline = None
        if session in self._flights:
            self._loop.stop(str(session), "cancel")

    def exited(self, session: str, exited: Exit) -> None:
        """A session's container has ended: its running call ends as it did."""
        self._folders.forget(session)
        for attempt, flight in list(self._flights.items()):
            if flight.session == session:
                self._loop.land(attempt, flight, exited)

    def lose_calls(self) -> None:
        """After a power cut: that a call began need not have reached the disk, and its session is gone."""
        for row in self._jobs.orphaned_calls():
            self._loop.end(row["id"], lost("The job's session is gone, and whether the job began is not known."), None)

    def took_up(self, session: str) -> None:
        """After a restart of the gateway: what it had made for calls that never were is of no use any more."""
        self._folders.clear(session, self._jobs.ids_of_calls(split_attempt(session)[0]))

    def recover(self, calls: Mapping[str, Flight], found: Mapping[str, Exit | None]) -> None:
        """After a restart: calls go on in sessions that do, and end with those that ended."""
        for attempt, flight in calls.items():
            session = str(flight.session)
            if session in found and found[session] is None:
                if not flight.near:
                    # The worker passes over a call that it has begun already.
                    self._loop.send("call", session=session, attempt=attempt, **self._told(attempt))
                self._loop.set_running(flight)
                if flight.stop_reason:
                    self._loop.send("interrupt", session=session)
            else:
                self._loop.land(attempt, flight, found.get(session) or Exit(None))


def session_attempt(jobs: Jobs, session: str) -> str:
    """The attempt of a session's container: sessions are never begun a second time."""
    return attempt_id(session, jobs.get(session)["attempt"])
