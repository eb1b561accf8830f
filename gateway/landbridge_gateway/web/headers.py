"""The headers that every answer has, whenever it is sent."""

from __future__ import annotations

import json
import re

from flask import Response

from landbridge_gateway.errors import GatewayError
from landbridge_gateway.model import PROTOCOL

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
    # Not "no-referrer": under that, browsers send our own forms with the origin "null".
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def harden(answer: Response) -> Response:
    """Add the headers to an answer, which has none of them yet but may say how it is cached."""
    page = answer.mimetype == "text/html"
    # At once: set one by one, each is looked for first.
    answer.headers.extend((*_ALWAYS, ("Content-Security-Policy", _POLICY if page else "sandbox; default-src 'none'")))
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def refusal(error: GatewayError) -> Response:
    """The one shape of an error, also where there is no request any more."""
    answer = Response(json.dumps(error.as_json()), error.status, content_type="application/json")
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer
