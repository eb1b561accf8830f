"""Job folders: written whole before a container sees them, read with bounds afterwards."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from landbridge_gateway.depot.call_folders import make_call, open_next
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.texts import write_text
from landbridge_gateway.depot.trees import remove_tree
from landbridge_gateway.errors import trouble
from landbridge_gateway.json_text import NotJson, objects_in_lines, parse
from landbridge_gateway.model import FORMATS, Json

log = logging.getLogger(__name__)

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
    more: bool = False  # the file may go on behind them


def write_folder(
    layout: Layout,
    attempt: str,
    spec: Json,
    objects: Mapping[str, str],
    session: str | None = None,
    held: bool = False,
    points: Iterable[str] | None = None,
    made: bool = False,
) -> JobFolder:
    """Lay out a job folder. ``objects`` maps the ids of the inputs to their formats; they are linked, not copied.

    A job of a session lies in the session's own folder, where the session's container sees it, and has no ``in/`` where
    it is given no file; ``made`` says that the folder was made before: see call_folders.py and spare_folders.py.
    ``held`` is a session. ``points`` are those of a sweep's chunk, each as JSON text, which the spec has besides.
    """
    folder = layout.job_folder(attempt)
    if session:
        (open_next if made else make_call)(layout, session, attempt)
    elif not made:
        remove_tree(folder.path)
        folder.path.mkdir(parents=True, mode=0o755)
        folder.make_out()
    if held:
        folder.calls.mkdir(mode=0o755)
        os.mkfifo(folder.requests, 0o644)
    if objects if session else not made:
        folder.inputs.mkdir(mode=0o755)
    for object_id, format in objects.items():
        link_or_copy(layout.object_file(object_id, format), folder.inputs / (object_id + FORMATS[format]))
    if spec.get("task", {}).get("secrets"):
        # What goes through a pipe is never on the disk.
        os.mkfifo(folder.secrets, 0o644)
    text = json.dumps(spec)
    # Who runs a call is told of it, and does not look before that; nor does anybody look into a folder that was made.
    write = write_text if session or made else _write_whole
    write(folder.spec, text if points is None else f'{text[:-1]}, "points": [{", ".join(points)}]}}')
    return folder


def write_json(path: Path, value: Json) -> None:
    """Whole or not at all, readable by the container's user."""
    _write_whole(path, json.dumps(value))


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    write_text(temporary, text)
    temporary.replace(path)


def link_or_copy(source: Path, target: Path) -> None:
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
        value = parse(data)
    except NotJson as error:
        raise Unreadable(f"{path.name} is not whole JSON") from error
    if not isinstance(value, dict):
        raise Unreadable(f"{path.name} is not a JSON object")
    return value


def _read(path: Path, most: int) -> bytes:
    with opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise Unreadable(f"{path.name} has {size} bytes; at most {most} are read")
        return read_all(descriptor, size)


def read_all(descriptor: int, size: int) -> bytes:
    """Up to ``size`` bytes from where the descriptor stands."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@contextmanager
def opened(path: Path) -> Iterator[int]:
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


def token_in(folder: JobFolder) -> str | None:
    """The token of the attempt that a folder is of, as the gateway wrote it there."""
    try:
        token = read_json(folder.spec).get("token")
    except (FileNotFoundError, Unreadable):
        return None
    return token if isinstance(token, str) else None


def read_events(folder: JobFolder, offset: int) -> EventBatch:
    """The whole lines that were appended since ``offset``; lines that are not JSON objects are counted."""
    try:
        with opened(folder.events) as descriptor:
            left = min(MOST_EVENTS_READ, max(0, os.fstat(descriptor).st_size - offset))
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, left)  # no more room is made for them than they need
    except (FileNotFoundError, Unreadable):
        return EventBatch([], offset, 0)
    end = data.rfind(b"\n") + 1
    if not end:
        skip = len(data) if len(data) > MOST_EVENT_LINE else 0
        return EventBatch([], offset + skip, 1 if skip else 0, more=len(data) == MOST_EVENTS_READ)
    events, broken = objects_in_lines(data[:end])
    return EventBatch(events, offset + end, broken, more=len(data) == MOST_EVENTS_READ)


def note_adopted(folder: JobFolder, name: str, object_id: str) -> None:
    """Note which object a worker's file becomes, before it does: after a crash it becomes the same one."""
    with folder.adopted.open("a") as notes:
        notes.write(json.dumps([name, object_id]) + "\n")


def read_adopted(folder: JobFolder) -> dict[str, str]:
    """The objects by the worker's names of them; the last note of a name counts, and one cut short never was."""
    if not folder.adopted.exists():  # of most jobs: to look takes less than to open and to fail
        return {}
    lines = folder.adopted.read_text().splitlines(keepends=True)
    return dict(json.loads(line) for line in lines if line.endswith("\n"))


def recall(folder: JobFolder) -> None:
    """Let the worker of a chunk begin no further point. One that is gone is fine."""
    with suppress(FileNotFoundError):
        folder.recall.touch(0o644)


def pass_over(folder: JobFolder, point: int) -> None:
    """Let the worker of a chunk leave out a point that it has not begun. One that is gone is fine."""
    with suppress(FileNotFoundError):
        folder.cancelled.mkdir(0o755, exist_ok=True)
        (folder.cancelled / str(point)).touch(0o644)


def remove_folder(layout: Layout, attempt: str) -> None:
    """Remove the folder of an attempt that never began."""
    path = layout.job_folder(attempt).path
    remove_tree(Path(os.path.realpath(path)))  # of a call it is a link into its session's folder
    with suppress(OSError):
        if path.is_symlink():
            path.unlink()
        path.parent.rmdir()


def given_bytes(folder: JobFolder) -> int:
    """How much the files hold that a job was given; nothing of one that has ended."""
    try:
        with os.scandir(folder.inputs) as entries:
            return sum(entry.stat().st_size for entry in entries)
    except OSError:
        return 0


def leave_inputs(folder: JobFolder) -> None:
    """Drop the links to the inputs when a job has ended, so that objects can be freed. Raises what may pass."""
    try:
        _remove_folder_of_links(folder.inputs)
    except FileNotFoundError:
        pass
    except OSError as problem:
        if trouble(problem):
            raise
        log.warning("%s stays: %s", folder.inputs, problem)


def _remove_folder_of_links(path: Path) -> None:
    try:
        path.rmdir()  # most jobs are given no file
    except OSError as problem:
        if problem.errno != errno.ENOTEMPTY:
            raise
        shutil.rmtree(path)
