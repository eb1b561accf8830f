"""Between the supervisor and each half: a socket pair that says "ready" once, names a new log, and closes with the
parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import Any

_VARIABLE = "LANDBRIDGE_LIFELINE"
_MOST = 64 * 1024


class Lifeline:
    """The child's end. Without a supervisor (a half started by hand) it does nothing."""

    def __init__(self) -> None:
        number = os.environ.pop(_VARIABLE, None)
        self._socket = socket.socket(fileno=int(number)) if number else None

    def say(self, **facts: Any) -> None:
        """Tell the supervisor that this half is ready, or why it never will be."""
        if self._socket:
            with suppress(OSError):
                self._socket.sendall(json.dumps(facts).encode() + b"\n")

    def hold(self) -> None:
        """End this process politely when the supervisor is gone, however it went."""
        if self._socket:
            threading.Thread(target=self._watch, args=(self._socket,), name="lifeline", daemon=True).start()

    @staticmethod
    def _watch(end: socket.socket) -> None:
        with suppress(OSError), end.makefile("rb") as words:
            for word in words:
                _write_into(json.loads(word)["log"])
        os.kill(os.getpid(), signal.SIGTERM)


def _write_into(log: str) -> None:
    """What this process says from now on goes into another file."""
    with suppress(OSError):  # the disk may be full: the old file is better than none
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for number in (1, 2):
            os.dup2(descriptor, number)
        os.close(descriptor)


def name_log(end: socket.socket, log: str) -> None:
    """Tell a half to go on in this file."""
    with suppress(OSError):  # it may have ended: its successor is given the file at its start
        end.sendall(json.dumps({"log": log}).encode() + b"\n")


def make_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def child_environment(end: socket.socket) -> dict[str, str]:
    return {_VARIABLE: str(end.fileno())}


def first_word(end: socket.socket) -> dict[str, Any] | None:
    """What the child says first; None when it ended without a word."""
    with end.makefile("rb") as stream:
        line = stream.readline(_MOST)
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
