"""The app factory: one error shape, one set of headers, nothing open that does not say so."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from landbridge_gateway.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
)
from landbridge_gateway.model import PROTOCOL
from landbridge_gateway.scheduler.hub import NoPlace
from landbridge_gateway.web import access, api, pages
from landbridge_gateway.web.services import Services

log = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(services: Services) -> Flask:
    """The gateway's WSGI app over opened services."""
    app = Flask(__name__, static_folder=None)
    app.extensions["landbridge"] = services
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    access.guard(app)
    api.register(app)
    pages.register(app)
    app.register_error_handler(GatewayError, _typed)
    app.register_error_handler(NoPlace, _crowded)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _broken)
    app.after_request(_harden)
    return app


def _typed(error: GatewayError) -> Any:
    if pages.is_page_request():
        return pages.error_page(error)
    answer = jsonify(error.as_json())
    answer.status_code = error.status
    if isinstance(error, Overloaded):
        answer.headers["Retry-After"] = "1"
    return answer


def _crowded(_: NoPlace) -> Any:
    return _typed(Overloaded("Too many requests wait already.", "Try again in a second."))


def _from_werkzeug(error: HTTPException) -> Any:
    if error.code == 404:
        return _typed(NotFound("There is nothing at this address.", "The calls stand in docs/protocol.md."))
    if error.code == 405:
        return _typed(MethodNotAllowed(f"{request.method} is not allowed at this address."))
    if error.code == 416 or (error.code is not None and error.code < 400):
        return error
    return _typed(InvalidRequest((error.description or error.name)[:300]))


def _broken(error: Exception) -> Any:
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return _typed(InternalError("Something broke in the gateway.", f"Its log tells more under {number}."))


def _harden(answer: Response) -> Response:
    answer.headers["Landbridge-Protocol"] = str(PROTOCOL)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": under that, browsers send our own forms with the origin "null".
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if answer.mimetype == "text/html":
        answer.headers["Content-Security-Policy"] = _POLICY
    else:
        answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
