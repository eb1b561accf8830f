"""Where the gateway is and which token it gets: argument, environment, ``landbridge.toml``, this machine's own."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landbridge.errors import InvalidField

DEFAULT_URL = "http://127.0.0.1:8750"
_FILE = "landbridge.toml"


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
    """The address by the contract's order. The local gateway's token goes to the local gateway only.

    Raises :class:`InvalidField` for a ``landbridge.toml`` that is no TOML, and for certificates that are no file.
    """
    file = _toml(folder or Path.cwd())
    home = Path(environment.get("LANDBRIDGE_HOME") or Path.home() / ".landbridge")
    told = _told(home)
    local = _address(told)
    chosen = (url or environment.get("LANDBRIDGE_URL") or file.get("url") or local or DEFAULT_URL).rstrip("/")
    known = token or environment.get("LANDBRIDGE_TOKEN") or file.get("token")
    # A folder's landbridge.toml may come from anybody: it must not draw the local token to another place.
    if not known and local and chosen == local:
        known = _text(home / "token")
    trusted = ca or environment.get("LANDBRIDGE_CA") or file.get("ca")
    if not trusted and local and chosen == local:
        trusted = told.get("certificate")
    if trusted and not Path(trusted).is_file():
        raise InvalidField(f"There is no file of certificates at `{trusted}`.", "Name one, such as LANDBRIDGE_CA.")
    return Address(chosen, known or None, trusted or None)


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


def _address(told: dict[str, str]) -> str | None:
    found = told.get("url")
    return found.rstrip("/") if found else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
