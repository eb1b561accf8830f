"""Where the gateway may listen, and by which names it may be called: this machine alone, unless somebody says more."""

from __future__ import annotations

import os
import socket

from landbridge_gateway.errors import InvalidField
from landbridge_gateway.settings import LOOPBACK, Settings

_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})


def check_exposure(settings: Settings) -> None:
    """Refuse to listen beyond this machine unless the way there is closed, or somebody said that it need not be."""
    _check_certificate(settings)
    if settings.host in LOOPBACK:
        return
    if not settings.certificate and not settings.plain_http:
        raise InvalidField(
            f"Without TLS the gateway does not listen on `{settings.host}`: others could read all that goes there.",
            "Set LANDBRIDGE_CERTIFICATE and LANDBRIDGE_CERTIFICATE_KEY, reach it through a tunnel (ssh -L "
            "8750:127.0.0.1:8750 machine), or say --plain-http where the network itself is trusted.",
            field="host",
        )
    if settings.engine == "process":
        raise InvalidField(
            f"The engine `process` isolates nothing, so the gateway does not listen on `{settings.host}` with it.",
            "Use the engine docker, or the host 127.0.0.1.",
            field="engine",
        )
    if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        raise InvalidField(
            f"FLASK_DEBUG is set, and the gateway does not listen on `{settings.host}` with it.",
            "Unset it, or use the host 127.0.0.1.",
            field="host",
        )


def _check_certificate(settings: Settings) -> None:
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise InvalidField(
            "A certificate needs its key, and a key its certificate.",
            "Set both LANDBRIDGE_CERTIFICATE and LANDBRIDGE_CERTIFICATE_KEY.",
            field="certificate",
        )
    for name in ("certificate", "certificate_key"):
        path = settings.values[name]
        if path and not os.access(path, os.R_OK):
            raise InvalidField(f"The file `{path}` cannot be read.", f"Mend the setting `{name}`.", field=name)


def names_of(settings: Settings) -> frozenset[str]:
    """The host names that a request may give: any other is that of somebody who makes it point here."""
    given = {name.strip().lower() for name in settings.names.split(",") if name.strip()}
    if settings.host in LOOPBACK:
        return LOOPBACK | given
    here = {socket.gethostname().lower(), socket.getfqdn().lower()} if settings.host in _EVERYWHERE else {settings.host}
    return (LOOPBACK | given | here) - _EVERYWHERE


def address(settings: Settings, port: int) -> str:
    """The address that people and clients on this machine are told."""
    named = next((name.strip() for name in settings.names.split(",") if name.strip()), None)
    host = named or ("127.0.0.1" if settings.host in _EVERYWHERE else settings.host)
    scheme = "https" if settings.certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
