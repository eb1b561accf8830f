"""What R cannot hold of values that are no frames: refused or told like the columns of frames, by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json
from landbridge.objects import Crossing

if TYPE_CHECKING:
    import pyarrow as pa

_INT64 = 2**63
# Beyond this a double of seconds may not tell one microsecond from the next.
_EXACT_MICROSECONDS = 2**52
_NUL = "its text has a NUL character", "Remove it from the text first."
_BEYOND = "an integer beyond 64 bits has no number in R", "Send it as a floating-point number or as text."
_DIGITS = "decimals of more than 15 digits are doubles in R"
_NANOSECONDS = "R keeps times within 0.25 microseconds, not in nanoseconds"
_FAR = "R's times are doubles, too coarse for microseconds that far from 1970"


def tell_value(node: Json, path: str, crossing: Crossing | None) -> None:
    """Look through the elements in a node: ``ValueCannotCross``, or a loss that ``on_loss`` decides about."""
    if crossing is None or crossing.reader != "r" or node["kind"] not in ("scalar", "vector", "array", "list"):
        return
    for text in _names(node):
        if isinstance(text, str) and "\0" in text:
            raise ValueCannotCross(path, f"a name in it has a NUL character (`{text!r}`)", _NUL[1])
    check = _CHECKS.get(node.get("type", ""))
    if check is None:
        return
    scalar = node["kind"] == "scalar"
    losses = []
    for position, value in enumerate([node.get("value")] if scalar else node.get("values") or (), 1):
        if value is not None:
            losses.append(check(value, path, "" if scalar else f" (element {position})"))
    if (node.get("tags") or {}).get("nanosecond"):
        losses.append(_NANOSECONDS)
    _tell(next(filter(None, losses), None), path, crossing)


def tell_column(column: pa.Array, kind: str, path: str, crossing: Crossing | None) -> None:
    """The same for elements that go as an Arrow file."""
    if crossing is None or crossing.reader != "r":
        return
    import pyarrow as pa

    from landbridge.fidelity import is_text, judge, tell

    if kind == "int" and is_text(column.type):
        raise ValueCannotCross(path, _BEYOND[0], _BEYOND[1])
    tell(judge(pa.chunked_array([column]), path, path, crossing), path, path, crossing)


def _tell(reason: str | None, path: str, crossing: Crossing) -> None:
    if reason is not None:
        from landbridge.fidelity import Verdict, tell

        tell(Verdict("lossy", reason), path, path, crossing)


def _names(node: Json) -> Iterator[Any]:
    yield from node.get("names") or ()
    yield from (node.get("tags") or {}).get("levels") or ()
    for names in node.get("dimnames") or ():
        yield from names or ()
    for key, _ in node.get("items") or ():
        yield key


def _text(value: str, path: str, place: str) -> None:
    if "\0" in value:
        raise ValueCannotCross(path, _NUL[0] + place, _NUL[1])


def _integer(value: int | str, path: str, place: str) -> None:
    # R's own -2^63 is its missing value.
    if abs(int(value)) >= _INT64:
        raise ValueCannotCross(path, _BEYOND[0] + place, _BEYOND[1])


def _decimal(value: str, *_: str) -> str | None:
    exact = Decimal(value)
    return _DIGITS if exact.is_finite() and Decimal(repr(float(exact))) != exact else None


def _time(value: int, *_: str) -> str | None:
    far = abs(value) > _EXACT_MICROSECONDS and round(value / 1e6 * 1e6) != value
    return _FAR if far else None


_CHECKS: dict[str, Callable[..., str | None]] = {
    "str": _text,
    "factor": _text,
    "int": _integer,
    "decimal": _decimal,
    "datetime": _time,
    "duration": _time,
}
