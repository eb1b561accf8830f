"""The gateway's end of the private socket: keeps connected, sends commands, hands events on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from landbridge_gateway.warden.lease import Lease
from landbridge_gateway.warden.wire import Channel, Message, connect

log = logging.getLogger(__name__)
_AGAIN_SECONDS = 0.2


class WardenLink:
    """``on_event`` is called in order, and may not block. The warden is asked what there is after each connection, and
    when it answers again after it was silent for longer than its lease.
    """

    def __init__(self, socket: Path, on_event: Callable[[Message], None], lease: float) -> None:
        self._socket, self._on_event = socket, on_event
        self._channel: Channel | None = None
        self._lease = Lease(lease)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("warden-link", self._run), ("warden-heartbeat", self._beat))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def send(self, verb: str, **fields: object) -> bool:
        """False when there is no warden, or none that answers; what was missed is sorted out when it is back."""
        return not self._lease.suspected and self._send(verb, **fields)

    def _send(self, verb: str, **fields: object) -> bool:
        channel = self._channel
        return channel is not None and channel.send({"verb": verb, **fields})

    def close(self) -> None:
        self._closed.set()
        if self._channel:
            self._channel.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._channel = connect(self._socket)
            except OSError:
                self._closed.wait(_AGAIN_SECONDS)
                continue
            with self._lock:
                self._lease = Lease(self._lease.seconds)
            self._send("hello")
            self._send("found")
            for event in self._channel.messages():
                if event.get("event") == "pong":
                    self._heard()
                else:
                    self._on_event(event)
            self._channel = None
            self._on_event({"event": "disconnected"})

    def _beat(self) -> None:
        while not self._closed.wait(self._lease.pause):
            now = time.monotonic()
            with self._lock:
                ask = self._channel is not None and self._lease.ask(now)
                if self._channel is not None and self._lease.ran_out(now):
                    log.warning("the warden has not answered for %s s", self._lease.seconds)
                    # Within the lock: that it answers again is told after this.
                    self._on_event({"event": "suspected", "lease": self._lease.seconds})
            if ask:
                self._send("ping")

    def _heard(self) -> None:
        with self._lock:
            back = self._lease.heard()
        if back:
            log.warning("the warden answers again")
            self._send("found")
