"""The headers that every answer has, whenever it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response

from landbridge_gateway.errors import GatewayError
from landbridge_gateway.model import PROTOCOL

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


# What would end the header, name a folder, or be read otherwise than it is written.
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f/\\\\:*?"<>|\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffd]'
)
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=[.]|$)", re.IGNORECASE)


def download_name(name: str) -> str:
    """A name under which any system can keep a file, and a header can carry it: that of the file as far as it goes."""
    safe = _UNSAFE.sub("_", name)[:200].strip(" ").lstrip("-").rstrip(". ")
    return _RESERVED.sub(r"\g<0>_", safe) if safe.strip("._") else "file"


_ALWAYS = (
    ("Landbridge-Protocol", str(PROTOCOL)),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_OF_PAGES = (
    *_ALWAYS,
    # Not "no-referrer": under that, browsers send our own forms with the origin "null".
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Content-Security-Policy", _POLICY),
)
_OF_OTHERS = (*_ALWAYS, ("Content-Security-Policy", "sandbox; default-src 'none'"))
_NOT_KEPT = ("Cache-Control", "no-store")
# As they are sent. Those of every answer are made into bytes once.
AS_SENT = {(name, value): (name.encode(), value.encode()) for name, value in {*_OF_PAGES, *_OF_OTHERS, _NOT_KEPT}}


def hardened(answer: WSGIApplication) -> WSGIApplication:
    """The same answer with the headers that every answer has; how it is cached it may say itself.

    Added to the finished list: as headers of Flask's each is looked at, copied and looked at again.
    """

    def begun(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *problem: Any) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *_more(dict(headers))], *problem)

        return answer(environ, start)

    return begun


def _more(own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    page = own.get("Content-Type", "").startswith("text/html")
    more = _OF_PAGES if page else _OF_OTHERS
    return more if "Cache-Control" in own else (*more, _NOT_KEPT)


def refusal(error: GatewayError) -> Response:
    """The one shape of an error, also where there is no request any more."""
    answer = Response(json.dumps(error.as_json()), error.status, content_type="application/json")
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer
