"""Who may do what. Every view names its policy; a view without one is refused, and so is an app that has one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, current_app, g, request
from flask.globals import request_ctx

from landbridge_gateway.errors import Forbidden, InvalidRequest, Unauthorized
from landbridge_gateway.model import Role
from landbridge_gateway.web.attempts import is_here
from landbridge_gateway.web.services import services

COOKIE = "landbridge_session"
PUBLIC, READ, WRITE, ADMIN = "public", "read", "write", "admin"
_ROLES = {READ: frozenset(Role), WRITE: frozenset({Role.MEMBER, Role.ADMIN}), ADMIN: frozenset({Role.ADMIN})}
_SAFE = ("GET", "HEAD")
_OWN_HEADER = "Landbridge-Protocol"
_LONGEST = 200  # of a token, of a cookie
_TOKEN = re.compile(r"lb_[A-Za-z0-9_-]{43}")
_TOKEN_FIELDS = frozenset({"token", "access_token", "api_key", "authorization", "bearer"})

Found = TypeVar("Found")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Caller:
    """Who makes a request: the name of the token, which is the owner of whatever it makes."""

    name: str
    role: Role
    expires: str | None = None

    @property
    def sees(self) -> str | None:
        """Whose jobs and objects there are for this caller: a member's own; for the others (None) everybody's."""
        return self.name if self.role is Role.MEMBER else None


def access(policy: str) -> Callable[[View], View]:
    """Say who may call a view: ``public`` anybody, ``read`` every role, ``write`` members and admins, ``admin``."""

    def mark(view: View) -> View:
        view.access_policy = policy  # type: ignore[attr-defined]
        return view

    return mark


def policy_of(view: Callable[..., Any]) -> str | None:
    return getattr(view, "access_policy", None)


def caller() -> Caller:
    """Who makes this request."""
    found: Caller = g.caller
    return found


def owner() -> str:
    """The owner of what this request makes."""
    return caller().name


def sees() -> str | None:
    """The owner whose jobs and objects there are for this request; None for everybody's."""
    return caller().sees


def guard(app: Flask) -> None:
    """Check every request before its view, in the order: host, origin, address, policy, identity, role."""
    app.before_request(_check)


def check_policies(app: Flask) -> None:
    """Refuse to serve a route that nobody gave a policy."""
    for rule in app.url_map.iter_rules():
        if policy_of(app.view_functions[rule.endpoint]) not in (PUBLIC, *_ROLES):
            raise RuntimeError(f"The route {rule.rule} has no policy: say with @access who may call it.")


def _check() -> None:
    asked = request_ctx.request  # itself, as whatever is asked of Flask's `request` looks for it first
    _check_host(asked)
    if asked.method not in _SAFE and asked.headers.get("Origin") is not None:
        check_origin()
    _check_query(asked)
    if asked.endpoint is None:
        return  # answered as not found, which tells a stranger nothing
    policy = policy_of(current_app.view_functions[asked.endpoint])
    if policy == PUBLIC:
        return
    if policy not in _ROLES:
        raise Forbidden("This address is closed.")
    g.caller = who = _identified(asked)
    if who.role not in _ROLES[policy]:
        raise _not_for(who, policy)


def _check_host(asked: Request) -> None:
    # A page of another site that was made to resolve to this address (DNS rebinding) names its own host.
    if _name_in(asked.host) not in services().names:
        raise Forbidden("The request names another host.", "Use the address that the gateway printed.")


@lru_cache(64)
def _name_in(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def check_origin() -> None:
    """Refuse a change that a page of another site sends."""
    origin = request.headers.get("Origin")
    if origin is None or urlsplit(origin)[:2] != (request.scheme, request.host):
        raise Forbidden("A page of another site cannot change anything here.")


def _check_query(asked: Request) -> None:
    # Addresses are kept: in histories, in the logs of proxies.
    for name, value in asked.args.items(multi=True):
        if name.lower() in _TOKEN_FIELDS or _TOKEN.fullmatch(value):
            raise InvalidRequest(
                "A token never stands in an address.", "Send it as `Authorization: Bearer`, and make another one."
            )


def _identified(asked: Request) -> Caller:
    token = _bearer(asked)
    secret = asked.cookies.get(COOKIE) if token is None else token
    if not secret:
        raise _unauthorized(token)
    tokens = services().tokens
    found = tried(lambda: (tokens.session if token is None else tokens.find)(secret[:_LONGEST]))
    if found is None:
        raise _unauthorized(token)
    if token is None and asked.method not in _SAFE:
        check_origin()
        _check_own_header()
    return Caller(found["name"], Role(found["role"]), found["expires"])


def tried(look: Callable[[], Found | None]) -> Found | None:
    """What is found by a secret that came from outside; those that are wrong are counted."""
    attempts, address = services().attempts, request.remote_addr
    attempts.check(address)
    found = look()
    if found is None:
        attempts.wrong(address)
    return found


def _bearer(asked: Request) -> str | None:
    header = asked.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_own_header() -> None:
    # A form of our own pages cannot send it, and goes to no address of the API.
    if request.path.startswith("/api/") and _OWN_HEADER not in request.headers:
        raise Forbidden(f"With a cookie, a change needs the header {_OWN_HEADER} as well.")


def _unauthorized(token: str | None) -> Unauthorized:
    # Where the gateway keeps its files is nobody's business on other machines.
    place = f", in {services().home.token_file}" if is_here(request.remote_addr) else ""
    if token is None:
        return Unauthorized(
            "A token is needed.",
            f"On the gateway's machine it is found by itself{place}; elsewhere set LANDBRIDGE_TOKEN.",
        )
    return Unauthorized(
        "The token is not one of this gateway's.",
        f"The owner's is on the gateway's machine{place}; an admin makes others with `landbridge token add`.",
    )


def _not_for(who: Caller, policy: str) -> Forbidden:
    if policy == ADMIN:
        return Forbidden(
            f"The token `{who.name}` is of the role {who.role}, and this is for admins.",
            "On the gateway's machine `landbridge token` prints the owner's, which is one.",
        )
    return Forbidden(
        f"The token `{who.name}` is of the role {who.role}, which reads and changes nothing.",
        "Ask an admin of this gateway for a token of the role member.",
    )
