"""What this gateway is and offers."""

from __future__ import annotations

from flask import Blueprint

from landbridge_gateway import __version__
from landbridge_gateway.model import LIMIT_RANGES, PROTOCOL, Json, Limits
from landbridge_gateway.web.access import READ, access
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_root", __name__)


@blueprint.get("")
@access(READ)
def describe() -> Json:
    """Versions, engine, runtimes and limits of this gateway."""
    here = services()
    return {
        "version": __version__,
        "protocol": PROTOCOL,
        "engine": here.scheduler.engine,
        "runtimes": [runtime.as_json() for runtime in here.scheduler.runtimes],
        "limits": {
            "defaults": Limits().as_json(),
            "maxima": {name: most for name, (_, most) in LIMIT_RANGES.items()},
        },
        "depot": {"intake": str(here.layout.intake), "objects": str(here.layout.objects)},
        "pool": here.scheduler.pool,
        "load": {"waiting": here.hub.waiting, "most_waiting": here.hub.places},
    }
