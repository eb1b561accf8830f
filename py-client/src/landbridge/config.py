"""Where the gateway is and which token it gets: argument, environment, ``landbridge.toml``, this machine's own."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from landbridge.errors import InvalidField

DEFAULT_URL = "http://127.0.0.1:8750"
_FILE = "landbridge.toml"
Place = Mapping[str, str | None]


@dataclass(frozen=True)
class Address:
    url: str
    token: str | None
    ca: str | None = None


def find(
    url: str | None = None,
    token: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    ca: str | None = None,
) -> Address:
    """The address by the contract's order. A place that names another address never gives its token or certificates.

    Raises :class:`InvalidField` for a ``landbridge.toml`` that is no TOML, and for certificates that are no file.
    """
    named = {key: environment.get(f"LANDBRIDGE_{key.upper()}") for key in ("url", "token", "ca")}
    home = Path(environment.get("LANDBRIDGE_HOME") or Path.home() / ".landbridge")
    places = ({"url": url, "token": token, "ca": ca}, named, _toml(folder or Path.cwd()), _local(home))
    chosen = _plain(_first(places, "url")) or DEFAULT_URL
    ours = [place for place in places if not place.get("url") or _plain(place["url"]) == chosen]
    trusted = _first(ours, "ca")
    if trusted and not Path(trusted).is_file():
        raise InvalidField(f"There is no file of certificates at `{trusted}`.", "Name one, such as LANDBRIDGE_CA.")
    return Address(chosen, _first(ours, "token"), trusted)


def _first(places: Iterable[Place], key: str) -> str | None:
    return next((value for place in places if (value := place.get(key))), None)


def _plain(url: str | None) -> str | None:
    return url.rstrip("/") if url else None


def _local(home: Path) -> Place:
    """What a gateway of this machine tells of itself, and its token."""
    told = _told(home)
    return {"url": told["url"], "token": _text(home / "token"), "ca": told.get("certificate")} if "url" in told else {}


def _toml(folder: Path) -> dict[str, str]:
    for place in (folder, *folder.parents):
        path = place / _FILE
        if path.is_file():
            try:
                content = tomllib.loads(path.read_text())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise InvalidField(f"{path} is not TOML: {error}.", 'Write url = "..." and token = "...".') from None
            return {key: value for key, value in content.items() if isinstance(value, str)}
    return {}


def _told(home: Path) -> dict[str, str]:
    """What a gateway of this machine tells of itself."""
    try:
        found = json.loads((home / "gateway.json").read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
