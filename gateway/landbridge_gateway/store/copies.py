"""Copies of the database for backups: made while it is written to, and read apart from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from landbridge_gateway.errors import BadBackup
from landbridge_gateway.store.database import Row


def copy_database(source: Path, target: Path) -> None:
    """Make ``target`` what ``source`` is at this moment, as one file. Writers go on meanwhile.

    In one step, which reads one snapshot: by parts it would begin anew with each commit in between.
    """
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there, pages=-1)
        there.execute("PRAGMA journal_mode = DELETE")
        # Browsers stay signed in where they signed in.
        there.execute("PRAGMA secure_delete = ON")
        with there:
            there.execute("DELETE FROM sessions")
    target.chmod(0o600)


class DatabaseCopy:
    """A copy that nobody writes to. Raises :class:`BadBackup` where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raises :class:`BadBackup` where SQLite finds a fault in it."""
        found = [str(row["integrity_check"]) for row in self._rows("PRAGMA integrity_check(3)")]
        if found == ["ok"] and (foreign := self._rows("PRAGMA foreign_key_check")):
            found = [f"{len(foreign)} rows name rows that are not there"]
        if found != ["ok"]:
            raise BadBackup(f"the database in it is damaged: {'; '.join(found)}")

    def objects(self) -> list[Row]:
        return self._rows("SELECT id, format, size, digest FROM objects ORDER BY id")

    def attempts(self) -> list[Row]:
        """All but those that hold secrets and run: what they print is looked through for these at their end."""
        return self._rows(
            """SELECT job, number FROM attempts JOIN jobs ON jobs.id = job
               WHERE attempts.state = 'exited' OR task ->> '$.secrets' IS NULL ORDER BY job, number"""
        )

    def jobs(self) -> int:
        return int(self._rows("SELECT count(*) AS n FROM jobs")[0]["n"])

    def _rows(self, sql: str) -> list[Row]:
        with self._opened() as connection:
            return [dict(row) for row in connection.execute(sql)]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            # Immutable: nothing is written beside it either.
            with closing(sqlite3.connect(f"file:{self._path}?mode=ro&immutable=1", uri=True)) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.DatabaseError as problem:
            raise BadBackup(f"the database in it cannot be read: {problem}") from problem
