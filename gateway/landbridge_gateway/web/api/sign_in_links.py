"""A link that signs one browser in, for whoever holds a token."""

from __future__ import annotations

from flask import Blueprint, request

from landbridge_gateway.model import Json
from landbridge_gateway.web.access import READ, access, owner
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_sign_in_links", __name__)


@blueprint.post("/sign-in-links")
@access(READ)
def make() -> tuple[Json, int]:
    """Make a link that signs one browser in, once."""
    return {"url": f"{request.host_url}signin?code={services().tokens.new_link(owner())}"}, 201
