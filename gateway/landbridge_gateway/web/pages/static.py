"""Our own style sheet and script. Nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_file

from landbridge_gateway.errors import NotFound
from landbridge_gateway.web.access import PUBLIC, access

blueprint = Blueprint("static", __name__)
_FOLDER = Path(__file__).parent.parent / "static"
_TYPES = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


@blueprint.get("/static/<name>")
@access(PUBLIC)
def file(name: str) -> Response:
    if name not in _TYPES:
        raise NotFound("There is nothing at this address.")
    return send_file(_FOLDER / name, mimetype=_TYPES[name], conditional=True, max_age=0)
