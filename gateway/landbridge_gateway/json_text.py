"""JSON from outside, read strictly: what a reader in another language could not hold never gets in. No IO."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

# Only a text with one of these can hold a number beyond a double: three hundred digits in a row, or three of an
# exponent. Every digit is made a 0 first, so that they are found as plain bytes, ten times as fast as by a pattern.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_DOUBTFUL_NUMBERS = (b"0" * 300, b"0e000", b"0e+000")
# Only one with this can hold half of a surrogate pair.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJson(ValueError):
    """The message says what is wrong, and shows nothing of the text."""


def parse(data: bytes, *, distinct: bool = False) -> Any:
    """The document in ``data``, which is UTF-8. NaN, infinities and numbers beyond a double are not JSON here.

    With ``distinct`` a field that comes twice is refused, and so is half of a surrogate pair; without it the last field
    counts, and the half becomes a question mark: what a job reports is kept as far as it can be.
    """
    try:
        document = _decoder(data, distinct).decode(data.decode())
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    except NotJson:
        raise
    except ValueError:
        raise NotJson("it has a number that is too large") from None
    return _whole_text(document, distinct) if _may_have_surrogates(data) else document


def objects_in_lines(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The objects in ``data``, each a line of its own, read as by :func:`parse`; and how many lines are none."""
    found, lines = [], data.splitlines()
    decode = None if _may_have_surrogates(data) else _decoder(data, distinct=False).raw_decode
    for line in lines:
        document = _at_once(line, decode) if decode else None
        if document is None:
            document = _alone(line)
        if isinstance(document, dict):
            found.append(document)
    return found, len(lines) - len(found)


def _at_once(line: bytes, decode: Callable[[str], tuple[Any, int]]) -> Any:
    """What most lines are: a document from the first to the last character. None where it is not."""
    try:
        text = line.decode()
        document, end = decode(text)
    except (ValueError, RecursionError):
        return None
    return document if end == len(text) else None


def _alone(line: bytes) -> Any:
    try:
        return parse(line)
    except NotJson:
        return None


def _may_have_surrogates(data: bytes) -> bool:
    return b"\\u" in data and _SURROGATE.search(data) is not None


def _decoder(data: bytes, distinct: bool) -> json.JSONDecoder:
    digits = data.translate(_DIGITS)
    if any(doubtful in digits for doubtful in _DOUBTFUL_NUMBERS):
        return _STRICT_BOUNDED if distinct else _BOUNDED
    return _STRICT if distinct else _PLAIN


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON; send it as text")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a field comes twice in one object")
    return found


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotJson("it has a number that is too large")
    return value


# Made once: making one takes longer than reading a short line.
_BOUNDS: dict[str, Any] = {"parse_int": _whole, "parse_float": _finite}
_PLAIN = json.JSONDecoder(parse_constant=_no_constant)
_STRICT = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_distinct)
_BOUNDED = json.JSONDecoder(parse_constant=_no_constant, **_BOUNDS)
_STRICT_BOUNDED = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_distinct, **_BOUNDS)


def _whole_text(document: Any, distinct: bool) -> Any:
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        if distinct:
            raise NotJson("a text has half of a surrogate pair") from None
        return json.loads(text.encode("utf-8", "replace"))
    return document
