"""Who may do what. Every view names its policy; a view without one is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from landbridge_gateway.errors import Forbidden, InvalidRequest, Unauthorized
from landbridge_gateway.settings import LOOPBACK
from landbridge_gateway.web.services import services

COOKIE = "landbridge_session"
PUBLIC, READ, WRITE = "public", "read", "write"

View = TypeVar("View", bound=Callable[..., Any])


def access(policy: str) -> Callable[[View], View]:
    """Say who may call a view: ``public``, or whoever is signed in and ``read``s or ``write``s."""

    def mark(view: View) -> View:
        view.access_policy = policy  # type: ignore[attr-defined]
        return view

    return mark


def policy_of(view: Callable[..., Any]) -> str | None:
    return getattr(view, "access_policy", None)


def owner() -> str:
    """The id of the token that makes this request."""
    return str(g.owner)


def guard(app: Flask) -> None:
    """Check every request before its view, in the order: host, policy, identity, origin."""
    app.before_request(_check)


def _check() -> None:
    _check_host()
    if request.endpoint is None:
        return  # answered as not found, which tells a stranger nothing
    policy = policy_of(current_app.view_functions[request.endpoint])
    if policy == PUBLIC:
        return
    if policy not in (READ, WRITE):
        raise Forbidden("This address is closed.")
    token = _bearer()
    found = services().tokens.find(token) if token is not None else _session()
    if found is None:
        raise _refusal(token)
    if token is None and request.method not in ("GET", "HEAD"):
        check_origin()
    g.owner = found["id"]


def _check_host() -> None:
    # A page of another site that was made to resolve to this address (DNS rebinding) names its own host.
    try:
        name = urlsplit(f"//{request.host}").hostname
    except ValueError:
        name = None
    if name not in LOOPBACK | {services().settings.host}:
        raise InvalidRequest("The request names another host.", "Use the address that the gateway printed.")


def _bearer() -> str | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _session() -> Any:
    secret = request.cookies.get(COOKIE)
    return services().tokens.session(secret) if secret else None


def _refusal(token: str | None) -> Unauthorized:
    place = services().home.token_file
    if token is None:
        return Unauthorized(
            "A token is needed.", f"On this machine it is found by itself, in {place}; elsewhere set LANDBRIDGE_TOKEN."
        )
    return Unauthorized("The token is not one of this gateway's.", f"The right one stands in {place}.")


def check_origin() -> None:
    """Refuse a change that a page of another site sends with this browser's cookie."""
    origin = request.headers.get("Origin")
    if origin is None or urlsplit(origin).netloc != request.host:
        raise Forbidden("A page of another site cannot change anything here.")
