"""The gateway's end of the private socket: keeps connected, sends commands, hands events on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from landbridge_gateway.warden.wire import Channel, Message, connect

log = logging.getLogger(__name__)
_AGAIN_SECONDS = 0.2


class WardenLink:
    """``on_event`` is called from one thread, in order. After each connection the warden is asked what there is."""

    def __init__(self, socket: Path, on_event: Callable[[Message], None]) -> None:
        self._socket, self._on_event = socket, on_event
        self._channel: Channel | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warden-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, verb: str, **fields: object) -> bool:
        """False when there is no warden; the reconnection will sort out what was missed."""
        channel = self._channel
        return channel is not None and channel.send({"verb": verb, **fields})

    def close(self) -> None:
        self._closed.set()
        if self._channel:
            self._channel.close()
        if self._thread.is_alive():
            self._thread.join(2)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._channel = connect(self._socket)
            except OSError:
                self._closed.wait(_AGAIN_SECONDS)
                continue
            self.send("hello")
            self.send("found")
            for event in self._channel.messages():
                self._on_event(event)
            self._channel = None
            self._on_event({"event": "disconnected"})
