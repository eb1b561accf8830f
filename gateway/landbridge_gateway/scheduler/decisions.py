"""The scheduler's decisions. No IO, no clock: everything they need is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landbridge_gateway.depot.outcome import Outcome, failure
from landbridge_gateway.depot.stamps import ChangedFile
from landbridge_gateway.errors import DiskFailed, DiskFull, GatewayError, is_disk_full
from landbridge_gateway.model import RETRIED_UNASKED, Cause, Exit, Limits, State, Usage


@dataclass
class Flight:
    """An attempt that was sent to the warden and whose container has not been removed yet."""

    job: str
    owner: str
    number: int
    runtime: str
    limits: Limits
    token: str = ""  # by which a word of this attempt is told from one of another that had its number
    retries: int = 0  # how often it may be tried again, and after which ends
    retry_on: tuple[str, ...] = ()
    running: bool = False
    published: bool = False
    outcome: Outcome | None = None  # told when what it left is on the disk
    exited: Exit | None = None  # it has ended meanwhile
    stop_reason: str | None = None
    deadline: float | None = None  # on the monotonic clock
    image: str | None = None
    usage: Usage | None = None  # what the kernel counted of it, where that was told before its exit
    held: bool = False  # it is a session
    idle: int | None = None  # seconds that a session may wait for a call
    ending: bool = False  # a session that was asked to end
    session: str | None = None  # of a call: the attempt of the session in which it runs
    near: bool = False  # a call that the gateway told its session of, and watches, without the warden
    points: dict[int, str] | None = None  # of a sweep's chunk: the jobs of the points that have not ended
    given: int = 0  # how many points it had at first
    began: float | None = None  # when its worker began with them, on the monotonic clock
    current: int | None = None  # the point that has begun, and since when
    since: str | None = None
    progressed: bool = False  # a point has begun
    recalled: bool = False  # its worker begins no further point
    turn: float | None = None  # when it is looked again whether others should have its place

    @property
    def chunk(self) -> dict[int, str]:
        """The points of a flight that is a sweep's chunk."""
        assert self.points is not None
        return self.points

    @property
    def takes_calls(self) -> bool:
        """Is it a session that runs, and was not asked to end?"""
        return self.held and self.running and not self.ending and not self.stop_reason

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


_OF_ATTEMPTS = ("started", "start_failed", "activity", "finished", "exited")


def tried_again(outcome: Outcome, tries: int, retries: int, retry_on: Collection[str]) -> bool:
    """Is another attempt asked for? ``tries`` are those before this one that came to nothing."""
    end = str(outcome.cause) if outcome.state is State.FAILED else str(outcome.state)
    return tries < retries and end in retry_on


def causes_of(retry_on: Iterable[str] | None) -> tuple[str, ...]:
    """After which ends a task is tried again, whose `retry_on` is this."""
    return tuple(retry_on or RETRIED_UNASKED)


def to_supersede(flights: Mapping[str, Flight]) -> list[str]:
    """Attempts that another may take the place of while nobody knows what became of them."""
    return [
        attempt
        for attempt, flight in flights.items()
        if "lost" in flight.retry_on
        and flight.retries
        and not (flight.published or flight.outcome or flight.stop_reason)
    ]


def failed_input(states: Mapping[str, State]) -> Outcome | None:
    """What becomes of a job whose inputs have ended so: nothing, or its own end."""
    failed = sorted(job for job, state in states.items() if state.ended and state is not State.SUCCEEDED)
    if not failed:
        return None
    sentence = f"Its input {failed[0]} did not succeed: it is {states[failed[0]]}."
    return failure(Cause.INPUT, sentence, "Look at that job first.")


def not_on_disk(problem: OSError, what: str = "result") -> Outcome:
    """What becomes of a job of which the disk did not take something."""
    if is_disk_full(problem):
        full = DiskFull()
        return failure(Cause.DISK, full.message, full.hint or "")
    sentence = f"The disk did not take the job's {what}: {problem.strerror}."
    return failure(Cause.DISK, sentence, "Look at the disk, then submit the job again.")


def changes_nothing(event: Mapping[str, Any] | None, flights: Mapping[str, Flight]) -> bool:
    """Is it an event after which nothing can be done that could not be done before?"""
    if event is None or event["event"] not in ("pool", "started", "activity"):
        return False
    flight = flights.get(event.get("attempt", ""))
    return flight is None or not (flight.held or flight.points is not None)


