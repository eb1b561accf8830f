"""Reading requests: bodies within bounds, query values of the right type."""

from __future__ import annotations

import re

from flask import request
from flask.globals import request_ctx
from werkzeug.exceptions import ClientDisconnected

from landbridge_gateway.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from landbridge_gateway.json_text import NotJson, parse
from landbridge_gateway.model import Json

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9.eE+-]{1,40}")
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_LONGEST_FORM, _MOST_FIELDS = 16 * 1024, 20
_MOST_PARTS = 2_000_000  # lists and objects of one body: each takes up to a hundred times its two characters


def json_body(most: int) -> Json:
    """The request's JSON object."""
    asked = request_ctx.request
    if asked.mimetype != "application/json":
        raise UnsupportedMediaType("The body must be JSON.", "Send it with Content-Type: application/json.")
    if asked.content_length is None or asked.content_length > most:
        # A chunked body does not say its size, and is not read at all.
        raise TooLarge(f"A body has at most {most} bytes, and says how many.", "Send large values as objects.")
    try:
        data = asked.get_data(cache=False)
    except ClientDisconnected:
        raise InvalidRequest("The body was cut short.", "Send it again.") from None
    if data.count(b"{") + data.count(b"[") > _MOST_PARTS:
        raise TooLarge(f"A body has at most {_MOST_PARTS:,} lists and objects.", "Send large values as objects.")
    try:
        document = parse(data, distinct=True)
    except NotJson as problem:
        raise InvalidRequest(f"The body is not JSON: {problem}.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return document


def check_body() -> None:
    """Refuse a body that is packed, for nothing is unpacked here; and hold forms, which are short, to their bound."""
    asked = request_ctx.request
    if asked.mimetype in _FORMS:
        asked.max_content_length = asked.max_form_memory_size = _LONGEST_FORM
        asked.max_form_parts = _MOST_FIELDS
    if asked.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("A body comes as it is, without Content-Encoding.", "Send it unpacked.")


def refuse_form() -> None:
    """Refuse a form where bytes are wanted: its parts would be stored with all that stands between them."""
    if request.mimetype.startswith("multipart/"):
        raise UnsupportedMediaType(
            "An object is the body itself, not a part of a form.", "Send the bytes as application/octet-stream."
        )


def whole_number(name: str, default: int, least: int, most: int) -> int:
    """A query value, or its default; outside its range it is an error that names the range."""
    text = request.args.get(name)
    if text is None:
        return default
    # int() takes underscores, blanks and the digits of every script as well.
    value = int(text) if _WHOLE.fullmatch(text) else None
    if value is None or not least <= value <= most:
        raise InvalidRequest(f"`{name}` cannot be `{text[:50]}`.", f"It is a whole number from {least} to {most}.")
    return value


def seconds(name: str, most: float) -> float:
    """A waiting time from the query; longer ones are cut to ``most``."""
    text = request.args.get(name, "0")
    try:
        value = float(text) if _NUMBER.fullmatch(text) else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InvalidRequest(f"`{name}` cannot be `{text[:50]}`.", "It is a number of seconds.")
    return min(value, most)


def known_query(*names: str) -> None:
    """Refuse query fields that nobody reads."""
    for name in request.args:
        if name not in names:
            raise InvalidRequest(f"`{name[:50]}` is not a field of this query.", f"There are: {', '.join(names)}.")


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    value = request.args.get(name, default)
    if value not in options:
        raise InvalidRequest(f"`{name}` cannot be `{value[:50]}`.", f"There are: {', '.join(options)}.")
    return value


def header(name: str, most: int) -> str | None:
    value: str | None = request.headers.get(name)
    if value is not None and not 1 <= len(value) <= most:
        raise InvalidRequest(f"The header {name} has from 1 to {most} characters.")
    return value
