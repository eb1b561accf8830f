"""Reading requests: bodies within bounds, query values of the right type."""

from __future__ import annotations

import json
from typing import NoReturn

from flask import request
from werkzeug.exceptions import ClientDisconnected

from landbridge_gateway.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from landbridge_gateway.model import Json


def json_body(most: int) -> Json:
    """The request's JSON object."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("The body must be JSON.", "Send it with Content-Type: application/json.")
    if request.content_length is None or request.content_length > most:
        # A chunked body does not say its size, and is not read at all.
        raise TooLarge(f"A body has at most {most} bytes, and says how many.", "Send large values as objects.")
    try:
        data = request.get_data(cache=False)
    except ClientDisconnected:
        raise InvalidRequest("The body was cut short.", "Send it again.") from None
    try:
        document = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not JSON: {str(error)[:200]}.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; send it as text")


def whole_number(name: str, default: int, least: int, most: int) -> int:
    """A query value, or its default; outside its range it is an error that names the range."""
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise InvalidRequest(f"`{name}` cannot be `{text[:50]}`.", f"It is a whole number from {least} to {most}.")
    return value


def seconds(name: str, most: float) -> float:
    """A waiting time from the query; longer ones are cut to ``most``."""
    text = request.args.get(name, "0")
    try:
        value = float(text)
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
