"""What the row of an object says of its file, as long as that is not simply there to stay."""

from __future__ import annotations

from pathlib import Path

UNSURE = "unsure"  # a power cut may have caught it on its way to the disk, or the disk refused it
SETTLING = "settling"  # it came over HTTP, and is being brought to the disk


class ChangedFile(OSError):
    """A file is not what it was when it was handed over; the message is a sentence."""


def check_stamp(path: Path, object_id: str, expected: str | None) -> None:
    """``expected`` is of a file that a client wrote itself what :func:`stamp` was when it handed it over."""
    if expected == UNSURE:
        raise ChangedFile(f"The file of {object_id} came just before a power cut, and may not be whole.")
    if expected not in (None, SETTLING) and stamp(path) != expected:
        raise ChangedFile(f"The file of {object_id} was changed after it was handed over.")


def stamp(path: Path) -> str:
    """What changes when somebody writes to a file."""
    found = path.stat()
    return f"{found.st_size}:{found.st_mtime_ns}"
