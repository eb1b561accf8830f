"""Errors of user code: as the document of the contract, and as text like Python's own."""

from __future__ import annotations

import linecache
import platform
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from landbridge.in_job import clean
from landbridge.kinds import Json
from landbridge.native import class_name

if TYPE_CHECKING:
    from landbridge.errors import JobFailed

_OURS = str(Path(__file__).parent)
_AROUND = 2
_FIRST, _LAST = 30, 70


def describe(error: BaseException, warnings: list[Json]) -> Json:
    """The error document of an exception that user code raised."""
    kinds = [kind for kind in type(error).__mro__ if kind is not object]
    document: Json = {
        "type": class_name(type(error)),
        "classes": [class_name(kind) for kind in kinds],
        "message": _message(error),
        "call": None,
        "frames": _frames(error.__traceback__),
        "warnings": warnings,
        "session": {"language": "python", "version": platform.python_version()},
    }
    hint = getattr(error, "hint", None)
    if isinstance(hint, str):
        document |= {"message": clean(str(getattr(error, "message", ""))), "hint": clean(hint)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        document["cause"] = {"type": class_name(type(cause)), "message": _message(cause)}
    return document


def users_part(start: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not the worker's own; the whole of it when there is none."""
    current = start
    while current is not None and _is_ours(current.tb_frame.f_code.co_filename):
        current = current.tb_next
    return current or start


def _is_ours(file: str) -> bool:
    return file.startswith((_OURS, "<frozen "))


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as problem:  # noqa: BLE001 - the exception's own code
        text = f"<its message raised {type(problem).__name__}>"
    return clean("\n".join([text, *getattr(error, "__notes__", ())]))


def _frames(start: TracebackType | None) -> list[Json]:
    found = list(traceback.walk_tb(start))
    if len(found) > _FIRST + _LAST:
        # Endless recursion: its beginning and its end tell the story.
        found = found[:_FIRST] + found[-_LAST:]
    return [_frame(frame.f_code, line) for frame, line in found]


def _frame(code: Any, line: int) -> Json:
    file = code.co_filename
    lines = linecache.getlines(file)
    first, last = max(1, line - _AROUND), min(len(lines), line + _AROUND)
    return {
        "function": getattr(code, "co_qualname", code.co_name),
        "file": clean(file),
        "line": line,
        "source": [[n, clean(lines[n - 1].rstrip("\n"))] for n in range(first, last + 1)],
        "ours": _is_ours(file),
    }


def remote_text(failed: JobFailed, frames: list[Json]) -> str:
    """The text of a failed job: the remote traceback as Python prints its own, for errors of R too."""
    remote = failed.remote
    session = remote.get("session") or {}
    where = f" ({session['language']} {session.get('version', '')})".rstrip() if session.get("language") else ""
    lines = [f"Job {failed.job} failed{where}."]
    if frames:
        lines.append("Remote traceback (most recent call last):")
        for frame in frames:
            lines += _frame_lines(frame)
    call = f" in {remote['call']}" if remote.get("call") else ""
    lines.append(f"{failed.type}{call}: {failed.message}" if failed.message else failed.type)
    if failed.type == failed.cause:
        lines = [f"Job {failed.job} failed: {failed.message}"]
    for warning in failed.warnings[-5:]:
        lines.append(f"Warning before it: {warning.get('category') or 'warning'}: {warning.get('message')}")
    lines += log_lines(remote.get("log_tail"))
    return "\n".join(lines + ([failed.hint] if failed.hint else []))


def _frame_lines(frame: Json) -> list[str]:
    place = f'  File "{frame["file"]}"' if frame.get("file") else "  In the session"
    if frame.get("line"):
        place += f", line {frame['line']}"
    lines = [f"{place}, in {frame.get('function') or '<anonymous>'}"]
    text = next((text for number, text in frame.get("source") or [] if number == frame.get("line")), None)
    return lines + ([f"    {text.strip()}"] if text and text.strip() else [])


def log_lines(tail: Any) -> list[str]:
    """The last lines that a job printed, by stream."""
    if not isinstance(tail, dict):
        return []
    lines: list[str] = []
    for stream, content in tail.items():
        texts = content.splitlines() if isinstance(content, str) else [str(line) for line in content or ()]
        if texts:
            lines += [f"Last lines of {stream}:", *[f"  {text}" for text in texts[-20:]]]
    return lines
