"""The app factory: one error shape, one set of headers, nothing open that does not say so."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask, make_response, request
from werkzeug.exceptions import HTTPException, RequestedRangeNotSatisfiable

from landbridge_gateway.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RangeNotSatisfiable,
    TooLarge,
    TooManyWaiting,
    trouble,
)
from landbridge_gateway.scheduler.hub import NoPlace
from landbridge_gateway.web import access, api, pages
from landbridge_gateway.web.body import check_body
from landbridge_gateway.web.headers import hardened, refusal
from landbridge_gateway.web.services import Services, services

log = logging.getLogger(__name__)


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is a coroutine, and Flask looks whether it is at five places of each request."""
        return func


def create_app(opened: Services) -> Flask:
    """The gateway's WSGI app over opened services."""
    app = _App(__name__, static_folder=None)
    app.extensions["landbridge"] = opened
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.debug = False  # whatever FLASK_DEBUG says: a debugger would run code for whoever finds it
    access.guard(app)
    app.before_request(_store_is_there)
    app.before_request(check_body)
    api.register(app)
    pages.register(app)
    app.add_url_rule("/health", view_func=health)
    app.register_error_handler(GatewayError, _typed)
    app.register_error_handler(NoPlace, _crowded)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _broken)
    app.wsgi_app = hardened(app.wsgi_app)  # type: ignore[assignment, method-assign]
    access.check_policies(app)
    return app


@access.access(access.PUBLIC)
def health() -> tuple[str, int]:
    """It answers, and tells no more."""
    return "", 204


def _store_is_there() -> None:
    """A change is refused before any of it is written, also to the depot."""
    if request.method not in ("GET", "HEAD"):
        services().database.place.check()


def _typed(error: GatewayError) -> Any:
    if pages.is_page_request():
        return pages.error_page(error)
    return refusal(error)


def _crowded(_: NoPlace) -> Any:
    return _typed(TooManyWaiting(services().settings.waiting))


def _from_werkzeug(error: HTTPException) -> Any:
    if error.code == 404:
        return _typed(NotFound("There is nothing at this address.", "The calls stand in docs/protocol.md."))
    if error.code == 405:
        answer = make_response(_typed(MethodNotAllowed("That method is not allowed at this address.")))
        answer.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
        return answer
    if error.code is not None and error.code < 400:
        return error
    if error.code == 413:
        return _typed(TooLarge("The body is larger than it may be at this address."))
    if isinstance(error, RequestedRangeNotSatisfiable):
        answer = make_response(_typed(RangeNotSatisfiable("There are no such bytes.", "Ask for one range of them.")))
        answer.headers["Content-Range"] = f"bytes */{error.length}"
        return answer
    # Werkzeug's own descriptions repeat what was sent.
    return _typed(InvalidRequest(f"The request cannot be understood: {error.name.lower()}."))


def _broken(error: Exception) -> Any:
    if told := trouble(error):
        return _typed(told)
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return _typed(InternalError("Something broke in the gateway.", f"Its log tells more under {number}."))
