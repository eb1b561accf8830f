"""JSON from outside, read strictly: what a reader in another language could not hold never gets in. No IO."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

# Only a text with one of these can hold a number beyond a double, or half of a surrogate pair.
_DOUBTFUL_NUMBER = re.compile(rb"[0-9]{300}|[0-9][eE][+]?[0-9]{3}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJson(ValueError):
    """The message says what is wrong, and shows nothing of the text."""


def parse(data: bytes, *, distinct: bool = False) -> Any:
    """The document in ``data``, which is UTF-8. NaN, infinities and numbers beyond a double are not JSON here.

    With ``distinct`` a field that comes twice is refused, and so is half of a surrogate pair; without it the last field
    counts, and the half becomes a question mark: what a job reports is kept as far as it can be.
    """
    try:
        document = json.loads(data.decode(), cls=_decoder(data, distinct))
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
    return _whole_text(document, distinct) if _SURROGATE.search(data) else document


def _decoder(data: bytes, distinct: bool) -> type[json.JSONDecoder]:
    if _DOUBTFUL_NUMBER.search(data):
        return _StrictBounded if distinct else _Bounded
    return _Strict if distinct else _Plain


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


class _Plain(json.JSONDecoder):
    def __init__(self, **more: Any) -> None:
        super().__init__(parse_constant=_no_constant, **more)


class _Strict(_Plain):
    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_distinct)


class _Bounded(_Plain):
    def __init__(self) -> None:
        super().__init__(parse_int=_whole, parse_float=_finite)


class _StrictBounded(_Plain):
    def __init__(self) -> None:
        super().__init__(parse_int=_whole, parse_float=_finite, object_pairs_hook=_distinct)


def _whole_text(document: Any, distinct: bool) -> Any:
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        if distinct:
            raise NotJson("a text has half of a surrogate pair") from None
        return json.loads(text.encode("utf-8", "replace"))
    return document
