"""Processes that an earlier warden left behind: found by their environment, as containers are by a label."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "LANDBRIDGE_JOB_OF"  # in the environment of each job's process: the gateway's id; its children inherit it
_ROUNDS, _PAUSE = 200, 0.01
_LOOKS, _BETWEEN_LOOKS = 50, 0.002


def end_leftovers(gateway_id: str) -> None:
    """Kill all of them; one that forks meanwhile is found in the next round."""
    for _ in range(_ROUNDS):
        found = leftovers(gateway_id)
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def leftovers(gateway_id: str) -> list[int]:
    """The processes of this gateway's jobs; where there is no /proc, none are found."""
    mark = f"{MARK}={gateway_id}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # It has ended meanwhile, or is somebody else's.
        with suppress(OSError):
            if mark in _environ(entry).split(b"\0"):
                found.append(int(entry.name))
    return found


def _environ(process: Path) -> bytes:
    """What it was started with. That is empty for a moment while it becomes another program, as R does some times."""
    for _ in range(_LOOKS):
        found = (process / "environ").read_bytes()
        if found:
            break
        (process / "exe").readlink()  # an error where it has ended, or is the kernel's own
        time.sleep(_BETWEEN_LOOKS)
    return found
