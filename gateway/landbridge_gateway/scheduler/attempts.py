"""Attempts: how one begins, what it comes to, and whether another follows. Part of the loop, and on its thread.

Each attempt has a number, a folder of its own and a token. Only the attempt that the job is at may publish. What
another one tells, because its warden or its machine was away and came back, is kept in its own folder, is noted at
the attempt, and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from landbridge_gateway.depot.folders import remove_folder
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.outcome import Outcome, lost
from landbridge_gateway.errors import GatewayError
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Exit, Json, Limits, attempt_id, new_id, split_attempt
from landbridge_gateway.nodes import NoSuchPart
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.decisions import Flight, causes_of, not_laid_out, to_supersede, tried_again
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.spec import Specs
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.jobs import IllegalTransition, Jobs, NewJob

log = logging.getLogger(__name__)
_NOT_LAID_OUT = (NoSuchPart, GatewayError, OSError)
SUPERSEDED = "superseded"  # what an attempt came to whose place another took


class Loop(Protocol):
    """What attempts need of the loop that they are part of."""

    def set_running(self, flight: Flight) -> None: ...
    def send(self, verb: str, **fields: object) -> None: ...
    def post(self, event: Json) -> None: ...
    def wake(self) -> None: ...


class Attempts:
    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        specs: Specs,
        collector: Collector,
        layout: Layout,
        given: GivenSecrets,
        flights: dict[str, Flight],
        loop: Loop,
    ) -> None:
        self._database, self._jobs, self._specs = database, jobs, specs
        self._collector, self._layout = collector, layout
        self._given, self._flights, self._loop = given, flights, loop

    # Beginning.

    def begin(self, row: Row) -> str | None:
        """Number an attempt and lay out its folder; None when the job ended instead, or has no attempt coming."""
        job, token = row["id"], new_id("att")
        try:
            number = self._jobs.begin_attempt(job, row["runtime"], token)
        except IllegalTransition:
            return None  # it was cancelled a moment ago
        flight = Flight(job, row["owner"], number, row["runtime"], Limits(**row["limits"]), token)
        flight.held = row["function"]["type"] == "session"
        flight.idle = self._jobs.get(job)["task"]["function"].get("idle") if flight.held else None
        flight.retries, flight.retry_on = row["retries"] or 0, causes_of(row["retry_on"])
        return self._laid_out(flight, lambda: self._specs.write(job, number, token, held=flight.held))

    def begin_accepted(self, new: NewJob, token: str) -> str | None:
        """The same of a job that was stored with its first attempt in one commit, and has no inputs."""
        function = new.task["function"]
        flight = Flight(new.id, new.owner, 1, new.runtime, Limits(**new.limits), token)
        flight.held, flight.idle = function["type"] == "session", function.get("idle")
        flight.retries, flight.retry_on = new.task.get("retries") or 0, causes_of(new.task.get("retry_on"))
        return self._laid_out(flight, lambda: self._specs.write_new(new, token, held=flight.held))

    def _laid_out(self, flight: Flight, write: Callable[[], object]) -> str | None:
        reach("lease taken")
        try:
            write()
        except _NOT_LAID_OUT as problem:
            told = {"event": "not_laid_out", "job": flight.job, "number": flight.number, "problem": problem}
            try:
                self.not_laid_out(told)
            except GatewayError:
                self._loop.post(told)  # that cannot be written down now either, and is not forgotten
            return None
        attempt = attempt_id(flight.job, flight.number)
        self._flights[attempt] = flight
        return attempt

    def begin_call(self, row: Row, session: str) -> str | None:
        """The same for a call, which its session waits for: one commit says that it was begun and that it runs.

        That need not be on the disk. A power cut ends a session, and all of its calls with it.
        """
        job, number, token = row["id"], row["attempt"] + 1, new_id("att")
        attempt = attempt_id(job, number)
        try:
            self._specs.write(job, number, token, session)
        except _NOT_LAID_OUT as problem:
            with suppress(IllegalTransition):
                self._jobs.begin_attempt(job, row["runtime"], token, durable=False)
                self._come_to_nothing(job, number, problem)
            return None
        flight = Flight(job, row["owner"], number, row["runtime"], Limits(**row["limits"]), token, session=session)
        try:
            with self._database.write(durable=False):
                self._jobs.begin_attempt(job, row["runtime"], token, durable=False)
                self._loop.set_running(flight)
        except IllegalTransition:
            self._given.leave(attempt)
            remove_folder(self._layout, attempt)
            return None
        self._flights[attempt] = flight
        return attempt

    def accept_call(self, new: NewJob, session: str, laid_out: Callable[[JobFolder], None], made: bool) -> str | None:
        """Store a call that its session waits for, and begin it, in one commit that need not be on the disk yet.

        None where nothing was stored: its key is known, or its folder could not be written or be ``laid_out``, which
        is found again, and told, by whoever stores it as any other job. ``made``: its folder is there.
        """
        token, attempt = new_id("att"), attempt_id(new.id, 1)
        flight = Flight(new.id, new.owner, 1, new.runtime, Limits(**new.limits), token, running=True, session=session)
        begun = False
        try:
            laid_out(self._specs.write_new(new, token, session, made=made))
            begun = self._jobs.add_begun(new, token)
        except (NoSuchPart, OSError):
            return None
        finally:
            if not begun:
                remove_folder(self._layout, attempt)
        if not begun:
            return None
        for step in ("job row committed", "lease taken", "running"):
            reach(step)
        self._flights[attempt] = flight
        return attempt

    def not_laid_out(self, event: Json) -> None:
        self._come_to_nothing(event["job"], event["number"], event["problem"])

    def _come_to_nothing(self, job: str, number: int, problem: Exception) -> None:
        attempt = attempt_id(job, number)
        remove_folder(self._layout, attempt)
        self.close(attempt, Exit(None))
        self.end(job, not_laid_out(problem), number)

    # To the end.

    def finish(self, flight: Flight, outcome: Outcome) -> None:
        """What an attempt came to is what the job did, unless another attempt was asked for."""
        if not self._again(flight, outcome):
            self.end(flight.job, self._with_tries(flight, outcome), flight.number)

    def _again(self, flight: Flight, outcome: Outcome, state: str | None = None) -> bool:
        if not flight.retries or not tried_again(
            outcome, self._jobs.tries(flight.job), flight.retries, flight.retry_on
        ):
            return False
        told = {"state": state or str(outcome.state), "cause": outcome.cause, "error": outcome.error}
        why = (outcome.error or {}).get("message") or str(outcome.state)
        note = f"attempt {flight.number} came to nothing, and another follows: {why}"
        if not self._jobs.again(flight.job, flight.number, told, note):
            return False
        self._loop.wake()
        return True

    def _with_tries(self, flight: Flight, outcome: Outcome) -> Outcome:
        if not flight.retries or outcome.error is None:
            return outcome
        tries = self._jobs.tries(flight.job) + 1
        if tries > 1:
            outcome.error["message"] += f" It was tried {tries} times."
        outcome.error["attempts"] = tries
        return outcome

    def end(self, job: str, outcome: Outcome, attempt: int | None) -> None:
        """Write down what became of a job; with no attempt, of one that never began."""
        try:
            self._jobs.move(
                job, outcome.state, cause=outcome.cause, attempt=attempt, result=outcome.result, error=outcome.error
            )
        except IllegalTransition as refused:
            # Somebody was first: a cancel, or the same end told twice. What is committed stands.
            log.warning("%s", refused)
        self._database.afterwards(lambda: reach("end committed"))
        self._loop.wake()

    def close(self, attempt: str, exited: Exit) -> None:
        """Its container is gone, and it has no secrets any more."""
        self._given.leave(attempt)
        self._jobs.close_attempt(*split_attempt(attempt), exited)

    # Fencing.

    def flight_of(self, event: Json) -> Flight | None:
        """The attempt that an event is of, if it is one of ours: what carries another token speaks of another."""
        flight = self._flights.get(event["attempt"])
        return flight if flight and event.get("token") in (None, "", flight.token) else None

    def not_ours(self, found: Iterable[str], tokens: Json, rows: dict[str, Row]) -> set[str]:
        """Of the attempts that the warden found, those that have the name of one of ours and not its token."""
        return {one for one in found if one in rows and tokens.get(one) not in (None, rows[one]["token"])}

    def supersede(self, lease: float) -> None:
        """The warden does not answer: another attempt takes the place of each that was to be tried again when lost."""
        for attempt in to_supersede(self._flights):
            flight = self._flights[attempt]
            sentence = f"The warden did not answer for {lease:g} s, and nobody knew what became of the job."
            if self._again(flight, lost(sentence), SUPERSEDED):
                # Its secrets are hidden in what it writes until its container has ended: see late().
                self._jobs.close_attempt(flight.job, flight.number, Exit(None))
                del self._flights[attempt]

    def late(self, attempt: str, exited: bool = False) -> None:
        """An attempt that is over was heard of: it is ended, and what it left is noted where it stands."""
        self._loop.send("remove", attempt=attempt)
        if exited:
            self._given.leave(attempt)
        job, number = split_attempt(attempt)
        row, folder = self._jobs.attempt(job, number), self._layout.job_folder(attempt)
        outcome = row["outcome"] if row else None
        if outcome and outcome["state"] == SUPERSEDED and not outcome.get("late"):
            left = [path.stem for path in (folder.result, folder.error) if path.exists()]
            if left:
                log.warning("%s was superseded, and its late %s is kept aside", attempt, left[0])
                self._jobs.note_late(job, number, outcome | {"late": left[0]})
