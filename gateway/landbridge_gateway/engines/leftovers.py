"""Processes that an earlier warden left behind: found by their environment, as containers are by a label."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "LANDBRIDGE_JOB_OF"  # in the environment of each job's process: the gateway's id; its children inherit it
_ROUNDS, _PAUSE = 200, 0.01


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
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
