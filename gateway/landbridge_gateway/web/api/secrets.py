"""Secrets: store, list, remove. A value goes in and never comes out."""

from __future__ import annotations

import re

from flask import Blueprint

from landbridge_gateway.errors import InvalidField, UnknownSecret
from landbridge_gateway.model import SECRET_BYTES, SECRET_NAME, Json
from landbridge_gateway.web.access import READ, WRITE, access, owner
from landbridge_gateway.web.body import json_body, known_query
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_secrets", __name__)
_NAME = re.compile(SECRET_NAME)
_MOST_BODY = 8 * SECRET_BYTES[1]  # with every character escaped


@blueprint.get("/secrets")
@access(READ)
def listing() -> Json:
    """Your secrets: names and times, never a value."""
    known_query()
    return {"secrets": services().secrets.list(owner())}


@blueprint.get("/secrets/<name>")
@access(READ)
def look(name: str) -> Json:
    """One secret of yours, without its value."""
    known_query()
    return {"secret": services().secrets.get(owner(), _known(name))}


@blueprint.put("/secrets/<name>")
@access(WRITE)
def put(name: str) -> tuple[Json, int]:
    """Store a secret, in place of an earlier one of its name."""
    if not _NAME.fullmatch(name):
        raise InvalidField(
            f"`{name[:80]}` cannot be the name of a secret.",
            "It is a lower-case letter and up to 63 of a-z, 0-9 and _.",
            field="name",
        )
    here = services()
    body = json_body(_MOST_BODY)
    # Not held against the schema by the usual way alone: its sentences may show what was given.
    if not here.schemas.fits("secret", body):
        raise InvalidField("The body is `value` alone, which is text.", "See docs/protocol.md.", field="value")
    row, fresh = here.secrets.put(owner(), name, _checked(body["value"]))
    return {"secret": row}, 201 if fresh else 200


@blueprint.delete("/secrets/<name>")
@access(WRITE)
def remove(name: str) -> Json:
    """Remove a secret; jobs that have begun keep what they were given."""
    return {"secret": services().secrets.remove(owner(), _known(name))}


def _known(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnknownSecret(name[:80])
    return name


def _checked(value: str) -> str:
    least, most = SECRET_BYTES
    if not least <= len(value.encode()) <= most or "\0" in value:
        raise InvalidField(
            f"The value of a secret is text of {least} to {most} bytes, without NUL.",
            "A shorter one could not be hidden in logs.",
            field="value",
        )
    return value
