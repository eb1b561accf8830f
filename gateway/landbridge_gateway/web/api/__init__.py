"""The API under /api/v1: the calls of docs/protocol.md."""

from __future__ import annotations

from flask import Flask

from landbridge_gateway.web.api import (
    events,
    jobs,
    keeping,
    objects,
    openapi,
    root,
    secrets,
    sign_in_links,
    sweeps,
    tokens,
    uploads,
)

PREFIX = "/api/v1"


def register(app: Flask) -> None:
    for part in (root, objects, uploads, jobs, sweeps, events, secrets, sign_in_links, tokens, keeping, openapi):
        app.register_blueprint(part.blueprint, url_prefix=PREFIX)
