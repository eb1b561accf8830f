"""What the command line asks of the gateway on this machine, over its own API."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.errors import GatewayError, NotFound
from landbridge_gateway.home import Home
from landbridge_gateway.model import Json

_SECONDS = 10
_FOLLOW_SECONDS = 30
_PATIENCE = float(_SECONDS + _FOLLOW_SECONDS)


class GatewayUnreachable(GatewayError):
    code = "gateway_unreachable"


class Refused(GatewayError):
    """What the running gateway answered; its sentence and its way out."""

    code = "refused"


def token_of(home: Path) -> str:
    """The owner's token; it exists from the first start."""
    if not Home(home).token_file.exists():
        raise NotFound(f"No gateway was started with {home} yet.", "Start one with `landbridge serve`.")
    return Home(home).token()


@dataclass(frozen=True)
class LogPart:
    data: bytes
    offset: int
    ended: bool


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _trusting(told: Json) -> ssl.SSLContext:
    """Trusts the very certificate of this machine's gateway, by whatever name it is reached."""
    context = ssl.create_default_context(cafile=told.get("certificate"))
    if told.get("certificate"):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
    return context


class Local:
    """The running gateway of a home."""

    def __init__(self, home: Path) -> None:
        self._token, place = token_of(home), Home(home).address_file
        if not place.exists():
            raise GatewayUnreachable(f"No gateway runs with {home}.", "Start one with `landbridge serve`.")
        told = json.loads(place.read_text())
        self._url = str(told["url"])
        # This machine, so no proxy of the environment is asked; and the token follows no redirect.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirect, urllib.request.HTTPSHandler(context=_trusting(told))
        )

    def call(
        self, method: str, path: str, body: Json | None = None, patience: float | None = _PATIENCE, **query: Any
    ) -> Json:
        """``patience``: seconds until the answer begins; None for as long as it takes."""
        with self._open(method, path, query, body, patience) as answer:
            found: Json = json.load(answer)
        return found

    def sign_in_link(self) -> str:
        return str(self.call("POST", "/sign-in-links")["url"])

    def jobs(self, **query: Any) -> list[Json]:
        return list(self.call("GET", "/jobs", **{name: value for name, value in query.items() if value})["jobs"])

    def log(self, job: str, stream: str, **query: Any) -> LogPart:
        with self._open("GET", f"/jobs/{job}/log", {"stream": stream, **query}) as answer:
            return LogPart(
                answer.read(), int(answer.headers["Landbridge-Offset"]), "Landbridge-Log-End" in answer.headers
            )

    def follow(self, job: str, stream: str, tail: int) -> Iterator[bytes]:
        """The last lines of a log, and then whatever comes until its end."""
        part = self.log(job, stream, tail=tail)
        yield part.data
        while not part.ended:
            part = self.log(job, stream, offset=part.offset, wait=_FOLLOW_SECONDS)
            yield part.data

    def _open(
        self, method: str, path: str, query: Json, body: Json | None = None, patience: float | None = _PATIENCE
    ) -> Any:
        text = urllib.parse.urlencode(query, doseq=True)
        request = urllib.request.Request(
            f"{self._url}/api/v1{urllib.parse.quote(path)}{'?' + text if text else ''}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            return self._opener.open(request, timeout=patience)
        except urllib.error.HTTPError as answer:
            with answer:
                told = json.load(answer)["error"]
            raise Refused(told["message"], told["hint"]) from None
        except OSError as error:
            raise GatewayUnreachable(
                f"No gateway answers at {self._url}.", "Start one with `landbridge serve`, or set LANDBRIDGE_URL."
            ) from error
