"""Files that a client on this machine wrote into the intake itself: taken over by renaming, never copied or read."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from landbridge_gateway.depot.digests import digest_of
from landbridge_gateway.depot.durable import make_folder, sync_files
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.objects import SYNCED_AT_ONCE, Stored, discard
from landbridge_gateway.depot.quota import Room
from landbridge_gateway.errors import Forbidden, InvalidField, TooLarge
from landbridge_gateway.model import new_id

_NAME = re.compile(r"c_[0-9a-z]{16,40}")
_LEFT_FOR = 24 * 3600.0  # seconds after which a file that nobody named is taken for a dead client's
_AGAIN = "Write it again under a new name, or send it over HTTP."


class Intake:
    """The folder, and the nonce in it by which a client proves that it sees the same file system."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._nonce = layout, secrets.token_hex(16)

    def open(self) -> None:
        """A new nonce for each start, in a file that only who may enter the depot can read."""
        for left in (*self._layout.intake.glob("*.part"), *self._layout.intake.glob("*.handed")):
            left.unlink(missing_ok=True)
        self._sweep()
        path = self._layout.intake / "nonce"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(self._nonce)

    def check(self, nonce: str | None) -> None:
        if nonce is None or not secrets.compare_digest(nonce.encode(), self._nonce.encode()):
            raise Forbidden(
                "The nonce is not that of this gateway's intake.", "Send the object over HTTP: the machine is another."
            )

    def take(self, name: str, format: str, most: int, room: Room) -> Stored:
        """Make a file of the intake an object; of two who name it the second finds it gone.

        A file for which there is no room is removed.
        """
        if not _NAME.fullmatch(name):
            raise InvalidField(
                f"`{name}` is no name of a file in the intake.", "It is c_ and 16 letters.", field="intake"
            )
        self._sweep()
        source, object_id = self._layout.intake / name, new_id("obj")
        held = self._layout.intake / f"{object_id}.handed"
        try:
            source.rename(held)
        except OSError:
            message = f"There is no file `{name}` in the intake: it was handed over before, or never written."
            raise InvalidField(message, _AGAIN, field="intake") from None
        try:
            size = self._checked(held, name, most)
            room.take(size)
            held.chmod(0o444)
            target = self._layout.object_file(object_id, format)
            make_folder(target.parent)
            held.replace(target)
        finally:
            discard(held)
        if size > SYNCED_AT_ONCE:
            return Stored(object_id, size, None)
        sync_files([target])
        return Stored(object_id, size, digest_of(target))

    @staticmethod
    def _checked(held: Path, name: str, most: int) -> int:
        found = held.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid not in (os.geteuid(), 0):
            raise InvalidField(f"`{name}` is not a plain file of its own.", _AGAIN, field="intake")
        if found.st_size > most:
            raise TooLarge(f"An object has at most {most} bytes here.", "Split it, or raise `max_object`.")
        return found.st_size

    def _sweep(self) -> None:
        oldest = time.time() - _LEFT_FOR
        with os.scandir(self._layout.intake) as entries:
            for entry in entries:
                # Another request may take it meanwhile.
                with suppress(FileNotFoundError):
                    if _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                        Path(entry.path).unlink()
