"""How much a job has written into its folder, whatever it did there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from landbridge_gateway.depot.layout import JobFolder

MOST_FILES = 100_000  # that a job may leave, however small they are: each takes a place in the file system


@dataclass(frozen=True)
class Written:
    bytes: int = 0
    largest: int = 0
    files: int = 0

    def beyond(self, most: int) -> bool:
        """Is it more than ``most`` bytes, or too many files?"""
        return self.bytes > most or self.files > MOST_FILES


def written(folder: JobFolder) -> Written:
    """Counted until there is no need to go on; a session's calls are counted with it."""
    total = largest = files = 0
    for entry in _entries([folder.out, folder.calls]):
        files += 1
        if files > MOST_FILES:
            break
        with suppress(OSError):
            about = entry.stat(follow_symlinks=False)
            # What a file with holes says of its size is not on the disk.
            total += min(about.st_size, about.st_blocks * 512)
            largest = max(largest, about.st_size)
    return Written(total, largest, files)


def _entries(roots: list[Path]) -> Iterator[os.DirEntry[str]]:
    """Everything below, without following a link and without a depth that could be too great."""
    left = [str(root) for root in roots]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
