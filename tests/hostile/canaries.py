"""A secret that nothing else looks like, and where it is."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_CORE = "4711-of-the-mine"  # which no way of writing it changes
CANARY = f'canary-"7Qx\\é~{_CORE}'
HIDDEN = "*" * len(CANARY.encode())
FORMS = [
    _CORE.encode(),
    CANARY.encode().hex().encode(),
    base64.b64encode(CANARY.encode()).rstrip(b"="),
    CANARY.encode("utf-16-le"),
]


def has_canary(data: bytes, *more: bytes) -> bool:
    return any(form in data for form in more or FORMS)


def files_with(root: Path, *forms: bytes) -> list[str]:
    """The plain files below a folder that hold it, those of ours that nobody else reads included."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if stat.S_ISREG(path.lstat().st_mode) and has_canary(path.read_bytes(), *forms):
                found.append(str(path.relative_to(root)))
    return found


def processes_with(parts: Iterable[str] = ("environ", "cmdline")) -> list[str]:
    """Processes of this machine, those in containers included, that have it where others can see it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for part in parts:
            try:
                data = (process / part).read_bytes()
            except OSError:
                continue  # it has ended
            if has_canary(data):
                found.append(f"{process.name}/{part}")
    return found
