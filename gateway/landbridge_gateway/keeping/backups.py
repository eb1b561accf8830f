"""Backups: a snapshot with the digests of its files, as a folder or one tar file."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from landbridge_gateway import __version__
from landbridge_gateway.depot.digests import SHA256, algorithm_of, digest_of
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.errors import BadBackup, Conflict
from landbridge_gateway.home import Home
from landbridge_gateway.model import FORMATS, JOB_ID, OBJECT_ID, Json
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.copies import DatabaseCopy

FORMAT = 1
ABOUT, DIGESTS = "backup.json", "SHA256SUMS"
_ENDINGS = "|".join(re.escape(ending) for ending in FORMATS.values())
_FILE = re.compile(
    rf"landbridge\.db|depot/objects/[0-9a-z]{{2}}/{OBJECT_ID}(?:{_ENDINGS})"
    rf"|depot/jobs/{JOB_ID}/[1-9][0-9]{{0,5}}/(?:job\.json|out/std(?:out|err)\.log)"
)


def check_target(target: Path) -> None:
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise Conflict(f"{target} is there already.", "Name a folder or a .tar file that is not.")


def deliver(snapshot: Path, target: Path) -> Json:
    """Make a snapshot a backup: a tar file where the name ends so, and a folder else. Whole or not at all."""
    about = _seal(Home(snapshot))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        if target.suffix == ".tar":
            _pack(snapshot, part)
        else:
            _move(snapshot, part)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
        raise
    return about


def _seal(snapshot: Home) -> Json:
    """Write what the snapshot is, and the digest of each of its files: an object's own where it is known."""
    copied, layout = DatabaseCopy(snapshot.database), Layout(snapshot.depot)
    objects = copied.objects()
    known = {
        layout.object_file(row["id"], row["format"]): row["digest"].partition(":")[2]
        for row in objects
        if row["digest"] and algorithm_of(row["digest"]) == SHA256
    }
    files = sorted(path for path in snapshot.path.rglob("*") if path.is_file())
    lines = [
        f"{known.get(path) or digest_of(path).partition(':')[2]}  {path.relative_to(snapshot.path)}\n" for path in files
    ]
    (snapshot.path / DIGESTS).write_text("".join(lines))
    about = {
        "format": FORMAT,
        "made": timestamp(),
        "version": __version__,
        "jobs": copied.jobs(),
        "objects": len(objects),
        "bytes": sum(path.stat().st_size for path in files),
    }
    (snapshot.path / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    return about


def _move(snapshot: Path, target: Path) -> None:
    try:
        snapshot.rename(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        shutil.copytree(snapshot, target)


def _pack(snapshot: Path, target: Path) -> None:
    first = [snapshot / ABOUT, snapshot / DIGESTS]
    rest = sorted(path for path in snapshot.rglob("*") if path.is_file() and path not in first)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.dereference = True  # of files of the same bytes each is written whole
            for path in (*first, *rest):
                archive.add(path, str(path.relative_to(snapshot)), recursive=False)
        file.flush()
        os.fsync(file.fileno())


class Backup:
    """A backup that is there, read once from its beginning to its end."""

    def __init__(self, about: Json, digests: dict[str, str], files: Iterator[tuple[str, IO[bytes]]]) -> None:
        self.about, self.digests, self._files = about, digests, files

    def files(self) -> Iterator[tuple[str, str, IO[bytes]]]:
        """Name, expected digest and bytes of each file; raises :class:`BadBackup` for one that should not be there."""
        seen = set()
        for name, stream in self._files:
            if name not in self.digests or not _FILE.fullmatch(name) or name in seen:
                raise BadBackup(f"`{name[:200]}` is no file of a backup")
            seen.add(name)
            yield name, self.digests[name], stream
        for name in sorted(set(self.digests) - seen):
            raise BadBackup(f"`{name}` is missing")


@contextmanager
def opened_backup(path: Path) -> Iterator[Backup]:
    try:
        if path.is_dir():
            yield _read(_in_folder(path))
        else:
            with tarfile.open(path, mode="r|") as archive:
                yield _read(_in_archive(archive))
    except (tarfile.TarError, EOFError) as problem:
        raise BadBackup(f"it is no whole tar file: {problem}") from problem
    except FileNotFoundError:
        raise BadBackup(f"there is none at {path}") from None


def _read(files: Iterator[tuple[str, IO[bytes]]]) -> Backup:
    found: dict[str, bytes] = {}
    for wanted in (ABOUT, DIGESTS):
        name, stream = next(files, ("", io.BytesIO()))
        if name != wanted:
            raise BadBackup(f"`{wanted}` is missing")
        found[name] = stream.read()
    try:
        about: dict[str, Any] = json.loads(found[ABOUT])
        lines = found[DIGESTS].decode().splitlines()
        digests = {name: f"{SHA256}:{digest}" for digest, _, name in (line.partition("  ") for line in lines)}
    except ValueError:
        raise BadBackup(f"`{ABOUT}` or `{DIGESTS}` cannot be read") from None
    if about.get("format") != FORMAT:
        raise BadBackup(f"it is of format {about.get('format')}, and this version reads {FORMAT}")
    return Backup(about, digests, files)


def _in_folder(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    first = [folder / ABOUT, folder / DIGESTS]
    rest = sorted(path for path in folder.rglob("*") if not path.is_dir() and path not in first)
    for path in (*first, *rest):
        if path.is_symlink() or not path.is_file():
            raise BadBackup(f"`{path.relative_to(folder)}` is missing or no plain file")
        with path.open("rb") as stream:
            yield str(path.relative_to(folder)), stream


def _in_archive(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            raise BadBackup(f"`{member.name[:200]}` is no plain file")
        yield member.name, stream
