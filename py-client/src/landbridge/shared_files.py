"""The way of files between a client and a gateway on one machine: written and mapped where they lie, never copied."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from landbridge.errors import DiskFull
from landbridge.kinds import Json

OFF = "LANDBRIDGE_SHARED_FILES"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_in_the_depot() -> Iterator[None]:
    """What is written here is the gateway's: when its disk is full, that is what the gateway would have answered."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        hint = "Make room there; `landbridge doctor` shows how much there is."
        raise DiskFull("The gateway's disk is full.", hint) from error


@dataclass(frozen=True)
class SharedFiles:
    """The gateway's folders, and the nonce that proves that they are the same ones."""

    intake: Path
    objects: Path
    nonce: str

    @classmethod
    def find(cls, told: Json) -> SharedFiles | None:
        """By what the gateway says of itself; None when its files are not to be seen here."""
        depot = told.get("depot")
        if not isinstance(depot, dict) or os.environ.get(OFF) == "0":
            return None
        intake = Path(str(depot.get("intake")))
        try:
            nonce = (intake / "nonce").read_text()
        except OSError:
            return None
        if not os.access(intake, os.W_OK | os.X_OK):
            return None
        return cls(intake, Path(str(depot.get("objects"))), nonce)

    def new_file(self) -> Path:
        return self.intake / f"c_{os.urandom(12).hex()}"

    def object_file(self, reference: str) -> Path | None:
        """An object's file; it must not be changed. None when it is not there."""
        return next((self.objects / reference[4:6]).glob(f"{reference}.*"), None)
