"""Is the database that lies there the one that the last gateway left? Looked at before anything is written to it.

Beside the database lies its mark: which store it is, how often it was opened, whether it was closed, and how far its
record had come then. A file that was put back, cut short or lost contradicts it, where SQLite alone would take an empty
file for a new database, and a log without its end for a whole one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from landbridge_gateway.errors import NewerHome, StoreDamaged, StoreGone
from landbridge_gateway.home import boot, write_private

_MAGIC = b"SQLite format 3\0"
_WAL_HEADER, _FRAME_HEADER = 32, 24
_INDEX_HEADER = 48
_OLDEST = (3, 38, 0)  # the first one that reads JSON with ->>


@dataclass(frozen=True)
class Mark:
    """What the last gateway noted. ``events`` is the newest event at its end; None while it runs, or when it died.

    ``boot`` and ``inode`` tell the machine's start and the file that it had open.
    """

    store: str
    opened: int
    events: int | None
    boot: str
    inode: int

    @classmethod
    def read(cls, database: Path) -> Mark | None:
        try:
            return cls(**json.loads(mark_file(database).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise _damaged(database, f"its mark {mark_file(database)} cannot be read") from None

    def write(self, database: Path) -> None:
        write_private(mark_file(database), json.dumps(vars(self)) + "\n")


def mark_file(database: Path) -> Path:
    return database.with_name(database.name + ".mark")


def check_files(database: Path, mark: Mark | None) -> None:
    """Before SQLite opens them, which would mend or empty what it takes for remains."""
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreDamaged(
            f"SQLite {sqlite3.sqlite_version} is too old to open {database}.", "Use a Python with SQLite 3.38 or newer."
        )
    if mark is None:
        return
    if not database.exists():
        raise StoreGone(database)
    if database.stat().st_size == 0:
        raise _damaged(database, "it is empty")
    if mark.events is None:
        _check_log(database, mark)


def _check_log(database: Path, mark: Mark) -> None:
    """Nobody closed the database, so the last commits may be in the log beside it alone."""
    log = database.with_name(database.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size < _WAL_HEADER:
        raise _damaged(database, f"its log {log.name} is gone or empty, and with it what was committed last")
    if mark.boot != boot():
        return  # the power may have gone as well, and what was not on the disk by then was promised to nobody
    if mark.inode != database.stat().st_ino:
        raise _damaged(database, f"another file was put in its place, beside the log {log.name} of the right one")
    index = _index_of(database)
    if index is None:
        return
    frames, page_size, salt = index
    with log.open("rb") as file:
        header = file.read(_WAL_HEADER)
    if size < _WAL_HEADER + frames * (page_size + _FRAME_HEADER):
        raise _damaged(database, f"its log {log.name} was cut short")
    if frames and header[16:24] != salt:
        raise _damaged(database, f"its log {log.name} is that of another database")


def _index_of(database: Path) -> tuple[int, int, bytes] | None:
    """How many frames of the log count, the size of a page, and the log's salt; None where the index tells nothing.

    It is SQLite's own index of the log, in shared memory that a file backs: exact as long as the machine runs. The
    layout is that of https://sqlite.org/walformat.html, section 2.1.
    """
    try:
        with database.with_name(database.name + "-shm").open("rb") as file:
            first, second = file.read(_INDEX_HEADER), file.read(_INDEX_HEADER)
    except FileNotFoundError:
        return None
    if len(second) < _INDEX_HEADER or first != second or not first[12]:
        return None
    page_size, frames = struct.unpack("=HI", first[14:20])
    return frames, 65536 if page_size == 1 else page_size, first[32:40]


def check_pages(connection: sqlite3.Connection, database: Path) -> None:
    """A file that has fewer pages than it should is looked through: the log may have the others, or nobody has."""
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if database.stat().st_size < pages * size:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _damaged(database, "it was cut short")


def check_schema(connection: sqlite3.Connection, database: Path, known: Iterable[str]) -> None:
    """A schema with steps that this version does not know was made by a newer one."""
    with suppress(sqlite3.OperationalError):  # a new file has no such table
        rows = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
        unknown = [name for (name,) in rows if name not in set(known)]
        if unknown:
            raise NewerHome(database, unknown)


def check_identity(database: Path, mark: Mark | None, store: str, opened: int, events: int) -> None:
    """Is it the same store, and no older copy of it?"""
    if mark is None:
        return
    if store != mark.store:
        raise _damaged(database, "it is another store's")
    # One more than noted: the gateway died between its two notes.
    if not mark.opened <= opened <= mark.opened + 1 or (mark.events is not None and events < mark.events):
        raise _damaged(database, "it is an older copy")


def unreadable(database: Path, problem: sqlite3.DatabaseError) -> StoreDamaged:
    return _damaged(database, f"SQLite cannot read it ({problem})")


def _damaged(database: Path, why: str) -> StoreDamaged:
    return StoreDamaged(
        f"The database {database} is not what the last gateway left: {why}. Nothing was changed.",
        "Put the right files back, or restore a backup into a new folder with `landbridge restore`. If it is meant to"
        f" be as it is, remove {mark_file(database)}.",
    )


@dataclass(frozen=True)
class Place:
    """The file itself, whatever its name leads to by now."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Place:
        found = path.stat()
        return cls(path, found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raises :class:`StoreGone` when the name leads to no file, or to another one."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - before each transaction, and half as dear as Path's
        except OSError:
            raise StoreGone(self.path) from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise StoreGone(self.path)
