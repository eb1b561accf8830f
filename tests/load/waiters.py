"""Many clients that wait, as plain sockets of one thread, and what the gateway's process holds meanwhile."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Waiter:
    """One connection with one request on its way."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def ask(self, path: str, token: str, host: str) -> None:
        head = f"GET /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.received.clear()
        self.socket.sendall(head.encode())

    def read(self) -> Answer | None:
        """Take what has arrived; the answer when it is whole. EOF before that is an error."""
        part = self.socket.recv(65536)
        if not part:
            raise AssertionError(f"The connection was cut: {bytes(self.received)!r}")
        self.received += part
        head, found, body = bytes(self.received).partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers["content-length"])
        if len(body) < length:
            return None
        self.received = bytearray(body[length:])
        return Answer(int(lines[0].split()[1]), headers, json.loads(body[:length]))


class Crowd:
    """``count`` connections to one gateway."""

    def __init__(self, url: str, count: int) -> None:
        self.address = urlsplit(url)
        self.waiters = [
            Waiter(socket.create_connection((str(self.address.hostname), int(self.address.port or 0))))
            for _ in range(count)
        ]

    def ask(self, path: str, token: str) -> None:
        for waiter in self.waiters:
            waiter.ask(path, token, self.address.netloc)

    def answers(self, seconds: float, most: int | None = None) -> list[Answer]:
        """One answer for each; an error when ``seconds`` pass without any byte. ``most``: that many suffice."""
        with selectors.DefaultSelector() as selector:
            for waiter in self.waiters:
                selector.register(waiter.socket, selectors.EVENT_READ, waiter)
            found: list[Answer] = []
            while len(found) < (most or len(self.waiters)):
                ready = selector.select(seconds)
                if not ready:
                    raise AssertionError(f"{len(found)} of {len(self.waiters)} were answered.")
                for key, _ in ready:
                    answer = key.data.read()
                    if answer:
                        selector.unregister(key.fileobj)
                        found.append(answer)
            return found

    def close(self) -> None:
        for waiter in self.waiters:
            with suppress(OSError):
                waiter.socket.close()


@contextmanager
def crowd(url: str, count: int) -> Iterator[Crowd]:
    made = Crowd(url, count)
    try:
        yield made
    finally:
        made.close()


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000
