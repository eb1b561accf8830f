"""Processes that tests look for and kill: held by a descriptor, so that a number that was given anew is never hit."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.patience import PATIENCE, NeverCame

_PROC = Path("/proc")


def kill(pid: int, is_it: Callable[[], bool] = lambda: True) -> bool:
    """Was it alive, and hit by SIGKILL? It is gone when this returns, though its parent may not have noticed yet.

    ``is_it`` looks at the number once more when the process is held, for numbers of processes that are not one's own
    children.
    """
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # In this order: while the one that is held lives, nobody else has its number.
        if not is_it() or is_gone(held, 0):
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(held, signal.SIGKILL)
        if not is_gone(held, PATIENCE):
            raise NeverCame(f"the end of process {pid}, which was killed,", PATIENCE, _stat(pid))
        return True
    finally:
        os.close(held)


def is_gone(held: int, seconds: float) -> bool:
    """Has the process behind a descriptor ended, or does it within so many seconds?"""
    poll = select.poll()  # unlike select(), for descriptors of any number
    poll.register(held, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))


def children(pid: int) -> list[int]:
    """Those that live, of a process that need not be our own."""
    found = []
    for entry in _PROC.glob("[0-9]*"):
        state, parent = _state(_stat(int(entry.name)))
        if parent == pid and state not in "ZX":
            found.append(int(entry.name))
    return found


def command_line(pid: int) -> list[str]:
    """Its words; none where it is gone, or has not begun."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def environment(pid: int) -> dict[str, str]:
    """What it was started with; nothing where it is gone, or is just about to become another program."""
    try:
        text = (_PROC / str(pid) / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def stands_still(pid: int) -> bool:
    """Is each of its threads stopped by SIGSTOP? The signal alone does not wait for that."""
    stats = [_text(path) for path in (_PROC / str(pid) / "task").glob("*/stat")]
    return bool(stats) and all(_state(stat)[0] in "Tt" for stat in stats if stat)


def _stat(pid: int) -> str:
    return _text(_PROC / str(pid) / "stat")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def _state(stat: str) -> tuple[str, int]:
    """Its letter, and its parent; a name may have spaces and brackets."""
    words = stat.rpartition(")")[2].split()
    return (words[0], int(words[1])) if len(words) > 1 else ("X", 0)
