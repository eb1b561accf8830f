"""The one database of a home: one connection that writes, read-only ones beside it."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# sqlite-utils imports pandas and numpy where it finds them. The gateway opens no payload and has no use for
# either; in a shared virtual environment they would cost it 90 MB.
for _name in ("pandas", "numpy"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
import sqlite_utils  # noqa: E402

for _name in ("pandas", "numpy"):
    if sys.modules.get(_name) is None:
        sys.modules.pop(_name, None)

from landbridge_gateway.errors import DiskFull  # noqa: E402
from landbridge_gateway.store.migrations import migrations  # noqa: E402

Row = dict[str, Any]

# Two connections that write or checkpoint at once can corrupt a WAL before this version. Here only one ever does.
SAFE_WAL = (3, 51, 3)


class Database:
    """Writes are serialised through :meth:`write`; reads see the last commit and never wait for a writer.

    Job state is committed with ``synchronous=FULL``: what was acknowledged survives a power cut.
    """

    def __init__(self, path: Path, changed: Callable[[set[str]], None] = lambda _: None) -> None:
        self.path = path
        self.changed = changed
        self._touched: set[str] = set()
        self._lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        self._writer = sqlite_utils.Database(connection)
        migrations.apply(self._writer)

    @contextmanager
    def write(self, durable: bool = True) -> Iterator[sqlite_utils.Database]:
        """One transaction. After the outermost commit ``changed`` is told the topics that it touched.

        ``durable``: a power cut takes nothing of it away once this returns. Without it a commit may be lost that way,
        and only that way, until the next durable one, which brings all before it to the disk as well.
        """
        touched: set[str] = set()
        with self._lock:
            outermost = not self._writer.conn.in_transaction
            if outermost:
                self._writer.conn.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            try:
                with self._writer.atomic():
                    yield self._writer
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise DiskFull() from error
                raise
            finally:
                if outermost:
                    touched, self._touched = self._touched, touched
        if touched:
            self.changed(touched)

    def touch(self, *topics: str) -> None:
        """Name what the current transaction changes: ids of jobs and of their owners."""
        self._touched.update(topics)

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        cursor = self._reader().execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False, timeout=5)
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            with self._lock:
                self._readers.append(connection)
        return connection

    def close(self) -> None:
        with self._lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.close()
        self._local = threading.local()


def insert_row(db: sqlite_utils.Database, table: str, row: Mapping[str, Any]) -> None:
    """Add a row inside a transaction. The plain statement: what sqlite-utils finds out about a table first costs more
    than the row.
    """
    names = ", ".join(f'"{name}"' for name in row)
    db.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def returning(db: sqlite_utils.Database, sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[Row]:
    """Run a guarded ``UPDATE ... RETURNING`` inside a transaction and give its rows."""
    cursor = db.conn.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
