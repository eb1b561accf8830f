"""500 clients in one process of their own: each waits for a job of its own, as both clients do, then the next."""

from __future__ import annotations

import json
import selectors
import socket
import time
from multiprocessing.connection import Connection


class _Client:
    def __init__(self, port: int, token: str, jobs: list[str]) -> None:
        self._jobs = jobs
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._received = b""
        self.cursor = 0

    def ask(self) -> None:
        path = f"/api/v1/events?after={self.cursor}&wait=30&ends=only&job={self._jobs[0]}"
        self.socket.sendall(f"GET {path} {self._head}".encode())

    def read(self) -> list[str] | None:
        """The jobs that ended, once the answer is whole."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the gateway closed a connection")
        self._received += part
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        assert b" 200 " in head[:20], head
        length = next(int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        if len(body) < length:
            return None
        self._received = b""
        told = json.loads(body)
        self.cursor = told["cursor"]
        ended = [event["job"] for event in told["events"]]
        self._jobs = [job for job in self._jobs if job not in ended]
        return ended


def listen_to(port: int, tokens: list[str], jobs: list[list[str]], parent: Connection) -> None:
    """One client for each list of jobs. ``parent`` is told when all wait.

    It gets what was heard, as (job, monotonic time), when it says something.
    """
    clients = [_Client(port, tokens[number % len(tokens)], mine) for number, mine in enumerate(jobs)]
    heard: list[tuple[str, float]] = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        time.sleep(2)  # until the last of them is in the gateway's waiting room
        parent.send("waiting")
        selector.register(parent, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    parent.send(heard)
                    return
                ended = key.data.read()
                if ended is not None:
                    now = time.monotonic()
                    heard += [(job, now) for job in ended]
                    key.data.ask()
