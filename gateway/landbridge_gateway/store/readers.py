"""Connections that only read, shared by all threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Readers:
    """Safe from any thread. There are as many connections as threads ever read at once.

    The one that was given back last is taken first: it has read the schema and holds the newest pages, where a
    connection of each thread's own would read them anew whenever a thread had rested for long.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[sqlite3.Connection] = []  # without a lock: taking the last and adding one are one step each
        self._closed = False

    @contextmanager
    def one(self, before: Callable[[], None]) -> Iterator[sqlite3.Connection]:
        """A connection for one reading; ``before`` is called where one has to be opened."""
        try:
            connection = self._free.pop()
        except IndexError:
            before()
            connection = self._opened()
        try:
            yield connection
        finally:
            self._free.append(connection)
            if self._closed:
                self.close()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, check_same_thread=False, timeout=5)
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        return connection

    def close(self) -> None:
        """Close those that nobody reads by, and each other one when it is given back."""
        self._closed = True
        while self._free:
            self._free.pop().close()
