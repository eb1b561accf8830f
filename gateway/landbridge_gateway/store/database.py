"""The one database of a home: one connection that writes, read-only ones beside it."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import chain
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

from landbridge_gateway.errors import DiskFailed, DiskFull, Overloaded, StoreGone  # noqa: E402
from landbridge_gateway.home import boot  # noqa: E402
from landbridge_gateway.store import soundness  # noqa: E402
from landbridge_gateway.store.clock import seconds_between  # noqa: E402
from landbridge_gateway.store.migrations import migrations  # noqa: E402
from landbridge_gateway.store.readers import Readers  # noqa: E402

Row = dict[str, Any]
log = logging.getLogger(__name__)

# Pages of the log (16 MB) from which on a commit takes them over into the file. With the usual 1,000 one submission in
# a hundred waited 6 ms for that; most pages are changed again before long, and so taken over less often this way.
_CHECKPOINT = 4000
# Two connections that write or checkpoint at once can corrupt a WAL before this version. Here only one ever does.
SAFE_WAL = (3, 51, 3)


class Database:
    """Writes are serialised through :meth:`write`; reads see the last commit and never wait for a writer.

    Job state is committed with ``synchronous=FULL``: what was acknowledged survives a power cut.

    Raises :class:`UnfitHome` where the file is not the one that the last gateway left, or newer than this version.
    """

    def __init__(self, path: Path, changed: Callable[[set[str]], None] = lambda _: None) -> None:
        self.path = path
        self.changed = changed
        self._touched: set[str] = set()
        self._after: list[Callable[[], object]] = []
        self._durable: bool | None = None  # of the transaction under way, if there is one
        self._depth = 0  # of transactions within it
        self._undone: BaseException | None = None  # why SQLite undid the whole transaction under way
        self._level = ""  # of durability, as the connection was told last
        self._lock = threading.RLock()
        self._local = threading.local()
        self._readers = Readers(path)
        mark = soundness.Mark.read(path)
        soundness.check_files(path, mark)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.create_function("seconds_between", 2, seconds_between, deterministic=True)
            self._writer = sqlite_utils.Database(connection)
            self._mark = self._opened(mark)
        except BaseException as problem:
            connection.close()
            # What is operational is no fault of the file: a full disk, a step of the schema that failed.
            if isinstance(problem, sqlite3.DatabaseError) and not isinstance(problem, sqlite3.OperationalError):
                raise soundness.unreadable(path, problem) from problem
            raise
        self.place = soundness.Place.of(path)

    def _opened(self, mark: soundness.Mark | None) -> soundness.Mark:
        """Bring the schema up to date, once it is known that the file is the right one; and note that it is open."""
        soundness.check_pages(self._writer.conn, self.path)
        soundness.check_schema(self._writer.conn, self.path, [step.name for step in migrations._migrations])
        if mark:
            soundness.check_identity(self.path, mark, *self._identity())
        self._prepare()
        migrations.apply(self._writer)
        # What a statement changes is kept until it is whole: from 16 pages on in a file that is made and removed for
        # it, and a submission changes about as many. A step of the schema, done by now, may sort more than fits.
        self._writer.execute("PRAGMA temp_store = MEMORY")
        with self._writer.atomic():
            self._writer.execute("UPDATE store SET opened = opened + 1")
        store, opened, _ = self._identity()
        made = soundness.Mark(store, opened, None, boot(), self.path.stat().st_ino)
        made.write(self.path)
        return made

    def _prepare(self) -> None:
        self.path.chmod(0o600)
        for setting in (
            "journal_mode = WAL",
            f"wal_autocheckpoint = {_CHECKPOINT}",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
        ):
            self._writer.execute(f"PRAGMA {setting}")

    def _identity(self) -> tuple[str, int, int]:
        """Which store this is, how often it was opened, its newest event; nothing of one before there was a note."""
        if not self._writer.table("store").exists():
            return "", 0, 0
        found = self._writer.execute(
            """SELECT id, opened, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) FROM store"""
        ).fetchone()
        return str(found[0]), int(found[1]), int(found[2])

    def become_another(self) -> None:
        """A restored store is not the one that it was copied from: neither takes the other's place unnoticed."""
        with self._writer.atomic():
            self._writer.execute("UPDATE store SET id = lower(hex(randomblob(8)))")
        self._mark = replace(self._mark, store=self._identity()[0])

    @contextmanager
    def write(self, durable: bool = True) -> Iterator[sqlite_utils.Database]:
        """One transaction. After the outermost commit ``changed`` is told the topics that it touched.

        ``durable``: a power cut takes nothing of it away once this returns. Without it a commit may be lost that way,
        and only that way, until the next durable one, which brings all before it to the disk as well.

        Within another one it is a part of that one: what fails in it alone is undone alone, and what it reads by
        :meth:`rows` includes what was written before.
        """
        with self._lock:
            with self._part(durable) if self._durable is not None else self._whole(durable):
                yield self._writer
            if self._durable is not None:
                return
            touched, self._touched = self._touched, set()
            after, self._after = self._after, []
        if touched:
            self.changed(touched)
        for action in after:
            action()

    @contextmanager
    def _whole(self, durable: bool) -> Iterator[None]:
        if getattr(self._local, "writing", False):
            raise RuntimeError("Nothing is written while what is at hand is read.")
        self.place.check()
        level = "FULL" if durable else "NORMAL"
        if level != self._level:
            self._writer.conn.execute(f"PRAGMA synchronous = {level}")
            self._level = level
        self._durable, self._local.writing = durable, True
        try:
            with self._writer.atomic():
                yield
                if self._undone:
                    raise self._undone  # whoever caught it may have gone on, outside of any transaction
        except BaseException as error:
            self._touched, self._after = set(), []
            if isinstance(error, sqlite3.OperationalError):
                raise _told(error) from error
            raise
        finally:
            self._durable, self._local.writing, self._undone = None, False, None

    @contextmanager
    def _part(self, durable: bool) -> Iterator[None]:
        if durable and not self._durable:
            raise RuntimeError("A durable transaction cannot be part of one that is not.")
        if self._undone:
            raise self._undone
        # By names of our own, which SQLite knows again: those of sqlite-utils are new ones each time.
        self._depth += 1
        name, before = f"part_{self._depth}", len(self._after)
        connection = self._writer.conn
        connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException as error:
            del self._after[before:]
            if not connection.in_transaction:
                self._undone = error  # by a full disk, for one, SQLite undoes the whole transaction
            else:
                connection.execute(f"ROLLBACK TO {name}")
                connection.execute(f"RELEASE {name}")
            raise
        else:
            connection.execute(f"RELEASE {name}")
        finally:
            self._depth -= 1

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """A few short readings right after a commit, by the connection that made it: the others read anew what changed.

        Where somebody writes, they are as any other reading. Nothing may be written within.
        """
        if getattr(self._local, "writing", False) or not self._lock.acquire(blocking=False):
            yield
            return
        try:
            self._local.writing = True
            with self._writer.atomic():
                yield
        finally:
            self._local.writing = False
            self._lock.release()

    def bring_to_disk(self) -> None:
        """Whatever was committed before survives a power cut once this returns."""
        with self.write() as db:
            # SQLite waits for the disk only where a page was changed, which no update to the same value does.
            brought = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute(f"PRAGMA user_version = {(brought + 1) % 2**31}")

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do this once the current transaction is committed, and never where it is not; at once outside of one."""
        if getattr(self._local, "writing", False):
            self._after.append(action)
        else:
            action()

    def touch(self, *topics: str) -> None:
        """Name what the current transaction changes: ids of jobs and of their owners."""
        self._touched.update(topics)

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        try:
            if getattr(self._local, "writing", False):
                return _rows(self._writer.conn, sql, parameters)
            with self._readers.one(self.place.check) as connection:
                return _rows(connection, sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_READONLY:
                raise  # no disk's doing: these connections may not write
            raise _told(error) from error

    def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def close(self) -> None:
        with self._lock:
            self._readers.close()
            self._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            events = self._identity()[2]
            self._writer.close()
            with suppress(StoreGone):
                self.place.check()
                replace(self._mark, events=events).write(self.path)


def _rows(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[Row]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _told(error: sqlite3.OperationalError) -> Exception:
    """What a statement failed by, where that was not the statement."""
    code = error.sqlite_errorcode & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull()
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        log.error("the database cannot be used: %s (%s)", error, error.sqlite_errorname)
        return DiskFailed()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Overloaded("Another program holds the gateway's database.", "Try again in a second.")
    return error


def insert_row(db: sqlite_utils.Database, table: str, row: Mapping[str, Any]) -> None:
    """Add a row inside a transaction. The plain statement: what sqlite-utils finds out about a table first costs more
    than the row.
    """
    db.conn.execute(_insertion(table, tuple(row), 1), tuple(row.values()))


def inserted_row(db: sqlite_utils.Database, table: str, row: Mapping[str, Any]) -> Row:
    """The same, and all columns as they are then; what triggers change afterwards is not seen."""
    return _rows(db.conn, f"{_insertion(table, tuple(row), 1)} RETURNING *", tuple(row.values()))[0]


def insert_rows(db: sqlite_utils.Database, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> int:
    """Add a few rows by one statement: each takes what a row does, and lets other threads go first. The last id."""
    return int(db.conn.execute(_insertion(table, columns, len(rows)), tuple(chain.from_iterable(rows))).lastrowid or 0)


@lru_cache(256)
def _insertion(table: str, columns: tuple[str, ...], count: int) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * count)}"


def returning(db: sqlite_utils.Database, sql: str, parameters: Sequence[Any] | dict[str, Any]) -> list[Row]:
    """Run a guarded ``UPDATE ... RETURNING`` inside a transaction and give its rows."""
    return _rows(db.conn, sql, parameters)
