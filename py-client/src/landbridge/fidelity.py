"""Verdicts: what became of each column of a frame on its way, and what is refused instead of being changed."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from landbridge.columns import whole
from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json, LossWarning
from landbridge.objects import Crossing

# Beyond these a double, R's storage of times, may not tell one microsecond from the next.
_EXACT_MICROSECONDS = 2**52
_EXACT_INTEGERS = 2**53
_NUL = re.compile(b"\0")


@dataclass(frozen=True)
class Verdict:
    """``equal``: the same values in another type or storage; ``lossy``: not all of them."""

    verdict: str
    reason: str

    def entry(self) -> Json:
        return {"verdict": self.verdict, "reason": self.reason}


def judge(column: pa.ChunkedArray, path: str, label: str, crossing: Crossing) -> Verdict | None:
    """What the reader will miss in a column of the wire; None when nothing.

    Raises :class:`ValueCannotCross` with column and first offending row when a value would be corrupted.
    """
    refuse_broken_text(column, path, label)
    return _for_r(column, path, label, crossing) if crossing.reader == "r" else None


def tell(verdict: Verdict | None, path: str, label: str, crossing: Crossing) -> None:
    """Refuse a lossy column, warn of it or let it go, as the task's ``on_loss`` says."""
    if verdict is None or verdict.verdict != "lossy" or crossing.on_loss == "allow":
        return
    if crossing.on_loss == "error":
        raise ValueCannotCross(path, f'{verdict.reason}, and `on_loss` is "error"', _PERMIT, column=label)
    warnings.warn(f"`{path}` crosses with loss: {verdict.reason}.", LossWarning, stacklevel=_level())


def _level() -> int:
    """The stack level of the line outside this package that a warning is about."""
    frame, level = sys._getframe(2), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "landbridge":
        frame, level = frame.f_back, level + 1
    return level


_PERMIT = 'Convert the column, or allow it with task(..., on_loss="allow").'


def refuse(path: str, label: str, row: int, reason: str, hint: str | None = None) -> ValueCannotCross:
    """The error for a column whose ``row``, counted from 1, would be corrupted."""
    return ValueCannotCross(path, f"{reason} (row {row})", hint, column=label, row=row)


def first_row(mask: pa.ChunkedArray | pa.Array) -> int | None:
    """The first row, counted from 1, for which a mask is true."""
    found = pc.index(mask, pa.scalar(True)).as_py() if len(mask) else -1
    return None if found < 0 else int(found) + 1


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def refuse_broken_text(column: pa.ChunkedArray, path: str, label: str) -> None:
    """NUL ends text in R, and bytes that are no UTF-8 are no text anywhere."""
    for row, text in _texts(column):
        if _is_plain(text):
            continue
        if not _is_valid(text):
            raise refuse(path, label, row or _invalid_row(text), "its text is not valid UTF-8", "Clean the text first.")
        found = _first_nul(text)
        if found:
            raise refuse(path, label, row or found, "its text has a NUL character", "Remove it from the text first.")


def _texts(column: pa.ChunkedArray) -> list[tuple[int | None, Any]]:
    """The text in a column, with the row where it can be told only roughly: in levels and in nested types."""
    kind = column.type
    if is_text(kind):
        return [(None, column)]
    if pa.types.is_dictionary(kind):
        return [(None, whole(column).dictionary_decode())] if _suspicious(whole(column).dictionary) else []
    if pa.types.is_struct(kind):
        return [found for part in whole(column).flatten() for found in _texts(pa.chunked_array([part]))]
    if not pa.types.is_nested(kind):
        return []
    array = whole(column)
    inner = pa.chunked_array([pc.list_flatten(array)])
    for _, text in _texts(inner):
        if _suspicious(text):
            return [(_row_inside(array), text)]
    return []


def _suspicious(text: Any) -> bool:
    if not is_text(text.type) or _is_plain(text):
        return False
    return not _is_valid(text) or bool(_first_nul(text))


def _is_plain(text: Any) -> bool:
    """Is it ASCII without NUL? Told from all bytes at once, many times as fast as Unicode can be checked."""
    if pa.types.is_string_view(text.type):
        return False
    for chunk in text.chunks if isinstance(text, pa.ChunkedArray) else [text]:
        content = chunk.buffers()[2]
        if content is not None and content.size:
            ends = pc.min_max(pa.Array.from_buffers(pa.uint8(), content.size, [None, content]))
            if ends["min"].as_py() == 0 or ends["max"].as_py() > 127:
                return False
    return True


