"""Hides the values of secrets in what a job printed and reported.

What is hidden keeps its length, so that places in a log stay what they are. Values are found as they are, line by line,
and as JSON writes them; base64 and other encodings of a value are not.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from landbridge_gateway.depot.folders import Unreadable, opened
from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.model import SECRET_BYTES

_STEP = 1024 * 1024
_HALF = ".masked-"


class Mask:
    """The values of one attempt, as what they look like in bytes and in text."""

    def __init__(self, values: Iterable[str]) -> None:
        texts = {form for value in values for part in _parts(value) for form in _forms(part)}
        self._bytes = sorted((text.encode() for text in texts), key=len, reverse=True)
        self._bytes_found = re.compile(b"|".join(map(re.escape, self._bytes)))
        self._text_found = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
        self.longest = max(map(len, self._bytes))

    def in_bytes(self, data: bytes) -> bytes:
        """The same number of bytes."""
        return self._bytes_found.sub(lambda found: re.sub(rb"[^\n]", b"*", found[0]), data)

    def in_text(self, text: str) -> str:
        return self._text_found.sub(lambda found: "*" * len(found[0]), text)

    def in_json(self, value: Any) -> Any:
        """A document with every text in it, keys included."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return [self.in_json(item) for item in value]
        if isinstance(value, dict):
            return {self.in_text(key): self.in_json(item) for key, item in value.items()}
        return value

    def begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a value, of which the rest is still to come."""
        for length in range(min(self.longest - 1, len(data)), 0, -1):
            if any(form.startswith(data[-length:]) for form in self._bytes):
                return length
        return 0

    def files(self, folder: JobFolder) -> None:
        """Hide the values in all that the worker wrote straight into ``out/``; a file without any stays untouched."""
        with suppress(FileNotFoundError):
            for entry in sorted(folder.out.iterdir()):
                with suppress(FileNotFoundError, Unreadable):
                    if stat.S_ISREG(entry.lstat().st_mode):
                        self._file(entry)

    def _file(self, path: Path) -> None:
        if path.name.startswith(_HALF):
            path.unlink()  # an earlier attempt to do this did not come to its end
            return
        with opened(path) as source:
            if not any(before != after for before, after in self._steps(source)):
                return
            os.lseek(source, 0, os.SEEK_SET)
            # Another file in its place: the log is the container user's, and not ours to write to.
            temporary = path.with_name(_HALF + secrets.token_hex(8))
            try:
                with temporary.open("xb") as target:
                    for _, after in self._steps(source):
                        target.write(after)
                    target.flush()
                    os.fsync(target.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise

    def _steps(self, source: int) -> Iterator[tuple[bytes, bytes]]:
        """A file in pieces, before and after; what a cut would go through is looked at with the next piece."""
        before = after = b""
        while data := os.read(source, _STEP):
            before += data
            after = self.in_bytes(after + data)
            cut = max(0, len(after) - self.longest + 1)
            yield before[:cut], after[:cut]
            before, after = before[cut:], after[cut:]
        yield before, after


def _parts(value: str) -> set[str]:
    """The value, and each of its lines that is long enough to be told from other text."""
    return {value, *(line for line in value.splitlines() if len(line.encode()) >= SECRET_BYTES[0])}


def _forms(text: str) -> set[str]:
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
