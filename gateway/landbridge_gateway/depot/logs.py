"""Logs of jobs, read with bounds. A point of a sweep has a part of its chunk's logs."""

from __future__ import annotations

import os

from landbridge_gateway.depot.folders import Unreadable, opened, read_all
from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.depot.masking import Mask
from landbridge_gateway.model import Json

STREAMS = ("stdout", "stderr")


class Log:
    """One stream, or the bytes of it from ``start`` up to ``end``; to its own end where that is None.

    ``mask`` hides secrets in it, as long as these stand in the file itself.
    """

    def __init__(
        self, folder: JobFolder, stream: str, start: int = 0, end: int | None = None, mask: Mask | None = None
    ) -> None:
        self._path = folder.log(stream)
        self._start, self._end, self._mask = start, end, mask

    @classmethod
    def part(cls, folder: JobFolder, stream: str, logs: Json | None, mask: Mask | None = None) -> Log:
        """A point's part: ``logs`` has the first and the last byte of each stream, where these are known."""
        start, end = (logs or {}).get(stream) or (0, 0)
        return cls(folder, stream, start, end, mask)

    def read(self, offset: int, most: int) -> tuple[bytes, int]:
        """Bytes from ``offset``, and how many there are in all. A log that was never written is empty."""
        return self._read(offset, most) if self._mask is None else self._read_masked(self._mask, offset, most)

    def _read_masked(self, mask: Mask, offset: int, most: int) -> tuple[bytes, int]:
        # A value may reach across either end of what is wanted.
        before = min(offset, mask.longest)
        data, size = self._read(offset - before, before + most + mask.longest)
        data = mask.in_bytes(data)
        if self._end is None and offset - before + len(data) >= size:
            # A value that is half written is not handed out before the other half has come.
            data = data[: len(data) - mask.begun(data)]
        return data[before : before + most], size

    def _read(self, offset: int, most: int) -> tuple[bytes, int]:
        try:
            with opened(self._path) as descriptor:
                size = os.fstat(descriptor).st_size
                size = max(0, (size if self._end is None else min(size, self._end)) - self._start)
                os.lseek(descriptor, self._start + offset, os.SEEK_SET)
                return read_all(descriptor, max(0, min(most, size - offset))), size
        except (FileNotFoundError, Unreadable):
            return b"", 0

    def tail(self, lines: int, most: int = 1024 * 1024) -> int:
        """Where the last ``lines`` lines start, looking back at most ``most`` bytes."""
        _, size = self.read(0, 0)
        start = max(0, size - most)
        data, _ = self.read(start, most)
        at = len(data) - 1 if data.endswith(b"\n") else len(data)
        for _ in range(lines):
            at = data.rfind(b"\n", 0, at)
            if at < 0:
                return start
        return start + at + 1

    def last_lines(self, lines: int) -> list[str]:
        data, _ = self.read(self.tail(lines, 64 * 1024), 64 * 1024)
        return data.decode("utf-8", "replace").splitlines()[-lines:]


def log_tail(folder: JobFolder, mask: Mask | None = None, lines: int = 20) -> dict[str, list[str]]:
    """The last lines of both streams, for the error of a job that died without a word."""
    return {stream: Log(folder, stream, mask=mask).last_lines(lines) for stream in STREAMS}


def part_tail(folder: JobFolder, logs: Json | None, mask: Mask | None = None, lines: int = 20) -> dict[str, list[str]]:
    """The same of a point."""
    return {stream: Log.part(folder, stream, logs, mask).last_lines(lines) for stream in STREAMS}
