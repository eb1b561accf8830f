"""A new home from a backup: checked whole before it is one, and with every job in a state that is true of it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from landbridge_gateway.depot.digests import SHA256, Hashing
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.outcome import lost
from landbridge_gateway.errors import BadBackup, Conflict
from landbridge_gateway.home import Home
from landbridge_gateway.keeping.backups import Backup, opened_backup
from landbridge_gateway.model import Exit, Json, State
from landbridge_gateway.store.copies import DatabaseCopy
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.sweeps import Sweeps

_BLOCK = 1024**2
_RAN = "The job ran when the backup was made that this home was restored from, and what became of it is not known."


@dataclass(frozen=True)
class Restored:
    about: Json
    lost: list[str]


def restore(backup: Path, home: Path) -> Restored:
    """Raises :class:`Conflict` where the home is not empty and :class:`BadBackup`; nothing is left of the home then."""
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(f"{home} is not empty.", "Name a folder that is not there yet with --home.")
    made = Home(home.with_name(f".{home.name}.{secrets.token_hex(4)}.part"))
    made.path.mkdir(mode=0o700, parents=True)
    try:
        with opened_backup(backup) as found:
            _unpack(found, made.path)
            about = found.about
        _check(made)
        gone = list(_settled(made))
        made.prepare()
        _sync(made.path)
        made.path.rename(home)
    except BaseException:
        shutil.rmtree(made.path, ignore_errors=True)
        raise
    return Restored(about, gone)


def _unpack(backup: Backup, target: Path) -> None:
    for name, expected, stream in backup.files():
        path = target / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _copied(stream, path) != expected:
            raise BadBackup(f"`{name}` does not have the digest that it had")
        path.chmod(0o444 if name.startswith("depot/objects/") else 0o600)


def _copied(stream: IO[bytes], path: Path) -> str:
    hashing = Hashing(SHA256)
    with path.open("wb") as file:
        while data := stream.read(_BLOCK):
            file.write(data)
            hashing.update(data)
        file.flush()
        os.fsync(file.fileno())
    return hashing.digest


def _check(home: Home) -> None:
    if not home.database.exists():
        raise BadBackup("`landbridge.db` is missing")
    copied, layout = DatabaseCopy(home.database), Layout(home.depot)
    copied.check()
    for row in copied.objects():
        path = layout.object_file(row["id"], row["format"])
        if not path.exists() or path.stat().st_size != row["size"]:
            raise BadBackup(f"the object {row['id']} is missing or of another size")


def _settled(home: Home) -> Iterator[str]:
    """End as lost what ran; gives those jobs. Whatever waited then waits still, and runs in the new home."""
    database = Database(home.database)
    try:
        database.become_another()
        jobs = Jobs(database)
        sweeps = Sweeps(database, jobs)
        for row in jobs.open_attempts():
            yield from _ended(jobs, sweeps, jobs.get(row["job"]), row["number"])
            jobs.close_attempt(row["job"], row["number"], Exit(None))
    finally:
        database.close()


def _ended(jobs: Jobs, sweeps: Sweeps, row: Row, number: int) -> Iterator[str]:
    found = lost(_RAN)
    if row["unassigned"] is not None:
        # A worker held some of a sweep's points; the others have not begun.
        held, _ = sweeps.unfinished(row["id"], number)
        for point in held.values():
            sweeps.end_one(row["id"], row["owner"], point, State.LOST, None, found.error)
            yield point
    elif not row["ended"]:
        jobs.move(row["id"], State.LOST, error=found.error)
        yield row["id"]


def _sync(folder: Path) -> None:
    """The folders themselves: their files are on the disk already."""
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
