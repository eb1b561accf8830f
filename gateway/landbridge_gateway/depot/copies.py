"""Files of the depot, copied into another one that lies in the same order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from landbridge_gateway.depot.folders import Unreadable, link_or_copy, opened
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.logs import STREAMS

_BLOCK = 1024**2


def link_objects(source: Layout, target: Layout, objects: Iterable[Mapping[str, Any]]) -> None:
    """Objects never change, so one file serves both depots where they are on one disk."""
    for row in objects:
        path = target.object_file(row["id"], row["format"])
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        link_or_copy(source.object_file(row["id"], row["format"]), path)


def copy_folders(source: Layout, target: Layout, attempts: Iterable[str]) -> None:
    """What is read of an attempt once it has ended: its specification and its logs, as far as they are written."""
    for attempt in attempts:
        here, there = source.job_folder(attempt), target.job_folder(attempt)
        for path in kept_files(here):
            name = path.relative_to(here.path)
            (there.path / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _copy(path, there.path / name)


def kept_files(folder: JobFolder) -> list[Path]:
    return [path for path in (folder.spec, *(folder.log(stream) for stream in STREAMS)) if path.exists()]


def _copy(source: Path, target: Path) -> None:
    """A job may still append to its log, or have left something else than a plain file there."""
    try:
        with opened(source) as descriptor, target.open("wb") as file:
            left = os.fstat(descriptor).st_size
            while left and (data := os.read(descriptor, min(left, _BLOCK))):
                file.write(data)
                left -= len(data)
    except (FileNotFoundError, Unreadable):
        return
