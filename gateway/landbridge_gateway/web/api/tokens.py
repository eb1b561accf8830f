"""Tokens: made, listed and taken back by admins."""

from __future__ import annotations

import logging

from flask import Blueprint

from landbridge_gateway.errors import Conflict
from landbridge_gateway.model import Json, Role
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.tokens import OWNER
from landbridge_gateway.web.access import ADMIN, access, owner
from landbridge_gateway.web.body import json_body
from landbridge_gateway.web.services import services

log = logging.getLogger(__name__)
blueprint = Blueprint("api_tokens", __name__)

_MOST_BODY = 4096


@blueprint.get("/tokens")
@access(ADMIN)
def listing() -> Json:
    """All tokens by name, also those that are no longer valid; their secrets are not known here."""
    return {"tokens": [_told(row) for row in services().tokens.all()]}


@blueprint.post("/tokens")
@access(ADMIN)
def add() -> tuple[Json, int]:
    """Make a token; its secret is told this once."""
    here, body = services(), json_body(_MOST_BODY)
    here.schemas.check("token", body)
    _check_not_owner(body["name"])
    row, secret = here.tokens.add(body["name"], Role(body["role"]), body.get("seconds"))
    log.info("the token %s (%s) was made by %s", row["name"], row["role"], owner())
    return {"token": _told(row), "secret": secret}, 201


@blueprint.delete("/tokens/<name>")
@access(ADMIN)
def revoke(name: str) -> Json:
    """Take a token back: requests that wait by it end at once, browsers that it signed in are signed out."""
    _check_not_owner(name)
    row = services().tokens.revoke(name)
    log.info("the token %s was taken back by %s", row["name"], owner())
    return {"token": _told(row)}


def _check_not_owner(name: str) -> None:
    if name == OWNER:
        raise Conflict(
            f"The token `{OWNER}` is that of the gateway's home.",
            "To replace it, remove the file `token` there and start the gateway again.",
        )


def _told(row: Row) -> Json:
    over = bool(row["revoked"]) or bool(row["expires"] and row["expires"] <= timestamp())
    return row | {"valid": not over}
