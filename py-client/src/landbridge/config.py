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


def find(
    url: str | None = None,
    token: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Address:
    """The address by the contract's order. The local gateway's token goes to the local gateway only.

    Raises :class:`InvalidField` for a ``landbridge.toml`` that is no TOML.
    """
    file = _toml(folder or Path.cwd())
    home = Path(environment.get("LANDBRIDGE_HOME") or Path.home() / ".landbridge")
    local = _local_url(home)
    chosen = (url or environment.get("LANDBRIDGE_URL") or file.get("url") or local or DEFAULT_URL).rstrip("/")
    known = token or environment.get("LANDBRIDGE_TOKEN") or file.get("token")
    # A folder's landbridge.toml may come from anybody: it must not draw the local token to another place.
    if not known and local and chosen == local:
        known = _text(home / "token")
    return Address(chosen, known or None)


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


def _local_url(home: Path) -> str | None:
    try:
        found = json.loads((home / "gateway.json").read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found.rstrip("/") if isinstance(found, str) else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
