"""What clients send: read without a thread until the head of a request is whole, and in time from then on."""

from __future__ import annotations

import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from cheroot import errors
from cheroot.server import HeaderReader

HEAD_SECONDS = 20.0  # from the first byte of a request to the end of its head
_BODY_SECONDS = 60.0  # of silence, or for slowness: each KiB earns another second, up to these
_LEAST_SPEED = 1024
LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 100
_BLOCK = 16 * 1024
_END = b"\r\n\r\n"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
# Which of two was meant is for the client to say: what stands before us may have taken the other one.
_ONCE = frozenset({b"Host", b"Content-Length", b"Transfer-Encoding", b"Authorization", b"Content-Type", b"Origin"})


class _Bytes(socket.SocketIO):
    """The bytes of a connection: first those that were read ahead, then those that come before the time is over."""

    def __init__(self, connected: Any) -> None:
        super().__init__(connected, "r")
        self._connected = connected
        self.ahead = bytearray()
        self.waits = True
        self.ended = False
        self._until, self._metered = 0.0, False

    def allow(self, seconds: float, metered: bool = False) -> None:
        """How long reading may take from now on; metered, what arrives earns more."""
        self._until, self._metered = time.monotonic() + seconds, metered

    def readinto(self, buffer: Any) -> int | None:
        if not self.ahead and not self.waits:
            self.read_ahead()
            if not self.ahead:
                return 0 if self.ended else None
        if self.ahead:
            count = min(len(buffer), len(self.ahead))
            buffer[:count] = self.ahead[:count]
            del self.ahead[:count]
            return count
        return self._in_time(buffer)

    def _in_time(self, buffer: Any) -> int | None:
        now = time.monotonic()
        if now >= self._until:
            raise TimeoutError("timed out")
        before = self._connected.gettimeout()
        self._connected.settimeout(self._until - now)
        try:
            count = super().readinto(buffer)
        finally:
            self._connected.settimeout(before)
        if self._metered and count:
            self._until = min(self._until + count / _LEAST_SPEED, time.monotonic() + _BODY_SECONDS)
        return count

    def read_ahead(self) -> None:
        """Take what has arrived, without waiting for more. With TLS this is also where hands are shaken."""
        before = self._connected.gettimeout()
        try:
            self._connected.settimeout(0)
            while len(self.ahead) <= LONGEST_HEAD and _END not in self.ahead:
                part = self._connected.recv(_BLOCK)
                if not part:
                    self.ended = True
                    return
                self.ahead += part
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self.ended = True  # broken, or no TLS at all
        finally:
            if self._connected.fileno() >= 0:
                self._connected.settimeout(before)


class Reader(io.BufferedReader):
    """What the client sends, read by the interpreter's own buffer; cheroot's is written in Python and slow."""

    bytes_read = 0

    def __init__(self, connected: Any) -> None:
        self._bytes = _Bytes(connected)
        super().__init__(self._bytes)

    @property
    def ended(self) -> bool:
        """Has the client gone, as far as is known?"""
        return self._bytes.ended

    def allow(self, seconds: float, metered: bool = False) -> None:
        self._bytes.allow(seconds, metered)

    def allow_body(self) -> None:
        self.allow(_BODY_SECONDS, metered=True)

    def has_data(self) -> bool:
        """Is the head of a request here, or more than a head may be? Never waits."""
        buffered = self.begun()
        if _END in buffered:
            return True
        self._bytes.read_ahead()
        together = buffered + self._bytes.ahead
        return _END in together or len(together) > LONGEST_HEAD

    def begun(self) -> bytes:
        """What has come of the next request and stands in the buffer. Never waits."""
        self._bytes.waits = False
        try:
            return self.peek(1)
        finally:
            self._bytes.waits = True

    def discard(self, seconds: float) -> None:
        """Take what the client is still sending, so that it reads the answer and does not find a broken connection."""
        self.allow(seconds)
        try:
            while self.read1(_BLOCK):
                pass
        except (OSError, ValueError):
            return


class Headers(HeaderReader):
    """Reads headers so that nobody before us can have read them otherwise."""

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        """Raises ValueError for what is no header, and MaxSizeExceeded for too many."""
        found: dict[bytes, bytes] = {} if hdict is None else hdict
        for _ in range(MOST_HEADERS):
            line = rfile.readline()
            if line == b"\r\n":
                return self._checked(found)
            self._add(found, line)
        if rfile.readline() == b"\r\n":
            return self._checked(found)
        raise errors.MaxSizeExceeded

    def _add(self, found: dict[bytes, bytes], line: bytes) -> None:
        name, colon, value = line.removesuffix(b"\r\n").partition(b":")
        value = value.strip(b" \t")
        if not line.endswith(b"\r\n") or not colon or not _NAME.fullmatch(name):
            raise ValueError("A header is a name, a colon, a value and CR LF.")
        if _CONTROL.search(value):
            raise ValueError("A header has no control characters.")
        key = name.title()
        if key in found:
            if key in _ONCE:
                raise ValueError("A header stands there twice.")
            value = found[key] + (b"; " if key == b"Cookie" else b", ") + value
        if b"_" not in name:  # in the environ it could not be told from the one with a dash
            found[key] = value

    @staticmethod
    def _checked(found: dict[bytes, bytes]) -> dict[bytes, bytes]:
        length, encoding = found.get(b"Content-Length"), found.get(b"Transfer-Encoding")
        if length is not None and not _LENGTH.fullmatch(length):
            raise ValueError("Content-Length is a number.")
        if encoding is not None and (length is not None or encoding.lower() != b"chunked"):
            raise ValueError("A body has either a Content-Length or the Transfer-Encoding chunked.")
        return found


def is_slow(since: float | None, now: Callable[[], float] = time.monotonic) -> bool:
    """Has the head of a request taken too long, of which the first byte came then?"""
    return since is not None and now() - since > HEAD_SECONDS