def _first_nul(text: Any) -> int | None:
    """The first row, counted from 1, with a NUL character."""
    chunks = text.chunks if isinstance(text, pa.ChunkedArray) else [text]
    # The bytes of all rows at once; only where one is zero, row by row.
    if not pa.types.is_string_view(text.type) and not any(_NUL.search(_content(chunk)) for chunk in chunks):
        return None
    return first_row(pc.fill_null(pc.match_substring(text, "\0"), False))


def _content(text: pa.Array) -> memoryview:
    content = text.buffers()[2]
    return memoryview(content) if content is not None else memoryview(b"")


def _is_valid(text: Any) -> bool:
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _invalid_row(text: Any) -> int:
    for row, cell in enumerate(text.cast(pa.large_binary()), 1):
        try:
            (cell.as_py() or b"").decode()
        except UnicodeDecodeError:
            return row
    return 1


def _row_inside(array: pa.Array) -> int:
    for row in range(len(array)):
        inner = pa.chunked_array([pc.list_flatten(array.slice(row, 1))])
        if any(_suspicious(text) for _, text in _texts(inner)):
            return row + 1
    return 1


def _for_r(column: pa.ChunkedArray, path: str, label: str, crossing: Crossing) -> Verdict | None:
    """R has no -2^31, no -2^63, no unsigned 64 bits, no decimals, and its times are doubles."""
    kind = column.type
    for width, lowest in ((pa.int32(), -(2**31)), (pa.int64(), -(2**63))):
        if kind == width and pc.min_max(column)["min"].as_py() == lowest:
            row = first_row(pc.fill_null(pc.equal(column, pa.scalar(lowest, width)), False)) or 1
            reason = f"{lowest} is R's missing value"
            raise refuse(path, label, row, reason, "Send it as a floating-point column or as text.")
    checks: tuple[tuple[Callable[[pa.DataType], bool], Callable[..., Verdict | None]], ...] = (
        (pa.types.is_uint64, _unsigned),
        (pa.types.is_decimal, _decimal),
        (pa.types.is_timestamp, _time),
        (pa.types.is_duration, _time),
    )
    for test, check in checks:
        if test(kind):
            return check(column, path, label, crossing)
    if pa.types.is_nested(kind):
        parts = whole(column).flatten() if pa.types.is_struct(kind) else [pc.list_flatten(whole(column))]
        found = [_for_r(pa.chunked_array([part]), path, label, crossing) for part in parts]
        return next((verdict for verdict in found if verdict), None)
    return None


def _unsigned(column: pa.ChunkedArray, path: str, label: str, crossing: Crossing) -> Verdict | None:
    if (pc.min_max(column)["max"].as_py() or 0) <= _EXACT_INTEGERS:
        return None
    row = first_row(pc.fill_null(pc.greater(column, pa.scalar(_EXACT_INTEGERS, pa.uint64())), False))
    if row and crossing.on_loss != "allow":
        raise refuse(path, label, row, "an unsigned integer beyond 2^53 has no number in R", _PERMIT)
    return Verdict("lossy", "unsigned integers beyond 2^53 are no numbers in R") if row else None


def _decimal(column: pa.ChunkedArray, *_: object) -> Verdict | None:
    double = column.cast(pa.float64())
    try:
        back = double.cast(column.type, safe=False)
    except pa.ArrowInvalid:
        back = None
    same = back is not None and first_row(pc.fill_null(pc.not_equal(back, column), False)) is None
    # More digits than a double holds may come back by chance, but not after arithmetic.
    fits = column.type.precision <= 15 or same
    return None if fits else Verdict("lossy", "decimals of more than 15 digits are doubles in R")


def _time(column: pa.ChunkedArray, *_: object) -> Verdict | None:
    counts = pc.cast(whole(column), pa.int64())
    if column.type.unit == "ns":
        rest = pc.subtract(counts, pc.multiply(pc.divide(counts, 1000), 1000))
        if first_row(pc.fill_null(pc.not_equal(rest, 0), False)):
            return Verdict("lossy", "R keeps times within 0.25 microseconds, not in nanoseconds")
        return None
    if column.type.unit != "us" or not len(counts) or counts.null_count == len(counts):
        return None
    extremes = pc.min_max(counts).as_py()
    if max(-extremes["min"], extremes["max"]) <= _EXACT_MICROSECONDS:
        return None
    seconds = pc.divide(pc.cast(counts, pa.float64(), safe=False), 1e6)
    back = pc.cast(pc.round(pc.multiply(seconds, 1e6)), pa.int64(), safe=False)
    changed = first_row(pc.fill_null(pc.not_equal(back, counts), False))
    return (
        Verdict("lossy", "R's times are doubles, too coarse for microseconds that far from 1970") if changed else None
    )
