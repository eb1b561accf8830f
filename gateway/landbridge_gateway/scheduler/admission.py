"""From waiting to queued: jobs whose inputs are there, and whose runtime is. Part of the loop, and on its thread."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

from landbridge_gateway.depot.outcome import Outcome, failure
from landbridge_gateway.environments.places import split_place
from landbridge_gateway.model import Cause, Json, RuntimeState
from landbridge_gateway.scheduler.decisions import failed_input
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.environments import Environments
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.queue import Glance, Queue

_AT_A_TIME = 200


class Loop(Protocol):
    """What admission needs of the loop that it is part of."""

    def send(self, verb: str, **fields: object) -> None: ...
    def wake(self) -> None: ...
    def refuse(self, row: Row, outcome: Outcome) -> None: ...


class Admission:
    """Knows the runtimes, and has those prepared that a job wants."""

    def __init__(self, database: Database, queue: Queue, loop: Loop, connected: Callable[[], bool]) -> None:
        self._database, self._jobs, self._queue = database, Jobs(database), queue
        self._loop, self._connected = loop, connected
        self._environments = Environments(database)
        self._runtimes: dict[str, RuntimeState] = {}  # those with packages as well, once one was asked for
        self._abandoned: set[str] = set()

    @property
    def runtimes(self) -> list[RuntimeState]:
        """Those that the engine offers."""
        return [runtime for name, runtime in self._runtimes.items() if not split_place(name)[1]]

    def offered(self, runtimes: list[Json]) -> None:
        """The warden said what it has; of runtimes with packages it is asked when a job wants one."""
        self._abandoned.clear()
        self._runtimes = {given["name"]: RuntimeState(**given) for given in runtimes}

    def disconnected(self) -> None:
        for name, runtime in self._runtimes.items():
            if runtime.state == "building":
                self._set(name, "absent")

    def advance(self, seen: Glance) -> None:
        for row in self._queue.doomed(_AT_A_TIME) if seen.doomed else []:
            outcome = failed_input(self._jobs.input_states(row["id"]))
            if outcome:
                self._loop.refuse(row, outcome)
        wanted = self._queue.runtimes_wanted() if seen.entering else []
        self._abandon_all_but(wanted)
        for name in wanted:
            runtime = self._runtime(name)
            if runtime and runtime.state == "ready":
                self._enter(name)
            else:
                for row in self._queue.entering(name, 1):
                    self._prepare(row, runtime)

    def is_ready(self, name: str) -> bool:
        """Could a job for this runtime be started, as far as is known now? From any thread."""
        known = self._runtimes.get(name)
        return known is not None and known.state == "ready"

    def wish(self, name: str) -> Json:
        """What the warden has to know of a runtime with packages, to build it; nothing of one without."""
        return {"wanted": self._environments.wanted(name)} if split_place(name)[1] else {}

    def _runtime(self, name: str) -> RuntimeState | None:
        """A runtime with packages is as good as the runtime below it, and not there until it was asked for."""
        below, key = split_place(name)
        if key and name not in self._runtimes and below in self._runtimes:
            self._runtimes[name] = replace(self._runtimes[below], name=name, state="absent")
        return self._runtimes.get(name)

    def _abandon_all_but(self, wanted: Collection[str]) -> None:
        """What is being built and nobody waits for any more is ended."""
        for name, runtime in self._runtimes.items():
            idle = runtime.state == "building" and split_place(name)[1] and name not in self._abandoned
            # The list of those wanted is a glance: one that is not in it may be wanted all the same.
            if idle and name not in wanted and not self._queue.entering(name, 1):
                self._abandoned.add(name)
                self._loop.send("abandon", runtime=name)

    def _enter(self, runtime: str) -> None:
        """Queue what waits for a runtime that is there: many in one transaction, and the rest after other events."""
        rows = self._queue.entering(runtime, _AT_A_TIME)
        self._jobs.enter([row["id"] for row in rows])
        if len(rows) == _AT_A_TIME:
            self._loop.wake()

    def _prepare(self, row: Row, runtime: RuntimeState | None) -> None:
        if not self._connected():
            return
        if runtime is None:
            sentence = f"There is no runtime {split_place(row['runtime'])[0]} any more."
            self._loop.refuse(row, failure(Cause.ENVIRONMENT, sentence, "Choose another."))
        elif runtime.state != "building":
            self._set(runtime.name, "building")
            self._jobs.annotate(row["id"], f"preparing {split_place(runtime.name)[0]}")
            self._loop.send("prepare", runtime=runtime.name, **self.wish(runtime.name))

    def _set(self, name: str, state: str) -> None:
        known = self._runtimes.get(name)
        if known:
            self._runtimes[name] = replace(known, state=state)

    def preparing(self, event: Json) -> None:
        self._set(event["runtime"], "building")
        for row in self._queue.entering(event["runtime"], _AT_A_TIME):
            self._jobs.annotate(row["id"], str(event["note"])[:200])

    def prepared(self, event: Json) -> None:
        if built := event.get("built"):
            self._environments.solved(built["digest"], built["packages"])
        self._abandoned.discard(event["runtime"])
        self._set(event["runtime"], "ready")

    def prepare_failed(self, event: Json) -> None:
        self._abandoned.discard(event["runtime"])
        if event.get("abandoned"):
            # Who came meanwhile has it built again.
            self._set(event["runtime"], "absent")
            return
        self._set(event["runtime"], "failed")
        outcome = failure(Cause.ENVIRONMENT, event["message"], event["hint"])
        if outcome.error is not None:
            outcome.error["log_tail"] = {"build": event["log_tail"]}
        while rows := self._queue.entering(event["runtime"], _AT_A_TIME):
            with self._database.write():
                for row in rows:
                    self._loop.refuse(row, outcome)
