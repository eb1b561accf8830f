"""A file that grows by what a client sends, hashed as it comes."""

from __future__ import annotations

import os
from pathlib import Path

from landbridge_gateway.depot.digests import Hashing
from landbridge_gateway.failpoints import reach


class Arriving:
    """Opened at its end. That it is on the disk is for others to see to: writing there while more of it comes keeps the
    processors busy by which it comes.
    """

    def __init__(self, path: Path, hashing: Hashing, size: int = 0) -> None:
        self.size = size
        self._hashing = hashing
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.lseek(self._file, size, os.SEEK_SET)

    def __enter__(self) -> Arriving:
        return self

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self._hashing.update(data)
        self.size += len(data)
        reach("input half written")

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
