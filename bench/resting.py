"""What large files and frames are measured from: a disk that rests, and memory that somebody used just before.

The host of a virtual machine takes back within seconds what was freed, and finding it again costs from half a second to
three for each gigabyte. Without this whoever comes after a rest pays for that, and whoever comes after somebody large
does not: rates were 400 or 2,300 MB/s by turns.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

_LEFT = 4_000  # megabytes of free memory that are left alone
_MOST = 12_000
_REST = 1.0  # seconds: a disk gives back the room of the file of the turn before
_BLOCK = bytes(256 * 1024)


def most_of_memory() -> float:
    """Megabytes: nearly all that is free. Who uses some gigabytes may be given any of it."""
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return min(max(int(told["MemAvailable"].split()[0]) * 1024 / 1_000_000 - _LEFT, 0), _MOST)


def from_rest(ways: dict[str, Callable[[], float]], megabytes: float) -> dict[str, Callable[[], float]]:
    """The same contenders, each of which may use so much memory without looking for it."""

    def rested(way: Callable[[], float]) -> float:
        os.sync()
        time.sleep(_REST)
        with tempfile.TemporaryFile(buffering=0) as file:
            for _ in range(int(megabytes * 1_000_000 / len(_BLOCK))):
                file.write(_BLOCK)
        return way()

    return {name: partial(rested, way) for name, way in ways.items()}
