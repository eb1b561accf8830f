"""Named places in the way of a job at which tests stop a process, or end one.

No setting, variable or argument arms them: only code that runs in the process does, and the package has none. The tests
start the gateway by an entry of their own (``tests/faults/armed.py``), which is not installed.
"""

from __future__ import annotations

from collections.abc import Callable

# In the order in which a job comes by them. Two are in the job itself: its log and its result are its own to write.
STEPS = (
    "request read",
    "input half written",
    "input renamed",
    "job row committed",
    "before the answer",
    "after the answer",
    "lease taken",
    "image resolved",
    "create sent",
    "created",
    "created and noted",
    "start sent",
    "running",
    "log half written",
    "result half written",
    "result seen",
    "exit seen",
    "result validated",
    "result renamed",
    "end committed",
    "container removed",
    "client told",
    "temp cleaned",
)

_reached: Callable[[str], None] | None = None


def reach(step: str) -> None:
    """Nothing, in normal service."""
    if _reached is not None:
        _reached(step)


def arm(reached: Callable[[str], None]) -> None:
    """From now on every step is told, before anything after it happens."""
    global _reached
    _reached = reached
