"""Requests that wait for a change, without a thread each.

A view that has no answer yet is left, and its connection is kept in the waiting room; when one of its topics changes,
or its time is over, a thread of the server's pool takes the connection up again and answers.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from flask import Response, request

from landbridge_gateway.errors import GatewayError, Unauthorized
from landbridge_gateway.scheduler.hub import Hub, Listener
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.tokens import topic_of
from landbridge_gateway.web.access import caller
from landbridge_gateway.web.headers import refusal
from landbridge_gateway.web.services import services

T = TypeVar("T")
HOLD = "landbridge.hold"  # where the server's own hand over is found in the environ, if it has a waiting room
Render = Callable[[T | None], Response]
_SPARE = 64  # deadlines of visits that are over, kept before the row of deadlines is cleared of them


def answer_when(look: Callable[[], T | None], render: Render[T], seconds: float, topics: Iterable[str]) -> Response:
    """``render`` of the first answer of ``look`` that is not None, or of None when the time is over.

    Neither may use the request: both may be called after the view was left. Raises ``NoPlace`` when too many wait.
    Nobody waits longer than the token is valid, by which the request was made.
    """
    hub, who = services().hub, caller()
    look = _as_long_as_valid(look)
    listener = hub.listen([*topics, topic_of(who.name)])
    seconds = min(seconds, seconds_between(timestamp(), who.expires) or seconds)
    kept = False
    try:
        found = look()
        if found is not None or seconds <= 0 or not hub.open:
            return render(found)
        hold = request.environ.get(HOLD)
        if hold is None:
            return render(hub.wait(listener, look, seconds))
        hub.take_place()
        hold(Held(hub, listener, lambda: _rendered(look, render), lambda: render(None), seconds))
        kept = True
        return Response()  # not sent: the connection is held
    finally:
        if not kept:
            hub.leave(listener)


def _as_long_as_valid(look: Callable[[], T | None]) -> Callable[[], T | None]:
    """The same look; once the caller's token was taken back it raises :class:`Unauthorized`."""
    tokens, name = services().tokens, caller().name
    before = tokens.changes

    def checked() -> T | None:
        if tokens.changes != before and not tokens.is_valid(name):
            raise Unauthorized("The token was taken back.", "Ask an admin of this gateway for another one.")
        return look()

    return checked


def _rendered(look: Callable[[], T | None], render: Render[T]) -> Response | None:
    found = look()
    return None if found is None else render(found)


class Held:
    """A request whose view was left without an answer."""

    def __init__(
        self,
        hub: Hub,
        listener: Listener,
        look: Callable[[], Response | None],
        over: Callable[[], Response],
        seconds: float,
    ) -> None:
        self._hub, self.listener, self._look, self._over = hub, listener, look, over
        self.deadline = time.monotonic() + seconds

    def answer(self) -> Response | None:
        """What to send now; None when it has to wait on."""
        self.listener.changed.clear()
        try:
            found = self._look()
        except GatewayError as error:
            found = refusal(error)
        if found is None and (not self._hub.open or time.monotonic() >= self.deadline):
            return self._over()
        return found

    def leave(self) -> None:
        self._hub.leave(self.listener)
        self._hub.leave_place()


class Connection(Protocol):
    """What the room needs of a connection of the server."""

    socket: socket.socket
    held: Held | None

    def has_gone(self) -> bool: ...

    def close(self) -> None: ...


class WaitingRoom:
    """Connections whose requests wait: one thread and one selector for all of them.

    ``resume`` takes a connection up again; it must not block, for whoever brings the news calls it. The thread looks
    after those that go, and those whose time is over.
    """

    def __init__(self, resume: Callable[[Any], object]) -> None:
        self._resume = resume
        self._lock = threading.Lock()
        self._inside: dict[int, Connection] = {}  # by the number of the visit
        self._visits = itertools.count()
        self._deadlines: list[tuple[float, int]] = []
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._open = True
        self._thread = threading.Thread(target=self._run, name="waiting-room", daemon=True)
        self._thread.start()

    def enter(self, connection: Connection, held: Held) -> bool:
        """Keep a connection until its request can be answered; False where nobody is kept any more."""
        with self._lock:
            if not self._open:
                return False
            visit = self._admit(connection, held)
            first = self._deadlines[0][1] == visit
        held.listener.heard = lambda: self._let_out(visit)
        if held.listener.changed.is_set():
            self._let_out(visit)  # it was told before anybody listened to it here
        elif first:
            self._ring()
        return True

    def _admit(self, connection: Connection, held: Held) -> int:
        visit = next(self._visits)
        self._inside[visit] = connection
        self._selector.register(connection.socket, selectors.EVENT_READ, visit)
        if len(self._deadlines) > 2 * len(self._inside) + _SPARE:
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._inside]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (held.deadline, visit))
        return visit

    def close(self) -> None:
        """Let everybody out: each is taken up once more, and answered."""
        with self._lock:
            self._open = False
        self._ring()
        self._thread.join(5)

    def _ring(self) -> None:
        with suppress(OSError):
            self._ringer.send(b".")

    def _run(self) -> None:
        while self._open:
            for key, _ in self._selector.select(self._seconds_left()):
                if key.data is None:
                    with suppress(BlockingIOError):
                        self._bell.recv(4096)
                else:
                    self._look_at(key.data)
            for visit in self._late():
                self._let_out(visit)
        for visit in list(self._inside):
            self._let_out(visit)
        self._selector.close()
        for end in (self._bell, self._ringer):
            end.close()

    def _seconds_left(self) -> float | None:
        with self._lock:
            return max(0.0, self._deadlines[0][0] - time.monotonic()) if self._deadlines else None

    def _late(self) -> list[int]:
        now, found = time.monotonic(), []
        with self._lock:
            while self._deadlines and self._deadlines[0][0] <= now:
                found.append(heapq.heappop(self._deadlines)[1])
        return found

    def _take(self, visit: int) -> Connection | None:
        with self._lock:
            connection = self._inside.pop(visit, None)
            if connection is not None:
                # It is not there when the client had sent something.
                with suppress(KeyError, ValueError):
                    self._selector.unregister(connection.socket)
        return connection

    def _let_out(self, visit: int) -> None:
        connection = self._take(visit)
        if connection is not None:
            self._resume(connection)

    def _look_at(self, visit: int) -> None:
        """It can be read: the client has gone, or has sent its next request already."""
        connection = self._inside.get(visit)
        if connection is None:
            return
        if connection.has_gone():
            self._take(visit)
            connection.close()
            return
        with self._lock, suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
