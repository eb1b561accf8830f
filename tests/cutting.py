"""A way to a gateway that breaks: connections through it are cut after so many bytes."""

from __future__ import annotations

import math
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

_ON_THE_WAY = 256 * 1024  # bytes that were carried by and not delivered yet, and are lost with a connection


class Cutting:
    """Listens beside a gateway and passes on what comes, both ways.

    Each number in ``cuts`` is for one connection that carries as many bytes as that: it is reset there. With ``each``
    so is every other connection, until ``most`` bytes went by in all: from then on nobody is let through. What goes by
    is counted in ``carried``, and resets in ``broken``.
    """

    def __init__(self, url: str, cuts: list[int], each: float = math.inf, most: float = math.inf) -> None:
        parts = urlsplit(url)
        self._to = (str(parts.hostname), int(parts.port or 80))
        self.cuts, self.carried, self.made, self.broken = list(cuts), 0, 0, 0
        self._each, self._most = each, most
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake who accepts
        self._listener.close()
        # A thread that still waits on one of them ends with it.
        for pair in self._pairs:
            pair.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.made += 1
                if self.carried > self._most:
                    client.close()
                    continue
                try:
                    gateway = socket.create_connection(self._to)
                except OSError:
                    client.close()  # as the gateway would have, which is not there just now
                    continue
                for end in (client, gateway):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ON_THE_WAY)
                pair = _Pair(client, gateway)
                self._pairs.append(pair)
                for source, target in ((client, gateway), (gateway, client)):
                    threading.Thread(target=self._pass_on, args=(pair, source, target), daemon=True).start()

    def _pass_on(self, pair: _Pair, source: socket.socket, target: socket.socket) -> None:
        with pair, suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                with self._lock:
                    self.carried += len(data)
                    pair.carried += len(data)
                    cut = pair.carried >= (self.cuts[0] if self.cuts else self._each)
                    if cut:
                        self.broken += 1
                        del self.cuts[:1]
                if cut:
                    pair.reset()
                    return
            target.shutdown(socket.SHUT_WR)


class _Pair:
    """Closed when neither direction carries any more."""

    def __init__(self, *ends: socket.socket) -> None:
        self.ends, self.carried, self._open = ends, 0, threading.Semaphore(1)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if not self._open.acquire(blocking=False):
            self.close()

    def close(self) -> None:
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def reset(self) -> None:
        for end in self.ends:
            with suppress(OSError):
                # Nothing in flight is delivered, as when a cable is pulled.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def cutting(url: str, *cuts: int, each: float = math.inf, most: float = math.inf) -> Iterator[Cutting]:
    with Cutting(url, list(cuts), each, most) as made:
        yield made