def is_early(event: Mapping[str, Any], flights: Mapping[str, Flight]) -> bool:
    """Is it a word of an attempt that this gateway will know once the warden has said what there is? Before that it
    says little: one that was begun by an earlier gateway is no stray.
    """
    return event["event"] in _OF_ATTEMPTS and event["attempt"] not in flights


def start_failed(attempt: str, message: str, hint: str) -> dict[str, str]:
    """The event by which the warden tells that an attempt could not be started, for whoever finds that out here."""
    return {"event": "start_failed", "attempt": attempt, "message": message, "hint": hint}


def not_laid_out(problem: Exception) -> Outcome:
    """What becomes of a job whose folder could not be written."""
    if isinstance(problem, DiskFull | DiskFailed):
        return failure(Cause.DISK, problem.message, problem.hint or "")
    if isinstance(problem, GatewayError):
        return failure(Cause.INPUT, problem.message, problem.hint or "")
    if isinstance(problem, OSError) and not isinstance(problem, ChangedFile | FileNotFoundError):
        return not_on_disk(problem, "folder")
    if isinstance(problem, FileNotFoundError):
        problem = ChangedFile("A file that the job was to be given is not there.")
    return failure(Cause.INPUT, str(problem), "Submit the job again with an input that exists.")


def free_slots(flights: Iterable[Flight], capacity: int) -> int:
    """A slot is free again only when its container has exited: until then it holds its memory.

    Sessions have a bound of their own: one that waits for its owner must not keep others from running.
    """
    return max(0, capacity - sum(1 for flight in flights if not flight.held and flight.session is None))


MOST_POINTS = 5000  # that a worker is handed at once: the loop writes so many into a folder in a blink
WORTH = 4.0  # seconds of work left in a chunk that are worth another container


def chunk_size(unassigned: int, workers: int) -> int:
    """An equal share for each worker that may be started. Who is done early gets what others are recalled from."""
    return max(1, min(MOST_POINTS, -(-unassigned // max(1, workers))))


def to_recall(
    flights: Mapping[str, Flight],
    now: float,
    capacity: int,
    others_wait: Callable[[], bool],
    unassigned: Callable[[str], int],
) -> list[str]:
    """Chunks whose turn is over and which hold points that should be somebody else's: of those who wait for a place
    where none is free, or where one is free and nobody has points for it but they.
    """
    due = {
        attempt: flight
        for attempt, flight in flights.items()
        if flight.turn is not None and flight.turn <= now and not flight.recalled and not flight.published
    }
    due = {attempt: flight for attempt, flight in due.items() if len(flight.chunk) > (flight.current is not None)}
    if not due:
        return []
    if free_slots(flights.values(), capacity):
        large = {attempt: flight for attempt, flight in due.items() if time_left(flight, now) >= WORTH}
        return [attempt for attempt, flight in large.items() if not unassigned(flight.job)]
    return list(due) if others_wait() else []


def time_left(flight: Flight, now: float) -> float:
    """Seconds that the points which a chunk has not begun will take, by those that it has."""
    waiting = len(flight.chunk) - (flight.current is not None)
    begun = max(1, flight.given - waiting)
    return waiting * (now - flight.began) / begun if flight.began is not None else 0.0


def ready_sessions(flights: Mapping[str, Flight]) -> list[str]:
    """Sessions that run and have no call."""
    busy = {flight.session for flight in flights.values() if flight.session}
    return [attempt for attempt, flight in flights.items() if flight.takes_calls and attempt not in busy]


def ready_session(flights: Mapping[str, Flight], job: str) -> str | None:
    """The attempt of the session that a job is, if it runs and has no call."""
    return next((attempt for attempt in ready_sessions(flights) if flights[attempt].job == job), None)


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


def next_deadline(all_flights: Iterable[Flight]) -> float | None:
    flights = list(all_flights)
    times = [
        flight.deadline
        for flight in flights
        if flight.deadline is not None and not flight.published and (not flight.stop_reason or flight.interruptible)
    ]
    times += [flight.turn for flight in flights if flight.turn is not None and not flight.published]
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
