"""The private socket between gateway and warden: one JSON object a line, both ways.

Commands carry ``verb``: ``hello``, ``prepare``, ``start``, ``give``, ``stop``, ``remove``, ``found``. The secrets of
a job go with ``start``, ``call`` or ``give`` as ``given``, which is one line for its worker. Everything that comes
back is an event with ``event``: ``hello``, ``preparing``, ``prepared``, ``prepare_failed``, ``started``,
``start_failed``, ``activity``, ``finished``, ``exited``, ``found``. Commands are not answered one by one: an event
names what it is about, so either side can be restarted and ask again.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Message = dict[str, Any]
MOST_LINE = 1024 * 1024
_LONGEST_NAME = 100  # the kernel's limit for a socket's address is 108 bytes


class Channel:
    """One end of the socket. Sending is safe from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lock = threading.Lock()

    def send(self, message: Message) -> bool:
        """False when the other side is gone."""
        data = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError:
            return False
        return True

    def messages(self) -> Iterator[Message]:
        """Until the other side is gone, or sends something that is not a message."""
        with self._socket.makefile("rb") as stream:
            while True:
                try:
                    line = stream.readline(MOST_LINE)
                    message = json.loads(line) if line.endswith(b"\n") else None
                except (OSError, ValueError):
                    return
                if not isinstance(message, dict):
                    return
                yield message

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def listen(path: Path) -> socket.socket:
    """Bind the private socket; only its owner may connect."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    with _Address(path) as address:
        server.bind(address)
    path.chmod(0o600)
    server.listen(4)
    return server


def connect(path: Path) -> Channel:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _Address(path) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        raise
    return Channel(connection)


class _Address:
    """A name for the socket that fits the kernel's limit, however deep the home lies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _LONGEST_NAME:
            return str(self._path)
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)
