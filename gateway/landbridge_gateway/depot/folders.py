"""Job folders: written whole before a container sees them, read with bounds afterwards."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.model import FORMATS, Json

# result.json holds small values inline; anything large is an object. A job cannot make the gateway hold more.
MOST_JSON = 64 * 1024**2
MOST_EVENTS_READ = 8 * 1024**2
MOST_EVENT_LINE = 4 * 1024**2


class Unreadable(Exception):
    """A file that a worker wrote is too large, is not JSON, or is not a plain file."""


@dataclass(frozen=True)
class EventBatch:
    events: list[Json]
    offset: int
    broken: int


def write_folder(
    layout: Layout,
    attempt: str,
    spec: Json,
    objects: Mapping[str, str],
    session: str | None = None,
    held: bool = False,
) -> JobFolder:
    """Lay out a job folder. ``objects`` maps the ids of the inputs to their formats; they are linked, not copied.

    A job of a session lies in the session's own folder, where the session's container sees it; ``held`` is a session.
    """
    folder = layout.job_folder(attempt)
    if session:
        _place_in(layout.job_folder(session), folder, attempt)
    else:
        shutil.rmtree(folder.path, ignore_errors=True)
        folder.path.mkdir(parents=True, mode=0o755)
    if held:
        folder.calls.mkdir(mode=0o755)
        os.mkfifo(folder.requests, 0o644)
    folder.inputs.mkdir(mode=0o755)
    for path in (folder.out, folder.objects, folder.files):
        path.mkdir()
        # The container's user is not ours. The depot above is closed to everyone else.
        path.chmod(0o777)
    for object_id, format in objects.items():
        _link(layout.object_file(object_id, format), folder.inputs / (object_id + FORMATS[format]))
    write_json(folder.spec, spec)
    return folder


def _place_in(session: JobFolder, folder: JobFolder, attempt: str) -> None:
    place = session.calls / attempt
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o755)
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    folder.path.unlink(missing_ok=True)
    folder.path.symlink_to(os.path.relpath(place, folder.path.parent))


def write_json(path: Path, value: Json) -> None:
    """Whole or not at all, readable by the container's user."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(value))
    temporary.chmod(0o644)
    temporary.replace(path)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copyfile(source, target)


def read_json(path: Path, most: int = MOST_JSON) -> Json:
    """Parse a JSON object that a worker wrote."""
    data = _read(path, most)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path.name} is not whole JSON") from error
    if not isinstance(value, dict):
        raise Unreadable(f"{path.name} is not a JSON object")
    return value


def _read(path: Path, most: int) -> bytes:
    with _opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise Unreadable(f"{path.name} has {size} bytes; at most {most} are read")
        return _read_all(descriptor, size)


def _read_all(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A job's file, opened without following links and only if it is a plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be opened") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable(f"{path.name} is not a plain file")
        yield descriptor
    finally:
        os.close(descriptor)


def read_events(folder: JobFolder, offset: int) -> EventBatch:
    """The whole lines that were appended since ``offset``; lines that are not JSON objects are counted."""
    try:
        with _opened(folder.events) as descriptor:
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, MOST_EVENTS_READ)
    except (FileNotFoundError, Unreadable):
        return EventBatch([], offset, 0)
    end = data.rfind(b"\n") + 1
    if not end:
        skip = len(data) if len(data) > MOST_EVENT_LINE else 0
        return EventBatch([], offset + skip, 1 if skip else 0)
    events, broken = [], 0
    for line in data[:end].splitlines():
        parsed = _event(line)
        if parsed is None:
            broken += 1
        else:
            events.append(parsed)
    return EventBatch(events, offset + end, broken)


def _event(line: bytes) -> Json | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def read_log(folder: JobFolder, stream: str, offset: int, most: int) -> tuple[bytes, int]:
    """Bytes of a log from ``offset``, and its size. A log that was never written is empty."""
    try:
        with _opened(folder.log(stream)) as descriptor:
            size = os.fstat(descriptor).st_size
            os.lseek(descriptor, offset, os.SEEK_SET)
            return _read_all(descriptor, max(0, min(most, size - offset))), size
    except (FileNotFoundError, Unreadable):
        return b"", 0


def tail_offset(folder: JobFolder, stream: str, lines: int, most: int = 1024 * 1024) -> int:
    """Where the last ``lines`` lines of a log start, looking back at most ``most`` bytes."""
    _, size = read_log(folder, stream, 0, 0)
    start = max(0, size - most)
    data, _ = read_log(folder, stream, start, most)
    at = len(data) - 1 if data.endswith(b"\n") else len(data)
    for _ in range(lines):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return start
    return start + at + 1


def log_tail(folder: JobFolder, lines: int = 20) -> dict[str, list[str]]:
    """The last lines of both streams, for the error of a job that died without a word."""
    tails = {}
    for stream in ("stdout", "stderr"):
        data, _ = read_log(folder, stream, tail_offset(folder, stream, lines, 64 * 1024), 64 * 1024)
        tails[stream] = data.decode("utf-8", "replace").splitlines()[-lines:]
    return tails


def leave_inputs(folder: JobFolder) -> None:
    """Drop the links to the inputs when a job has ended, so that objects can be freed."""
    shutil.rmtree(folder.inputs, ignore_errors=True)
