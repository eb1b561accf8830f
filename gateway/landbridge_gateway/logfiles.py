"""The logs of the two processes: bounded, and nothing of them lost when the next file is begun."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 10 * 1024**2
_OLDER = 3  # files kept beside the one that is written


def turn_over(log: Path, most: int = MOST_BYTES) -> bool:
    """Put a log that has grown too long aside and drop the oldest one; its writer is to open ``log`` anew.

    Until it does, it goes on in the file that was put aside.
    """
    if not log.exists() or log.stat().st_size < most:
        return False
    aged = [log.with_name(f"{log.name}.{number}") for number in range(1, _OLDER + 1)]
    for older, newer in zip(reversed(aged), [*reversed(aged[:-1]), log], strict=True):
        if newer.exists():
            newer.replace(older)
    return True
