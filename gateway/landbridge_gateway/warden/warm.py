"""The warm pool: containers that were started before there is a job, each used once."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.depot.slots import Slots
from landbridge_gateway.engines.interface import SLOT, Engine, EngineError, Order
from landbridge_gateway.environments.places import split_place
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Exit, Json
from landbridge_gateway.warden.pool import Kind, Pool, to_close, to_open

log = logging.getLogger(__name__)
_GO = b"go\n"
_LOOK = 0.02  # seconds between looks whether a worker is ready
_LONGEST_WARM_UP = 60.0
_BREATH = 0.05  # seconds that a job which was just started has for itself: a short one is done by then
_ROUND = 15.0  # seconds after which slots that nobody needs any more are looked for


@dataclass
class Slot:
    """A container that waits. ``pipe`` is open for writing as soon as its worker is ready, and until its job's end: by
    it can be told whether the worker has read the word.
    """

    id: str
    kind: Kind
    image: str = ""
    pipe: int | None = None
    order: Order | None = None  # of the job that it was handed, should that have to be started elsewhere


class WarmPool:
    """Keeps slots as the pool's decisions want them; which attempt runs in which slot is known here as well."""

    def __init__(self, engine: Engine, slots: Slots, pool: Pool, changed: Callable[[list[Json]], None]) -> None:
        self._engine, self._slots, self._pool, self._changed = engine, slots, pool, changed
        self._lock = threading.Lock()
        self._waiting: list[Slot] = []
        self._handed: dict[str, str] = {}  # slot by attempt
        self._images: dict[str, str] = {}  # of those slots, by attempt
        self._told: dict[str, Slot] = {}  # those that were given the word, by their ids
        self._beginning: dict[str, Exit | None] = {}  # slots between the hand-over and the word, and how they died
        self._wake = threading.Event()
        self._put_off = 0.0  # for how many seconds a slot that is wanted is not opened
        self._closed = threading.Event()

    def start(self) -> None:
        if self._pool.most:
            threading.Thread(target=self._keep, name="warm-pool", daemon=True).start()

    def status(self) -> list[Json]:
        """One entry for each kind: how many wait, and how many of these are ready."""
        with self._lock:
            kinds = dict.fromkeys(slot.kind for slot in self._waiting)
            return [
                {
                    "runtime": split_place(kind.runtime)[0],
                    "packages": split_place(kind.runtime)[1] != "",
                    "language": kind.language,
                    "memory": kind.limits.memory,
                    "waiting": sum(slot.kind == kind for slot in self._waiting),
                    "ready": sum(slot.kind == kind and slot.pipe is not None for slot in self._waiting),
                }
                for kind in kinds
            ]

    # Handing out.

    def take(self, kind: Kind) -> Slot | None:
        """A ready slot of the kind, which is the caller's from now on."""
        with self._lock:
            for slot in self._waiting:
                if slot.kind == kind and slot.pipe is not None and slot.image == self._engine.image(kind.runtime):
                    self._waiting.remove(slot)
                    return slot
        return None

    def begin(self, slot: Slot, order: Order) -> JobFolder:
        """Make the slot's folder that of the order's attempt. Raises ``OSError``, and the slot is gone."""
        attempt, slot.order = order.attempt, order
        try:
            folder = self._slots.hand_over(slot.id, attempt)
        except OSError:
            self.discard(slot)
            raise
        with self._lock:
            self._handed[attempt] = slot.id
            self._images[attempt] = slot.image
            self._beginning[slot.id] = None
        # Before the job can end: who waits for its result finds no slot that was its own.
        self._tell()
        return folder

    def go(self, slot: Slot) -> bool:
        """Tell the worker to begin; False when it is not there any more."""
        try:
            assert slot.pipe is not None
            reach("created and noted")
            self._slots.give(slot.id)
            os.write(slot.pipe, _GO)
            reach("start sent")
        except OSError:
            return False
        with self._lock:
            self._told[slot.id] = slot
        return True

    def withheld(self, container: str, ended: Exit) -> bool:
        """Is it a slot whose end is told later, or never: when it is known whether its worker got the word?"""
        with self._lock:
            if container not in self._beginning:
                return False
            self._beginning[container] = ended
            return True

    def begun(self, slot: Slot) -> Exit | None:
        """The worker has the word; gives the end of one that ended meanwhile."""
        with self._lock:
            return self._beginning.pop(slot.id, None)

    def unheard(self, container: str) -> Slot | None:
        """A slot that has ended with the word unread: nothing of its job ever ran there. None for all else."""
        with self._lock:
            slot = self._told.pop(container, None)
        if slot is None or slot.pipe is None:
            return None
        if self._slots.unread(slot.pipe):
            return slot
        self._shut(slot)
        return None

    def to_end(self, attempt: str) -> None:
        """It is stopped or removed, and begins nowhere else, whether its worker has read the word or not."""
        with self._lock:
            slot = self._told.pop(self._handed.get(attempt, ""), None)
        if slot:
            self._shut(slot)

    def leave(self, slot: Slot, attempt: str) -> None:
        """The attempt will run in a container of its own after all."""
        with self._lock:
            self._handed.pop(attempt, None)
            self._images.pop(attempt, None)
            self._beginning.pop(slot.id, None)
        self._slots.unmark(attempt)
        self.discard(slot)

    def started(self, kind: Kind, attempt: str, given: int) -> None:
        """A job of the kind was started, and given so many bytes: that is the demand which the pool follows."""
        with self._lock:
            self._pool.started(kind, attempt, time.monotonic(), given)
        self._wake.set()

    def over(self, attempt: str) -> None:
        """A job has ended: there may be a processor for a slot now."""
        with self._lock:
            self._pool.over(attempt)
        if self._put_off:
            self._wake.set()

    # Which container an attempt has.

    def container(self, attempt: str) -> str:
        """The name under which the engine knows the attempt's container."""
        return self._handed.get(attempt, attempt)

    def image(self, attempt: str) -> str | None:
        """The image of the slot that an attempt was handed here; None for one that has a container of its own."""
        with self._lock:
            return self._images.get(attempt)

    def attempt(self, container: str) -> str | None:
        """The attempt that runs in a container; None for a slot that waits."""
        if not container.startswith(SLOT):
            return container
        with self._lock:
            return next((attempt for attempt, slot in self._handed.items() if slot == container), None)

    def removed(self, attempt: str) -> None:
        with self._lock:
            slot = self._handed.pop(attempt, None)
            self._images.pop(attempt, None)
        if slot:
            self._slots.remove(slot)

    def ended(self, container: str) -> bool:
        """A container has ended, or is of no use any more; True where it was a slot that waited."""
        with self._lock:
            slot = next((one for one in self._waiting if one.id == container), None)
            if slot:
                self._waiting.remove(slot)
        if slot is None:
            return False
        self.discard(slot)
        self._tell()
        self._wake.set()
        return True

    def paused(self, container: str) -> None:
        """Somebody paused a container. A slot that waits is replaced, and a job that has begun stays as it is.

        A slot that was handed out meanwhile goes on: who paused it meant no job, which would wait there for ever.
        """
        if self.ended(container) or not container.startswith(SLOT):
            return
        # An earlier warden may have handed it out. One without an attempt is on its way to one, or to its removal.
        attempt = self.attempt(container) or self._slots.attempt_of(container)
        if attempt is None or self._slots.awaited(attempt):
            log.info("%s was paused before its job had begun, and goes on", container)
            self._engine.resume(container)

    def recover(self, found: dict[str, Exit | None]) -> dict[str, Exit | None]:
        """Attempts and their ends, from what the engine has: slots of an earlier warden are taken over or removed."""
        attempts: dict[str, Exit | None] = {}
        for container, ended in found.items():
            if not container.startswith(SLOT):
                attempts[container] = ended
                continue
            if any(slot.id == container for slot in self._waiting):
                continue
            known = self.attempt(container)
            attempt = known or self._slots.attempt_of(container)
            # Without the word nothing of the job ever ran there: another attempt begins it.
            if attempt is None or (known is None and not self._slots.given(container)):
                self._engine.remove(container)
                self._slots.remove(container)
                continue
            self._handed[attempt] = container
            attempts[attempt] = ended
            self._go_again(attempt)
        return attempts

    def _go_again(self, attempt: str) -> None:
        # The warden before this one may have died between the two steps; a worker that has begun reads no more.
        pipe = self._slots.pipe_of(attempt)
        if pipe is not None:
            with suppress(OSError):
                os.write(pipe, _GO)
            os.close(pipe)

    # Keeping.

    def _keep(self) -> None:
        while not self._closed.is_set():
            if self._wake.wait(self._put_off or _ROUND):
                self._closed.wait(_BREATH)
            self._wake.clear()
            try:
                self._drop_unwanted()
                while not self._closed.is_set() and (kind := self._lacking()):
                    self._open(kind)
            except EngineError as error:
                log.warning("no container could be started ahead: %s", error.message)
            except Exception:
                log.exception("the warm pool stumbled")

    def _lacking(self) -> Kind | None:
        now = time.monotonic()
        with self._lock:
            kind = to_open(self._pool.targets(now), [slot.kind for slot in self._waiting])
            self._put_off = self._pool.room_in(now) if kind else 0.0
        return None if self._put_off else kind

    def _drop_unwanted(self) -> None:
        for runtime in {slot.kind.runtime for slot in self._waiting}:
            self._engine.refresh(runtime)
        with self._lock:
            stale = [slot for slot in self._waiting if slot.image != self._engine.image(slot.kind.runtime)]
            left = [slot for slot in self._waiting if slot not in stale]
            kinds = [slot.kind for slot in left]
            many = [left[position] for position in to_close(self._pool.targets(time.monotonic()), kinds)]
            for slot in stale + many:
                self._waiting.remove(slot)
        for slot in stale + many:
            self.discard(slot)
        if stale or many:
            self._tell()

    def _open(self, kind: Kind) -> None:
        name = self._slots.make()
        order = Order(name, kind.runtime, kind.language, self._slots.folder(name).path, kind.limits, warm=True)
        slot = Slot(name, kind)
        with self._lock:
            # Before its container is there, which nobody may take for a stray.
            self._waiting.append(slot)
        try:
            slot.image = self._engine.start(order)
        except EngineError:
            with self._lock, suppress(ValueError):  # it may have ended already
                self._waiting.remove(slot)
            self._slots.remove(name)
            raise
        self._tell()
        self._await_ready(slot)
        self._tell()

    def _await_ready(self, slot: Slot) -> None:
        deadline = time.monotonic() + _LONGEST_WARM_UP
        folder = self._slots.folder(slot.id)
        while slot in self._waiting and not self._closed.wait(_LOOK):
            pipe = self._slots.open_pipe(folder)
            if pipe is not None:
                slot.pipe = pipe
                return
            if time.monotonic() > deadline:
                self.ended(slot.id)

    def discard(self, slot: Slot) -> None:
        self._shut(slot)
        self._engine.remove(slot.id)
        self._slots.remove(slot.id)

    def _shut(self, slot: Slot) -> None:
        if slot.pipe is not None:
            os.close(slot.pipe)
            slot.pipe = None

    def _tell(self) -> None:
        self._changed(self.status())

    def close(self) -> None:
        """Remove what waits; jobs go on."""
        self._closed.set()
        self._wake.set()
        with self._lock:
            waiting, self._waiting = self._waiting, []
        removing = [threading.Thread(target=self.discard, args=(slot,)) for slot in waiting]
        for thread in removing:
            thread.start()
        for thread in removing:
            thread.join(10)
