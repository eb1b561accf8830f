"""The scheduler's decisions. No IO, no clock: everything they need is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from landbridge_gateway.depot.outcome import Outcome, failure
from landbridge_gateway.model import Cause, Exit, Limits, State


@dataclass
class Flight:
    """An attempt that was sent to the warden and whose container has not been removed yet."""

    job: str
    number: int
    runtime: str
    limits: Limits
    running: bool = False
    published: bool = False
    stop_reason: str | None = None
    deadline: float | None = None  # on the monotonic clock
    image: str | None = None
    held: bool = False  # it is a session
    idle: int | None = None  # seconds that a session may wait for a call
    ending: bool = False  # a session that was asked to end
    session: str | None = None  # of a call: the attempt of the session in which it runs

    @property
    def interruptible(self) -> bool:
        """Is it a call that was asked to stop, and may be waited for until its deadline?"""
        return self.session is not None and self.stop_reason is not None and not self.published


@dataclass(frozen=True)
class Reconciled:
    """What a list of the containers there are means for the attempts we believe in."""

    gone: list[str] = field(default_factory=list)
    ended: dict[str, Exit] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)


def failed_input(states: Mapping[str, State]) -> Outcome | None:
    """What becomes of a job whose inputs have ended so: nothing, or its own end."""
    failed = sorted(job for job, state in states.items() if state.ended and state is not State.SUCCEEDED)
    if not failed:
        return None
    sentence = f"Its input {failed[0]} did not succeed: it is {states[failed[0]]}."
    return failure(Cause.INPUT, sentence, "Look at that job first.")


def free_slots(flights: Iterable[Flight], capacity: int) -> int:
    """A slot is free again only when its container has exited: until then it holds its memory.

    Sessions have a bound of their own: one that waits for its owner must not keep others from running.
    """
    return max(0, capacity - sum(1 for flight in flights if not flight.held and flight.session is None))


def ready_sessions(flights: Mapping[str, Flight]) -> list[str]:
    """Sessions that run and have no call."""
    busy = {flight.session for flight in flights.values() if flight.session}
    return [
        attempt
        for attempt, flight in flights.items()
        if flight.held and flight.running and not flight.ending and not flight.stop_reason and attempt not in busy
    ]


def unheeded(flights: Mapping[str, Flight], now: float) -> list[str]:
    """Calls that were interrupted some time ago and go on all the same."""
    return [
        attempt
        for attempt, flight in flights.items()
        if flight.interruptible and flight.deadline is not None and flight.deadline <= now
    ]


def overdue(flights: Mapping[str, Flight], now: float) -> list[str]:
    """Attempts that ran longer than their limit and were not asked to stop yet."""
    return [
        attempt
        for attempt, flight in flights.items()
        if flight.deadline is not None and flight.deadline <= now and not flight.stop_reason and not flight.published
    ]


def next_deadline(flights: Iterable[Flight]) -> float | None:
    times = [
        flight.deadline
        for flight in flights
        if flight.deadline is not None and not flight.published and (not flight.stop_reason or flight.interruptible)
    ]
    return min(times, default=None)


def reconcile(believed: Iterable[str], found: Mapping[str, Exit | None]) -> Reconciled:
    """Compare the attempts we believe to be open with the containers there are."""
    open_attempts = set(believed)
    return Reconciled(
        gone=sorted(open_attempts - set(found)),
        ended={attempt: ended for attempt, ended in found.items() if ended is not None and attempt in open_attempts},
        running=sorted(attempt for attempt, ended in found.items() if ended is None and attempt in open_attempts),
        stray=sorted(set(found) - open_attempts),
    )
