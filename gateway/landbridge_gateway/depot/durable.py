"""What is to survive a power cut: bytes of files, and names in folders, which the disk keeps apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_AT_ONCE = 16  # the file system makes one commit for many who wait


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk. Raises ``OSError``, which is told once only."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path, mode: int = 0o700) -> None:
    """A folder that is there also after a power cut."""
    try:
        path.mkdir(mode)
    except FileExistsError:
        return
    sync(path.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """The bytes of all files, then their names."""
    files = list(paths)
    folders = {path.parent for path in files}
    if len(files) == 1:
        sync(files[0])
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(sync, files))
    for folder in folders:
        sync(folder)


def problem_of_syncing(paths: Iterable[Path]) -> OSError | None:
    """The same, for who is told of it later."""
    try:
        sync_files(paths)
    except OSError as problem:
        return problem
    return None
