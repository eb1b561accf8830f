"""Objects on disk: taken in through a temporary name, moved into place whole, never changed afterwards."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landbridge_gateway.depot.arriving import Arriving
from landbridge_gateway.depot.digests import SHA256, Hashing, algorithm_of
from landbridge_gateway.depot.durable import make_folder, sync
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.quota import Room
from landbridge_gateway.depot.trees import remove_tree
from landbridge_gateway.errors import DigestMismatch, DiskFull, InvalidRequest, TooLarge
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import new_id

CHUNK = 256 * 1024  # what a processor keeps near: a megabyte goes to memory and back at each step


class Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


@dataclass(frozen=True)
class Stored:
    id: str
    size: int
    digest: str | None


# A larger file of a client goes to the disk after its sender was answered, who would wait as long as for the sending.
SYNCED_AT_ONCE = 256 * 1024


def settles(stored: Stored) -> bool:
    """Is it an object before it is on the disk? What has a SHA-256 at once is there, by which one knows that it is."""
    return stored.size > SYNCED_AT_ONCE and stored.digest is not None and algorithm_of(stored.digest) != SHA256


class RefusedFile(Exception):
    """A job left something in its output that is not a plain file of its own."""


def take_in(
    layout: Layout, stream: Readable, *, format: str, length: int | None, digest: str | None, most: int, room: Room
) -> Stored:
    """Store the bytes of ``stream`` as a new object; on any failure nothing stays.

    ``room`` is taken for all of them at once where their ``length`` is told, else as they come.
    """
    object_id = new_id("obj")
    temporary = layout.intake / f"{object_id}.part"
    hashing = Hashing(algorithm_of(digest) if digest else SHA256)
    try:
        if length is not None:
            room.take(length)
            check_room(layout, length)
        with Arriving(temporary, hashing) as file:
            _copy(stream, file, length, most, room)
        if length is not None and file.size < length:
            raise InvalidRequest(
                f"The upload was cut short: {file.size} of {length} bytes arrived.", "Send the object again."
            )
        if digest is not None and hashing.digest != digest:
            raise DigestMismatch(
                "The bytes do not have the digest that was sent with them.", "Send the object again.", field="digest"
            )
        stored = Stored(object_id, file.size, hashing.digest)
        if not settles(stored):
            sync(temporary)
        move_into_place(temporary, layout.object_file(object_id, format))
    finally:
        temporary.unlink(missing_ok=True)
    return stored


def check_room(layout: Layout, size: int) -> None:
    """Refuse what cannot fit before any of it is sent; what fills the disk later is told when it does."""
    if size > shutil.disk_usage(layout.intake).free:
        raise DiskFull()


def _copy(stream: Readable, file: Arriving, length: int | None, most: int, room: Room) -> None:
    while length is None or file.size < length:
        data = stream.read(CHUNK if length is None else min(CHUNK, length - file.size))
        if not data:
            break
        if file.size + len(data) > most:
            raise TooLarge(f"An object has at most {most} bytes here.", "Split it, or raise `max_object`.")
        room.take(file.size + len(data))
        file.write(data)


def move_into_place(source: Path, target: Path) -> None:
    make_folder(target.parent)
    source.chmod(0o444)
    source.replace(target)
    sync(target.parent)
    reach("input renamed")


def adopt(layout: Layout, source: Path, format: str, object_id: str) -> Stored:
    """Make a file that a job left into an object, by renaming it.

    It is moved out of the job's reach first and looked at then: a link or a device put in its place in between is
    refused all the same. Doing it again after a crash finds it done. The digest is left for later, because the
    result must not wait for it; that it is on the disk is seen to before the job's end is told.
    """
    target = layout.object_file(object_id, format)
    make_folder(target.parent)
    held = layout.intake / f"{object_id}.adopted"
    try:
        _take_out(source, held)
    except OSError as error:
        if target.exists():
            return Stored(object_id, target.stat().st_size, None)
        if not os.path.lexists(held):
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise RefusedFile(f"`{source.parent.name}` is not the folder that the job was given") from error
            raise RefusedFile(f"`{source.name}` is not there") from error
    found = held.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        discard(held)
        raise RefusedFile(f"`{source.name}` is not a plain file")
    if _is_written_to(held):
        # Whoever holds it open could change it under its readers, who have checked it.
        private = held.with_suffix(".part")
        shutil.copyfile(held, private)
        private.replace(held)
    if os.geteuid() in (0, held.lstat().st_uid):
        held.chmod(0o444)
    held.replace(target)
    return Stored(object_id, found.st_size, None)


def _take_out(source: Path, held: Path) -> None:
    """By a handle of the folder: in the place of that, too, a job can put a link to one of ours."""
    folder = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.rename(source.name, held, src_dir_fd=folder)
    finally:
        os.close(folder)


def _is_written_to(path: Path) -> bool:
    """Does anybody hold the file open for writing? Only the owner of a file, and root, can know."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def discard(path: Path) -> None:
    """Remove whatever is there, if anything."""
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
