"""A body that comes in chunks, read as it comes: a chunk may be longer than what fits into memory."""

from __future__ import annotations

import io
import re
from typing import Protocol

_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_LONGEST_LINE = 1024


class Lines(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


class BrokenChunks(ConnectionError):
    """What came is no chunk, or ended in the middle of one."""


class Chunks(io.RawIOBase):
    """The bytes of the chunks of ``stream``, without what stands between them. Trailers are passed over."""

    def __init__(self, stream: Lines) -> None:
        self._stream = stream
        self._left: int | None = 0  # of the chunk; None after the last

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left == 0:
            self._left = self._next() or None
        if self._left is None:
            return 0
        data = self._stream.read(min(self._left, len(buffer)))
        if not data:
            raise BrokenChunks
        self._left -= len(data)
        buffer[: len(data)] = data
        if self._left == 0 and self._stream.read(2) != b"\r\n":
            raise BrokenChunks
        return len(data)

    def _next(self) -> int:
        """The length of the next chunk; after that of the last, which is 0, the trailers are read."""
        found = _SIZE.fullmatch(self._stream.readline(_LONGEST_LINE))
        if found is None:
            raise BrokenChunks
        size = int(found[1], 16)
        while not size and (line := self._stream.readline(_LONGEST_LINE)) != b"\r\n":
            if not line.endswith(b"\r\n"):
                raise BrokenChunks
        return size
