"""WKB that somebody else wrote: looked over before a library reads it.

The libraries read collections inside collections by calling themselves, and end the process where these nest too deep.
Sentences are those of R's geometry_bytes.R.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

# sf has the same limit.
_DEEPEST = 32
# So many levels do not fit into fewer bytes, and libraries bear as many as do.
_HARMLESS_BYTES = 18_000
NO_WKB = "it is no valid WKB"


def broken(cells: Sequence[bytes | None]) -> tuple[int, str] | None:
    """The first row, counted from 1, that no library may read, and why."""
    for row, cell in enumerate(cells, 1):
        if cell is not None and len(cell) > _HARMLESS_BYTES:
            reason = _unreadable(cell)
            if reason:
                return row, reason
    return None


def _unreadable(cell: bytes) -> str | None:
    at = 0
    # How many parts are still to come, for each level that is open.
    parts = [1]
    while parts:
        if not parts[-1]:
            parts.pop()
            continue
        if len(parts) > _DEEPEST + 1:
            return f"a collection nests more than {_DEEPEST} deep"
        parts[-1] -= 1
        try:
            at, inside = _head(cell, at)
        except (struct.error, ValueError):
            return NO_WKB
        if inside is not None:
            parts.append(inside)
    return NO_WKB if at > len(cell) else None


def _head(cell: bytes, at: int) -> tuple[int, int | None]:
    """Where the head of a geometry ends and the number of its parts; where the whole ends of one without parts."""
    order, kind = "<" if cell[at : at + 1] == b"\1" else ">", 0
    if cell[at : at + 1] not in (b"\0", b"\1"):
        raise ValueError(NO_WKB)
    (kind,) = struct.unpack_from(f"{order}I", cell, at + 1)
    iso, base = divmod(kind & 0xFFFF, 1000)
    # Flags of the extended form: Z, M, and four bytes of SRID after the head.
    dimensions = 2 + (bool(kind & 1 << 31) or iso in (1, 3)) + (bool(kind & 1 << 30) or iso in (2, 3))
    at += 9 if kind & 1 << 29 else 5
    if base == 1:
        return at + 8 * dimensions, None
    (count,) = struct.unpack_from(f"{order}I", cell, at)
    at += 4
    if base in (2, 8):
        return at + 8 * dimensions * count, None
    if base in (3, 17):
        for _ in range(count):
            at += 4 + 8 * dimensions * struct.unpack_from(f"{order}I", cell, at)[0]
        return at, None
    if base in (4, 5, 6, 7, 9, 10, 11, 12, 15, 16):
        return at, count
    raise ValueError(NO_WKB)
