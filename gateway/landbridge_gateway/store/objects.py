"""Objects: immutable stored files. The row names the file; the depot holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from landbridge_gateway.errors import UnknownObject
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database, Row, insert_row

UPLOAD = "upload"  # the origin of what a client sent; any other is the job that made it


class Objects:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self,
        *,
        id: str,
        owner: str,
        origin: str,
        format: str,
        name: str | None,
        size: int,
        digest: str | None,
        stamp: str | None = None,
    ) -> Row:
        """Store what is known of an object. One that a job made is durable with the job's end, which names it.

        ``stamp`` is that of a file that is not known to be on the disk yet: see :mod:`landbridge_gateway.depot.stamps`.
        """
        row = {
            "id": id,
            "owner": owner,
            "origin": origin,
            "format": format,
            "name": name,
            "size": size,
            "digest": digest,
            "created": timestamp(),
            "stamp": stamp,
        }
        # The job that is given such a file brings its row to the disk with its own.
        with self._db.write(durable=origin == UPLOAD and stamp is None) as db:
            insert_row(db, "objects", row)
        return row

    def get(self, object_id: str, owner: str | None = None) -> Row:
        """One object; another owner's does not exist."""
        row = self._db.row("SELECT * FROM objects WHERE id = ? AND (? IS NULL OR owner = ?)", (object_id, owner, owner))
        if row is None:
            raise UnknownObject(object_id)
        return row

    def uploaded(self, owner: str) -> int:
        """How many bytes the uploads of an owner take."""
        row = self._db.row("SELECT bytes FROM uploaded WHERE owner = ?", (owner,))
        return int(row["bytes"]) if row else 0

    def formats(self, object_ids: Iterable[str], owner: str | None = None) -> dict[str, str]:
        """The format of each object; the first one that is not there, or is another's, is an error."""
        found = {}
        for object_id in object_ids:
            found[object_id] = str(self.get(object_id, owner)["format"])
        return found

    def stamps(self, object_ids: Iterable[str]) -> dict[str, str]:
        """Those of the objects that have one."""
        wanted = list(object_ids)
        if not wanted:
            return {}
        marks = ",".join("?" * len(wanted))
        rows = self._db.rows(f"SELECT id, stamp FROM objects WHERE id IN ({marks}) AND stamp IS NOT NULL", wanted)
        return {row["id"]: row["stamp"] for row in rows}

    def exists(self, object_id: str) -> bool:
        return self._db.row("SELECT 1 FROM objects WHERE id = ?", (object_id,)) is not None

    def without_digest(self, job: str, number: int) -> list[Row]:
        """What an attempt of a job made; of a sweep, what the points of that chunk made."""
        return self._db.rows(
            """SELECT id, format FROM objects WHERE digest IS NULL
               AND origin IN (SELECT ?1 UNION ALL SELECT id FROM jobs WHERE sweep = ?1 AND chunk = ?2)""",
            (job, number),
        )

    def all_without_digest(self, but: Sequence[str]) -> list[Row]:
        """All of them but those that have one of these stamps."""
        marks = ",".join("?" * len(but))
        sql = f"SELECT id, format FROM objects WHERE digest IS NULL AND (stamp IS NULL OR stamp NOT IN ({marks}))"
        return self._db.rows(sql, but)

    def stamped(self, stamp: str) -> list[Row]:
        return self._db.rows("SELECT id, format FROM objects WHERE stamp = ?", (stamp,))

    def handed_without_digest(self) -> list[Row]:
        """Files of clients, of which nobody knows whether they are on the disk."""
        return self._db.rows("SELECT id, format FROM objects WHERE digest IS NULL AND stamp IS NOT NULL")

    def restamp(self, object_id: str, before: str, stamp: str | None) -> None:
        """The commit of a job that is given the object brings this to the disk along with itself."""
        with self._db.write(durable=False) as db:
            db.execute("UPDATE objects SET stamp = ? WHERE id = ? AND stamp = ?", (stamp, object_id, before))

    def doubt_handed(self, stamp: str) -> None:
        """After a power cut: they have this stamp from now on, which no file has."""
        with self._db.write() as db:
            db.execute("UPDATE objects SET stamp = ? WHERE digest IS NULL AND stamp IS NOT NULL", (stamp,))

    def set_digest(self, object_id: str, digest: str) -> None:
        with self._db.write(durable=False) as db:
            db.execute("UPDATE objects SET digest = ? WHERE id = ?", (digest, object_id))
