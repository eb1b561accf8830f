"""Where the files of values go and come from: sinks and sources."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from landbridge.kinds import Json

if TYPE_CHECKING:
    from landbridge.given_values import GivenValues

# The frame classes that this language makes.
OURS = ("pandas", "polars", "pyarrow")
# Under this key of ``attrs`` a frame of pandas keeps what its sender needs to get the same columns back.
ORIGIN = "landbridge"


@dataclass
class Crossing:
    """Where values go: the language that will read them (None when unknown), what becomes of loss, and whether
    decimals go as "double", which R makes of them, or as "string".

    ``given`` are the frame nodes that a job got from the other language, in the order they came; ``values`` knows its
    other arguments.
    """

    reader: str | None = None
    on_loss: str = "warn"
    decimal: str = "double"
    given: list[Json] = field(default_factory=list)
    values: GivenValues | None = None


class Sink(Protocol):
    """Takes the files of values that are encoded; ``written`` counts their bytes.

    ``crossing`` tells who will read them and what becomes of loss; None when nothing is known.
    """

    written: int
    crossing: Crossing | None

    def put(self, extension: str, write: Callable[[Path], object]) -> str:
        """Have ``write`` make a file of that extension, keep it, and return the reference for a node."""


class Source(Protocol):
    """Gives back the files that nodes name. ``wanted`` is what tables become, None for the class that they were."""

    wanted: str | None

    def path(self, reference: str) -> Path:
        """The local file of an object; it must not be changed."""

    def checked(self, reference: str) -> Path:
        """The same, of bytes that are known to be the object's: what is loaded as code comes from here."""


class FolderSink:
    """The worker's: files in ``out/objects/``, referred to as ``new:<file name>``."""

    def __init__(self, folder: Path, crossing: Crossing | None = None) -> None:
        self._folder = folder
        self.written = 0
        self.crossing = crossing

    def put(self, extension: str, write: Callable[[Path], object]) -> str:
        # Random, so that processes which the job starts never meet in a name.
        name = f"{os.urandom(8).hex()}.{extension}"
        write(self._folder / name)
        self.written += (self._folder / name).stat().st_size
        return f"new:{name}"


_REFERENCE = re.compile(r"(obj_[0-9a-z]{16})|new:([a-z0-9._-]{1,80})")


class FolderSource:
    """The worker's: files in ``in/`` named by their object's id. ``new:`` names stand in ``fresh``."""

    def __init__(self, folder: Path, fresh: Path | None = None, wanted: str | None = None) -> None:
        self._folder = folder
        self._fresh = fresh
        self.wanted = wanted

    def path(self, reference: str) -> Path:
        """The file of an object; ``FileNotFoundError`` when the folder has none."""
        match = _REFERENCE.fullmatch(reference)
        if match and match[1]:
            found = next(self._folder.glob(f"{match[1]}.*"), None)
            if found:
                return found
        elif match and self._fresh and (self._fresh / match[2]).is_file():
            return self._fresh / match[2]
        raise FileNotFoundError(f"there is no file for the object {reference}")

    def checked(self, reference: str) -> Path:
        """As :meth:`path`: the gateway laid out the folder itself."""
        return self.path(reference)
