"""What the command line asks of the gateway on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

from landbridge_gateway.errors import GatewayError, NotFound
from landbridge_gateway.home import Home

_SECONDS = 10


class GatewayUnreachable(GatewayError):
    code = "gateway_unreachable"


def token_of(home: Path) -> str:
    """The owner's token; it exists from the first start."""
    if not Home(home).token_file.exists():
        raise NotFound(f"No gateway was started with {home} yet.", "Start one with `landbridge serve`.")
    return Home(home).token()


def sign_in_link(home: Path) -> str:
    token, place = token_of(home), Home(home).address_file
    url = json.loads(place.read_text())["url"] if place.exists() else None
    if url is None:
        raise GatewayUnreachable(f"No gateway runs with {home}.", "Start one with `landbridge serve`.")
    request = urllib.request.Request(
        f"{url}/api/v1/sign-in-links", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        # Loopback, so no proxy of the environment is asked.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_SECONDS) as answer:
            return str(json.load(answer)["url"])
    except (urllib.error.URLError, OSError) as error:
        raise GatewayUnreachable(
            f"No gateway answers at {url}.", "Start one with `landbridge serve`, or set LANDBRIDGE_URL."
        ) from error
