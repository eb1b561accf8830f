"""The one loop that carries decisions out: every change of an open job happens on its thread."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from landbridge_gateway.depot.call_folders import CallFolders
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.outcome import Outcome, failure
from landbridge_gateway.errors import GatewayError, trouble
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Cause, Exit, RuntimeState, State, Usage, split_attempt
from landbridge_gateway.scheduler.admission import Admission
from landbridge_gateway.scheduler.attempts import Attempts
from landbridge_gateway.scheduler.calling import Calls
from landbridge_gateway.scheduler.chunks import Chunks
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.committing import one_commit
from landbridge_gateway.scheduler.decisions import (
    Flight,
    changes_nothing,
    free_slots,
    is_early,
    next_deadline,
    overdue,
    unheeded,
)
from landbridge_gateway.scheduler.fairness import AT_A_GLANCE
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.hub import Hub
from landbridge_gateway.scheduler.neighbours import Commands, Near
from landbridge_gateway.scheduler.publishing import Publishing
from landbridge_gateway.scheduler.recovery import Recovery
from landbridge_gateway.scheduler.sessions import Sessions
from landbridge_gateway.scheduler.spec import Specs
from landbridge_gateway.scheduler.starting import Starting
from landbridge_gateway.scheduler.sweeps import SweepRuns
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.objects import Objects
from landbridge_gateway.store.queue import Queue
from landbridge_gateway.store.sweeps import Sweeps

log = logging.getLogger(__name__)
Message = dict[str, Any]
_ROOM_PAUSE = 1.0  # seconds until a full disk is tried again
_REST = 0.02  # seconds between two looks at what was submitted, while nothing of it can start
_INTERRUPT_GRACE = 5.0  # seconds for a call to heed an interrupt
ENGINE = "engine"  # the topic of those who wait for the engine to say what it offers


class Scheduler:
    """Events go in through :meth:`post` and :meth:`wake`; commands come out through ``commands``."""

    _commands: Commands | None = None
    _near: Near | None = None
    _thread: threading.Thread | None = None
    _engine: str | None = None
    _is_near = connected = False
    _guest: int | None = None  # the thread that is not the loop's and has the turn
    _asleep_until = math.inf  # where nothing comes in

    def __init__(
        self,
        database: Database,
        layout: Layout,
        collector: Collector,
        given: GivenSecrets,
        hub: Hub,
        capacity: int,
        clock: Callable[[], float] = time.monotonic,
        machine_restarted: bool = False,
        taken_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._jobs, self._queue = Jobs(database), Queue(database, AT_A_GLANCE)
        self._layout, self._collector, self._given, self._hub = layout, collector, given, hub
        self._capacity, self._clock = capacity, clock
        self._taken_up = taken_up
        self._inbox: queue.Queue[Message] = queue.Queue()
        self._flights: dict[str, Flight] = {}
        self._pool: list[Message] = []
        self._early: list[Message] = []
        sweeps = Sweeps(database, self._jobs)
        self._specs = Specs(self._jobs, sweeps, Objects(database), layout, given)
        self._database = database
        self._attempts = Attempts(database, self._jobs, self._specs, collector, layout, given, self._flights, self)
        folders = CallFolders(layout)
        self.calls = Calls(self._jobs, folders, self._attempts, self._flights, self, self._now)
        self._admission = Admission(database, self._queue, self, lambda: self.connected)
        self._publishing = Publishing(database, collector, self._flights, self._attempts, self)
        self._sessions = Sessions(self._jobs, self._flights, folders, given, self, self._now)
        tables, chunks = (self._jobs, sweeps, self._queue), Chunks(self._jobs, sweeps, collector, layout)
        self._sweeps = SweepRuns(
            tables, chunks, collector, self._specs, given, self._flights, self, capacity, self._now
        )
        parts = (self._attempts, self._sweeps, self._admission)
        self.starting = Starting(self._jobs, self._queue, parts, given, self._flights, self, capacity)
        stores, ends = (self._jobs, layout, given), (self._publishing, self._sessions, self._sweeps)
        self._recovery = Recovery(stores, self._attempts, *ends, self._flights, self, self._now, machine_restarted)
        self._advanced, self._resting, self._due = -math.inf, False, False
        self._turn = threading.RLock()
        self._waking = threading.Event()
        self._closing = threading.Event()
        self._handlers = self._table()

    def _table(self) -> dict[str, Callable[[Message], None]]:
        """What is done about each event."""
        return {
            "wake": lambda _: self._waking.clear(),
            "hello": self._on_hello,
            "found": self._on_found,
            "disconnected": self._on_disconnected,
            "suspected": self._on_suspected,
            "pool": self._on_pool,
            "preparing": self._admission.preparing,
            "prepared": self._admission.prepared,
            "prepare_failed": self._admission.prepare_failed,
            "not_laid_out": self._attempts.not_laid_out,
            "started": self._on_started,
            "start_failed": self._on_start_failed,
            "activity": self._on_activity,
            "point_cancelled": lambda event: self._sweeps.pass_over(event["sweep"], event["chunk"], event["point"]),
            "finished": self._on_finished,
            "synced": self._publishing.synced,
            "exited": self._on_exited,
        }

    # What others may ask, from any thread.

    @property
    def runtimes(self) -> list[RuntimeState]:
        return self._admission.runtimes

    def is_ready(self, runtime: str) -> bool:
        """Is a runtime there, so that a job for it need not wait?"""
        return self._admission.is_ready(runtime)

    @property
    def engine(self) -> str | None:
        """The engine's name, once the warden said it."""
        return self._engine

    @property
    def pool(self) -> list[Message]:
        """The containers that wait for a job, by kind."""
        return list(self._pool)

    def _now(self) -> float:
        return self._clock()

    def post(self, event: Message) -> None:
        self._inbox.put(event)

    def wake(self) -> None:
        """Look again for jobs to start or to cancel; many calls before the loop looks count once."""
        if self._guest == threading.get_ident():
            self._due = True  # it looks itself, before it leaves
        elif not self._waking.is_set():
            self._waking.set()
            if not self._resting:  # else it looks when its rest is over
                self.post({"event": "wake"})

    @contextmanager
    def turn(self, owing: bool = False) -> Iterator[None]:
        """For another thread: be the loop for a moment. What is due after that is done on the same thread.

        ``owing``: it is left for a later turn, which asks for it by :meth:`wake`, or for the loop's next step.
        """
        with self._turn:
            was_due, self._due, self._guest = self._due, False, threading.get_ident()
            try:
                yield
                # What fails is due still, and the loop's own thread does about it what it can.
                with suppress(Exception):
                    if self._due and not owing:
                        self.advance()
                        self._due = False
            finally:
                self._guest = None
                left, self._due = self._due, was_due
                if owing:
                    left, self._due = False, left or was_due
                if left or (next_deadline(self._flights.values()) or math.inf) < self._asleep_until:
                    self.wake()

    @property
    def near(self) -> Near | None:
        """What tells sessions of their calls without the warden, where they are on this machine and it is there."""
        return self._near if self._is_near and self.connected else None

    def start(self, commands: Commands, near: Near | None = None) -> None:
        self._commands, self._near = commands, near
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self.post({"event": "close"})
        if self._thread:
            self._thread.join(10)

    # The loop.

    def run(self) -> None:
        while True:
            event = self._next_event()
            if event and event["event"] == "close":
                return
            try:
                with self._turn:
                    self._step(event)
            except Exception as problem:
                if told := trouble(problem):
                    self._wait_for_better(event, told)
                    continue
                # One job's trouble must not stop all others; the job's own handlers have ended it where they could.
                log.exception("the event %s was not handled", event)

    def _step(self, event: Message | None) -> None:
        if event:
            self.handle(event)
        self._due = self._due or not changes_nothing(event, self._flights)
        if self._due and self._inbox.empty() and not self._may_rest(event):
            self.advance()
            self._advanced, self._due = self._clock(), False  # a step that failed is due still

    def _wait_for_better(self, event: Message | None, told: GatewayError) -> None:
        """Nothing can be written down now, but what happened is not forgotten."""
        log.error("%s %s waits", told.message, event["event"] if event else "the next step")
        if event:
            self.post(event)
        self._closing.wait(_ROOM_PAUSE)

    def _next_event(self) -> Message | None:
        with self._turn:
            deadline = next_deadline(self._flights.values()) or math.inf
            if self._resting:
                deadline = min(deadline, self._advanced + _REST)
            self._asleep_until = deadline
        try:
            return self._inbox.get(timeout=None if deadline == math.inf else max(0.0, deadline - self._clock()))
        except queue.Empty:
            return None

    def _may_rest(self, event: Message | None) -> bool:
        """Submissions while no slot is free are looked at together, not one by one."""
        nothing_to_start = not free_slots(self._flights.values(), self._capacity)
        sessions = any(flight.held for flight in self._flights.values())
        woken = event is not None and event["event"] == "wake"
        self._resting = woken and nothing_to_start and not sessions and self._clock() - self._advanced < _REST
        if not self._resting:
            self._waking.clear()  # in this order: who wakes it from here on posts that, and of all before it looks now
        return self._resting

    def handle(self, event: Message) -> None:
        if not self.connected and is_early(event, self._flights):
            self._early.append(event)
            return
        handler = self._handlers.get(event["event"])
        if handler:
            handler(event)

    def advance(self) -> None:
        """Do all that may be done now: time out, cancel, admit, start."""
        for attempt in overdue(self._flights, self._clock()):
            flight = self._flights[attempt]
            if flight.held:
                self._sessions.overdue(attempt)
            elif flight.points is not None:
                self._sweeps.overdue(attempt)
            else:
                self.stop(attempt, "timeout")
        for attempt in unheeded(self._flights, self._clock()):
            self._sessions.unheeded(attempt)
        seen = self._queue.glance()
        for row in self._jobs.to_cancel() if seen.to_cancel else []:
            self._cancel(row)
        self._admission.advance(seen)
        self._sweeps.advance(seen)
        if self.connected:
            if seen.queued or seen.entering:
                self.starting.start_queued()
            self._sessions.advance(seen)

    def _cancel(self, row: Row) -> None:
        if row["sweep"]:
            self._sweeps.cancel_point(row)
        elif row["unassigned"] is not None:
            self._sweeps.cancel(row["id"])
        else:
            mine = {attempt: flight for attempt, flight in self._flights.items() if flight.job == row["id"]}
            for attempt, flight in mine.items():
                if not flight.stop_reason and not flight.published:
                    self.stop(attempt, "cancel")
            if mine and all(flight.published for flight in mine.values()):
                # It was to be tried again, when the container of the last attempt is gone.
                self.end(row["id"], Outcome(State.CANCELLED), None)

    def send(self, verb: str, **fields: object) -> None:
        """A command for the warden; dropped while it is away, for all is told again when it is back."""
        if self._commands:
            self._commands.send(verb, **fields)

    def refuse(self, row: Row, outcome: Outcome) -> None:
        """A job that waits comes to nothing."""
        if row.get("unassigned") is not None:
            self._sweeps.refuse(row, outcome)
        else:
            self.end(row["id"], outcome, None)

    def _on_pool(self, event: Message) -> None:
        self._pool = event["slots"]

    def _on_activity(self, event: Message) -> None:
        flight = self._flights.get(event["attempt"])
        if flight and flight.points is not None:
            self._sweeps.absorb(flight)
        self._hub.notify([split_attempt(event["attempt"])[0]])

    # From queued to running.

    def begin_call(self, row: Row, session: str) -> str | None:
        return self._attempts.begin_call(row, session)

    def _on_started(self, event: Message) -> None:
        flight = self._attempts.flight_of(event)
        if flight is None:
            self._attempts.late(event["attempt"])
            return
        flight.image = event["image"]
        if flight.stop_reason:
            # It was asked to stop before it existed.
            self.send("stop", attempt=event["attempt"])
        about = {"image": event["image"], "warm": event.get("warm"), "began": self._clock()} | event.get("built", {})
        with one_commit(self._database, flight, durable=False):
            self.set_running(flight)
            self._jobs.update_attempt(flight.job, flight.number, **about)

    def set_running(self, flight: Flight) -> None:
        """Its code may run from now on."""
        if flight.running or flight.published:
            return
        if flight.points is not None:
            self._sweeps.running(flight)
            return
        self._jobs.move(flight.job, State.RUNNING, attempt=flight.number)
        self._database.afterwards(lambda: reach("running"))
        flight.running = True
        if not flight.held:
            flight.deadline = self._clock() + flight.limits.seconds

    def _on_start_failed(self, event: Message) -> None:
        flight = self._attempts.flight_of(event)
        if flight is None:
            return
        self._collector.finish(flight.job, flight.number, flight.owner)
        del self._flights[event["attempt"]]
        if self._near and flight.near:
            self._near.forget(event["attempt"])
        self._attempts.close(event["attempt"], Exit(None))
        failed = failure(Cause.ENGINE, event["message"], event["hint"])
        if flight.points is not None:
            self._sweeps.start_failed(flight, failed)
        elif not flight.published:
            outcome = Outcome(State.CANCELLED) if flight.stop_reason == "cancel" else failed
            self._attempts.finish(flight, outcome)

    # To the end.

    def stop(self, attempt: str, reason: str) -> None:
        """End it: a container is stopped, a call interrupted, so that its session stays."""
        flight = self._flights[attempt]
        flight.stop_reason = reason
        self._jobs.update_attempt(flight.job, flight.number, stop_reason=reason)
        if flight.session:
            flight.deadline = self._clock() + _INTERRUPT_GRACE
            self.send("interrupt", session=flight.session)
        else:
            self.send("stop", attempt=attempt)

    def _on_finished(self, event: Message) -> None:
        flight = self._attempts.flight_of(event)
        if flight is None:
            self._attempts.late(event["attempt"])
            return
        if flight.published or flight.outcome:
            return
        if event.get("usage"):
            flight.usage = Usage(**event["usage"])
        if flight.image is None and event.get("image"):
            flight.image = event["image"]
            self._jobs.update_attempt(flight.job, flight.number, image=flight.image, warm=True)
        if flight.points is not None:
            self.set_running(flight)
            self._sweeps.finished(flight)
        elif flight.session:
            # Its process goes on with the next call.
            self.land(event["attempt"], flight, Exit(0))
        else:
            self._publishing.publish(flight, None)

    def _on_exited(self, event: Message) -> None:
        attempt = event["attempt"]
        flight = self._attempts.flight_of(event)
        if flight is None:
            self._attempts.late(attempt, exited=True)
            return
        self._recovery.ended(attempt, Exit.from_json(event["exit"]))

    def land(self, attempt: str, flight: Flight, exited: Exit) -> None:
        """It has ended: publish what it left, and let its place go."""
        closed = False
        if flight.points is not None:
            self._sweeps.landed(flight, exited, self._recovery.machine_restarted)
        elif not flight.published:
            if exited.code is not None:
                self.set_running(flight)
            if flight.outcome is None:
                closed = self._publishing.publish(flight, exited)
            if flight.outcome:
                flight.exited = exited  # it lands when its outcome is told
                return
        if not closed:
            # Closed last: until then the next start finds it open, and does all of this again.
            self._collector.finish(flight.job, flight.number, flight.owner)
            self._attempts.close(attempt, exited)
            self._collector.digest_results(flight.job, flight.number)
        self._flights.pop(attempt, None)
        self._let_go(attempt, flight)
        if flight.held:
            self._sessions.exited(attempt, exited)
        if not flight.session:
            self._specs.prepare()

    def _let_go(self, attempt: str, flight: Flight) -> None:
        if self._near and (flight.near or flight.held):
            self._near.forget(attempt)
        if not flight.near:
            self.send("forget" if flight.session else "remove", attempt=attempt)

    def end(self, job: str, outcome: Outcome, attempt: int | None) -> None:
        self._attempts.end(job, outcome, attempt)

    # The warden comes and goes.

    def _on_hello(self, event: Message) -> None:
        self._engine, self._is_near = event["engine"], bool(event.get("near"))
        self._admission.offered(event["runtimes"])
        self._hub.notify([ENGINE])

    def _on_disconnected(self, _: Message) -> None:
        self.connected = False
        self._early.clear()
        self._admission.disconnected()

    def _on_suspected(self, event: Message) -> None:
        """The warden is connected, and does not answer. Nothing is started by it until it says what it has."""
        self.connected = False
        self._attempts.supersede(event["lease"])

    def _on_found(self, event: Message) -> None:
        self._recovery.found(event)
        self._taken_up()
        self.connected = True
        self._specs.prepare()
        while self._early:
            self.handle(self._early[0])
            del self._early[0]  # what could not be handled is tried again
