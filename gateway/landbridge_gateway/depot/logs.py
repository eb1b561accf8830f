"""Logs of jobs, read with bounds. A point of a sweep has a part of its chunk's logs."""

from __future__ import annotations

import os

from landbridge_gateway.depot.folders import Unreadable, opened, read_all
from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.model import Json

STREAMS = ("stdout", "stderr")


class Log:
    """One stream, or the bytes of it from ``start`` up to ``end``; to its own end where that is None."""

    def __init__(self, folder: JobFolder, stream: str, start: int = 0, end: int | None = None) -> None:
        self._path = folder.log(stream)
        self._start, self._end = start, end

    @classmethod
    def part(cls, folder: JobFolder, stream: str, logs: Json | None) -> Log:
        """A point's part: ``logs`` has the first and the last byte of each stream, where these are known."""
        start, end = (logs or {}).get(stream) or (0, 0)
        return cls(folder, stream, start, end)

    def read(self, offset: int, most: int) -> tuple[bytes, int]:
        """Bytes from ``offset``, and how many there are in all. A log that was never written is empty."""
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


def log_tail(folder: JobFolder, lines: int = 20) -> dict[str, list[str]]:
    """The last lines of both streams, for the error of a job that died without a word."""
    return {stream: Log(folder, stream).last_lines(lines) for stream in STREAMS}


def part_tail(folder: JobFolder, logs: Json | None, lines: int = 20) -> dict[str, list[str]]:
    """The same of a point."""
    return {stream: Log.part(folder, stream, logs).last_lines(lines) for stream in STREAMS}
