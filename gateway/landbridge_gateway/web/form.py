"""A part of an upload that comes as a form with one file.

libcurl reads such a file itself, where what R hands it goes through two vectors first: half as fast again for who sends
from R. How long the file is follows from the length of the form, because all that may stand around it is known.
"""

from __future__ import annotations

import re

from landbridge_gateway.depot.objects import Readable
from landbridge_gateway.errors import InvalidRequest

_BOUNDARY = re.compile(r"multipart/form-data; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
_LONGEST_HEAD = 1024  # bytes before the file


class FormFile:
    """The file of a form of ``length`` bytes. Raises :class:`InvalidRequest` for what is no such form."""

    def __init__(self, stream: Readable, kind: str, length: int) -> None:
        boundary = _BOUNDARY.fullmatch(kind)
        if boundary is None:
            raise _refused("its boundary is none")
        self._stream, self._tail = stream, f"\r\n--{boundary[1]}--\r\n".encode()
        head = self._head(f"--{boundary[1]}\r\n".encode())
        self.size = length - len(head) - len(self._tail)
        if self.size < 0:
            raise _refused("it is too short")

    def _head(self, first: bytes) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            read = self._stream.read(1)  # from a buffer; one more would be of the file
            head += read
            if not read or len(head) > _LONGEST_HEAD or not head.startswith(first[: len(head)]):
                raise _refused("it does not begin as one")
        return head

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)

    def end(self) -> None:
        """Once the file was read: nothing else may follow."""
        if self._stream.read(len(self._tail)) != self._tail:
            raise _refused("it does not end behind the file")


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"This is no form with one file: {why}.", "Send the bytes as application/octet-stream.")
