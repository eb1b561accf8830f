"""The warden: obeys a short list of verbs. What it knows is in labels and the depot, so it can die any time."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from landbridge_gateway.depot.folders import given_bytes, token_in
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.slots import Slots
from landbridge_gateway.engines.interface import Engine, EngineError, Order, PrepareAbandoned, PrepareFailed
from landbridge_gateway.failpoints import reach
from landbridge_gateway.home import Home
from landbridge_gateway.model import Exit, Json, Limits
from landbridge_gateway.warden.output import OutputWatch
from landbridge_gateway.warden.pool import Kind, Pool
from landbridge_gateway.warden.warm import Slot, WarmPool
from landbridge_gateway.warden.watch import UNWATCHED_HINT, FolderWatch, unwatched
from landbridge_gateway.warden.wire import Channel, Message, listen

log = logging.getLogger(__name__)
T = TypeVar("T")
_AT_ONCE = 16
_BUILDS = 2  # which take long, and in which nothing else is to stand in line
# What is done where it is read: a job waits for it, and what takes long is passed on there.
_QUICK = ("start", "call", "ping")


class Warden:
    def __init__(self, home: Home, engine: Engine, grace: int, pool: Pool) -> None:
        self._home, self._engine, self._grace = home, engine, grace
        self._layout = Layout(home.depot)
        self._channel: Channel | None = None
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warden")
        self._builds = ThreadPoolExecutor(_BUILDS, thread_name_prefix="build")
        self._watch = FolderWatch(finished=self._finished, active=lambda attempt: self._tell_of(attempt, "activity"))
        self._tokens: dict[str, str] = {}  # the gateway's word for each attempt: see scheduler/attempts.py
        self._under_way: set[str] = set()  # attempts whose containers are being made
        self._output = OutputWatch(self._layout, lambda attempt: engine.stop(self._warm.container(attempt), 0))
        self._slots = Slots(self._layout)
        self._warm = WarmPool(engine, self._slots, pool, lambda status: self._tell({"event": "pool", "slots": status}))
        self._verbs: dict[str, Callable[[Message], None]] = {
            "hello": self._hello,
            "prepare": self._prepare_in_turn,
            "abandon": lambda message: self._engine.abandon(str(message["runtime"])),
            "start": self._start,
            "stop": self._stop,
            "remove": self._remove,
            "bound": lambda message: self._output.add(str(message["attempt"]), int(message["disk"])),
            "ping": lambda _: self._tell({"event": "pong"}),
            "call": self._call,
            "interrupt": lambda message: self._engine.interrupt(str(message["session"])),
            "end": self._end,
            "give": lambda _: None,  # all is done by then
            "forget": self._forget,
            "found": self._found,
        }

    def serve(self, ready: Callable[[], None]) -> None:
        """Answer one gateway after another; a new connection takes the place of the last."""
        server = listen(self._home.socket)
        if self._engine.warms:
            self._slots.sweep(self._engine.found())
            self._warm.start()
        ready()
        threading.Thread(
            target=self._engine.watch, args=(self._ended, self._warm.paused), name="engine-watch", daemon=True
        ).start()
        while True:
            connection, _ = server.accept()
            if self._channel:
                self._channel.close()
            self._channel = Channel(connection)
            threading.Thread(target=self._obey, args=(self._channel,), daemon=True).start()

    def close(self) -> None:
        self._warm.close()
        self._engine.close()
        self._home.socket.unlink(missing_ok=True)

    def _obey(self, channel: Channel) -> None:
        for message in channel.messages():
            action = self._verbs.get(str(message.get("verb")))
            if action is None:
                log.warning("unknown verb %r", message.get("verb"))
                return
            if "given" in message and not self._give(message):
                continue
            if message["verb"] in _QUICK:
                self._carefully(action, message)
            else:
                self._pool.submit(self._carefully, action, message)

    def _give(self, message: Message) -> bool:
        """Put a job's secrets into its pipe before anything else is done; nothing of them stays in the message.

        They are in the kernel's memory alone until the worker reads them, however its container is started.
        """
        attempt, line = str(message["attempt"]), json.dumps(message.pop("given"))
        try:
            self._engine.give(attempt, self._layout.job_folder(attempt).secrets, line)
        except EngineError as error:
            if message["verb"] == "give":
                log.warning("%s was not given its secrets again: %s", attempt, error.message)
                return True
            self._tell({"event": "start_failed", "attempt": attempt, "message": error.message, "hint": error.hint})
            return False
        return True

    def _carefully(self, action: Callable[[T], None], given: T) -> None:
        try:
            action(given)
        except Exception:
            log.exception("what was asked for failed: %s", given)

    def _tell(self, message: Message) -> None:
        if self._channel:
            self._channel.send(message)

    def _tell_of(self, attempt: str, event: str, **more: object) -> None:
        """Something of an attempt, with the token by which the gateway knows it again."""
        token = self._tokens.get(attempt)
        self._tell({"event": event, "attempt": attempt} | ({"token": token} if token else {}) | more)

    def _hello(self, _: Message) -> None:
        runtimes = [vars(runtime) for runtime in self._engine.runtimes()]
        self._tell({"event": "hello", "engine": self._engine.name, "near": self._engine.near, "runtimes": runtimes})
        self._tell({"event": "pool", "slots": self._warm.status()})

    def _prepare_in_turn(self, message: Message) -> None:
        if self._engine.there(str(message["runtime"])):
            self._prepare(message)  # what is there waits for nobody's build
        else:
            self._builds.submit(self._carefully, self._prepare, message)

    def _prepare(self, message: Message) -> None:
        runtime = str(message["runtime"])
        about = {"runtime": runtime}
        try:
            image = self._engine.prepare(
                runtime, lambda line: self._tell({"event": "preparing", **about, "note": line}), message.get("wanted")
            )
        except EngineError as error:
            tail = error.log_tail if isinstance(error, PrepareFailed) else []
            told: Json = {"message": error.message, "hint": error.hint, "log_tail": tail}
            told["abandoned"] = isinstance(error, PrepareAbandoned)
            self._tell({"event": "prepare_failed", **about, **told})
            return
        self._tell({"event": "prepared", **about, "image": image, "built": self._engine.built(runtime)})

    def _start(self, message: Message) -> None:
        attempt = self._known(message)
        folder = self._layout.job_folder(attempt)
        runtime, language = str(message["runtime"]), str(message["language"])
        held = bool(message.get("held"))
        limits = Limits(**message["limits"])
        order = Order(attempt, runtime, language, folder.path, limits, held=held, wanted=message.get("wanted"))
        kind = Kind.of(runtime, language, limits)
        warm = None if held else self._warm.take(kind)
        if warm is None or not self._begin_warm(warm, order):
            self._begin_cold(order)
        if not held and self._engine.warms:
            self._warm.started(kind, attempt, given_bytes(folder))
        self._output.add(attempt, limits.disk)

    def _known(self, message: Message) -> str:
        attempt = str(message["attempt"])
        if message.get("token"):
            self._tokens[attempt] = str(message["token"])
        return attempt

    def _begin_warm(self, slot: Slot, order: Order) -> bool:
        """Hand a slot out; False when its worker is not there any more, and the job is still to be started."""
        attempt = order.attempt
        try:
            folder = self._warm.begin(slot, order)
        except OSError as error:
            sentence = f"The job's folder could not be handed to its container: {error.strerror}."
            self._tell_of(attempt, "start_failed", message=sentence, hint="Submit it again.")
            return True
        if not self._watched(attempt, folder):
            self._warm.leave(slot, attempt)
            return True
        if self._warm.go(slot):
            self._tell_of(attempt, "started", image=slot.image, warm=True, **self._built(slot.kind.runtime))
            died = self._warm.begun(slot)
            if died:
                self._ended(slot.id, died)
            return True
        self._watch.drop(attempt)
        self._warm.leave(slot, attempt)
        return False

    def _begin_cold(self, order: Order) -> None:
        self._under_way.add(order.attempt)
        self._pool.submit(self._carefully, self._start_cold, order)

    def _start_cold(self, order: Order) -> None:
        attempt = order.attempt
        try:
            if not self._watched(attempt, self._layout.job_folder(attempt)):
                return
            image = self._engine.start(order)
        except EngineError as error:
            self._watch.drop(attempt)
            self._not_started(attempt, error.message, error.hint)
            return
        finally:
            self._under_way.discard(attempt)
        if order.wanted:
            # It may have been built for this very start.
            built = self._engine.built(order.runtime)
            self._tell({"event": "prepared", "runtime": order.runtime, "image": image, "built": built})
        self._tell_of(attempt, "started", image=image, warm=False, **self._built(order.runtime))

    def _watched(self, attempt: str, folder: JobFolder) -> bool:
        """Watch a job's folder; where that cannot be done nobody would see its end, and it is not begun."""
        try:
            self._watch.add(attempt, folder)
        except OSError as problem:
            self._not_started(attempt, unwatched(problem), UNWATCHED_HINT)
            return False
        return True

    def _not_started(self, attempt: str, message: str, hint: str | None) -> None:
        """Tell of it, once nobody is told any more that the attempt is there."""
        self._under_way.discard(attempt)
        self._tell_of(attempt, "start_failed", message=message, hint=hint)

    def _built(self, runtime: str) -> Json:
        """What the gateway writes down of an attempt's packages."""
        found = self._engine.built(runtime)
        return {"built": {"environment": found["id"], "solution": found["digest"]}} if found else {}

    def _call(self, message: Message) -> None:
        attempt, session = self._known(message), str(message["session"])
        if not self._watched(attempt, self._layout.job_folder(attempt)):
            return
        try:
            self._engine.tell(session, self._layout.job_folder(session).requests, attempt)
        except EngineError as error:
            self._watch.drop(attempt)
            self._tell_of(attempt, "start_failed", message=error.message, hint=error.hint)

    def _end(self, message: Message) -> None:
        session = str(message["session"])
        with suppress(EngineError):  # a session that hears nothing is stopped a little later
            self._engine.tell(session, self._layout.job_folder(session).requests, "end")

    def _ended(self, container: str, ended: Exit) -> None:
        if self._warm.withheld(container, ended):
            return
        attempt = self._warm.attempt(container)
        if attempt is None:
            self._warm.ended(container)
            return
        slot = self._warm.unheard(container)
        if slot and slot.order:
            self._begin_anew(slot, slot.order)
            return
        self._warm.over(attempt)
        reach("exit seen")
        self._tell_of(attempt, "exited", exit=ended.as_json())

    def _begin_anew(self, slot: Slot, order: Order) -> None:
        """Its container has ended, and nothing of the job ever ran in there: it is given one of its own."""
        log.info("%s ended before it had the word of %s, which is started anew", slot.id, order.attempt)
        self._under_way.add(order.attempt)  # nobody is told meanwhile that it is gone
        self._watch.drop(order.attempt)
        self._warm.leave(slot, order.attempt)
        self._begin_cold(order)

    def _finished(self, attempt: str) -> None:
        # A warm job can have its result before anybody was told that it started: the record has its image all the same.
        image = self._warm.image(attempt)
        more: Json = {"image": image} if image else {}
        if usage := self._notable(attempt):
            more["usage"] = usage
        reach("result seen")
        self._tell_of(attempt, "finished", **more)

    def _notable(self, attempt: str) -> Json | None:
        """What the kernel did to a job and its end has to tell of; the rest of its counts is told with the exit."""
        usage = self._engine.usage(self._warm.container(attempt))
        return usage.as_json() if usage and (usage.oom_kills or usage.refused) else None

    def _stop(self, message: Message) -> None:
        attempt = str(message["attempt"])
        self._warm.to_end(attempt)
        self._engine.stop(self._warm.container(attempt), self._grace)

    def _forget(self, message: Message) -> None:
        attempt = str(message["attempt"])
        self._watch.drop(attempt)
        self._output.drop(attempt)
        self._tokens.pop(attempt, None)
        self._engine.forget(attempt)

    def _remove(self, message: Message) -> None:
        attempt = str(message["attempt"])
        self._forget(message)
        self._warm.to_end(attempt)
        self._engine.remove(self._warm.container(attempt))
        self._warm.over(attempt)
        reach("container removed")
        self._warm.removed(attempt)

    def _found(self, _: Message) -> None:
        # First those that are being made: the engine may not list them yet, and has them a moment later.
        under_way: dict[str, Exit | None] = dict.fromkeys(self._under_way)
        found = under_way | self._warm.recover(self._engine.found())
        for attempt, ended in found.items():
            folder = self._layout.job_folder(attempt)
            if attempt not in self._tokens and (token := token_in(folder)):
                self._tokens[attempt] = token
            if ended is None:
                try:
                    self._watch.add(attempt, folder)
                except OSError as problem:
                    # Its end is seen by that of its container. What else there is must be told all the same.
                    log.warning("%s: %s", attempt, unwatched(problem))
        told = {attempt: ended.as_json() if ended else None for attempt, ended in found.items()}
        counted = {attempt: usage for attempt in found if (usage := self._notable(attempt))}
        more: Json = {"usage": counted} if counted else {}
        self._tell({"event": "found", "attempts": told, "tokens": {one: self._tokens.get(one) for one in found}} | more)
