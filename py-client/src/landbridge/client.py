"""The way to one gateway: requests with the token, bounded answers, typed errors, retries that change nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from landbridge import config, transfers
from landbridge.connections import LOOPBACK, PAUSES, Answer, Broken, Connections, NobodyListens, Unusable
from landbridge.digests import digest_of
from landbridge.errors import (
    BadAnswer,
    DigestMismatch,
    Forbidden,
    GatewayError,
    GatewayUnreachable,
    LandbridgeError,
    Overloaded,
    ProtocolMismatch,
    TooManyRequests,
    by_code,
)
from landbridge.events import Events
from landbridge.kinds import Json
from landbridge.objects import Crossing
from landbridge.shared_files import SharedFiles, room_in_the_depot

T = TypeVar("T")

PROTOCOL = "1"
_MOST_JSON = 64 * 1024**2
_PATIENCE = 30.0  # seconds to wait in all for a gateway that is full
_jitter = random.SystemRandom()  # the user's own random numbers stay as they are
_OBJECT = re.compile(r"obj_[0-9a-z]{16}")


class Client:
    """One gateway and one token; safe to use from several threads.

    ``ca`` is a file of the certificates that are trusted, in place of this machine's. ``pause`` (called between
    tries with seconds) is for tests.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca: str | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self.pause = pause
        self._http = Connections(self.url, ca)
        # A client that was replaced lives as long as its handles do, and then leaves no connection behind.
        weakref.finalize(self, self._http.close)
        self._files: Path | None = None
        self._fetched: dict[str, Path] = {}
        self._promised: dict[str, str | None] = {}
        self._sealed: set[str] = set()
        self._shared: SharedFiles | None = None
        self._asked = False
        self._reached = False
        self._fetching = threading.Lock()
        self.events = Events(self)
        # By session, and under None for all that are of none, the handle of the last job that was submitted.
        self.last: dict[str | None, Any] = {}

    def close(self) -> None:
        """Close the connections and remove the files that results were read from."""
        self._http.close()
        if self._files:
            shutil.rmtree(self._files, ignore_errors=True)
        self._files = None
        self._fetched.clear()

    def get(self, path: str, patience: float = 0, **query: Any) -> Json:
        """The JSON object at ``path`` below ``/api/v1``; ``patience`` is added to the seconds it may take."""
        return self._json(self._send("GET", path, patience=patience, query=query)[1])

    def post(self, path: str, body: Json | None = None, key: str | None = None, **query: Any) -> Json:
        """Send JSON. Where a repeat would be a second one, an idempotency ``key`` makes it the same."""
        headers = {"Idempotency-Key": key} if key else {}
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._json(self._send("POST", path, content=content, headers=headers, query=query, repeat=True)[1])

    def read(self, path: str, patience: float = 0, **query: Any) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of an answer that is not JSON."""
        return self._send("GET", path, patience=patience, query=query)

    def ask(self, method: str, path: str, **fields: Any) -> Json:
        """The JSON answer to a request that does no harm when it is repeated."""
        return self._json(self._send(method, path, repeat=True, **fields)[1])

    def upload(self, path: Path, extension: str) -> str:
        """Store a file as an object; its id."""
        return transfers.upload(self, path, extension)

    def shared(self) -> SharedFiles | None:
        """The gateway's own files, where this client sees them; asked once."""
        if not self._asked:
            self._asked = True
            self._shared = None
            if urlsplit(self.url).hostname in LOOPBACK:
                # Whatever is wrong with the gateway is told by the request that needs it.
                with suppress(LandbridgeError):
                    self.describe()
        return self._shared

    def describe(self) -> Json:
        """What the gateway says of itself."""
        told = self.get("")
        self._asked = True
        self._shared = SharedFiles.find(told) if urlsplit(self.url).hostname in LOOPBACK else None
        return told

    def hand_over(self, path: Path, extension: str) -> str | None:
        """Make a file that was written into the gateway's intake an object; None when it is another machine's."""
        query = {"format": transfers.FORMATS[extension], "name": f"upload.{extension}", "intake": path.name}
        for _ in range(2):
            shared = self.shared()
            if shared is None or shared.intake != path.parent:
                return None
            try:
                _, data = self._send("POST", "/objects", query=query, headers={"Landbridge-Nonce": shared.nonce})
            except Forbidden:
                self._asked = False  # a gateway that was started anew has a nonce of its own
                continue
            return str(self._json(data)["object"]["id"])
        self._shared = None
        return None

    def download(self, reference: str, sealed: bool = False) -> Path:
        """The local copy of an object, fetched once and checked against its digest, which ``sealed`` insists on.

        On the gateway's own machine it is the object's file itself.
        """
        shared = None if sealed else self.shared()
        found = shared.object_file(reference) if shared and _OBJECT.fullmatch(reference) else None
        if found is not None and os.access(found, os.R_OK):
            return found
        with self._fetching:
            if reference not in self._fetched:
                self._fetch(reference, sealed)
            if sealed and reference not in self._sealed:
                self._seal(reference)
            return self._fetched[reference]

    def _fetch(self, reference: str, sealed: bool) -> None:
        target = self._folder() / reference
        with target.open("wb") as file:
            download = transfers.Download(self, reference, file, sealed)
            download.run()
        target.chmod(0o444)
        self._fetched[reference], self._promised[reference] = target, download.promised

    def _seal(self, reference: str) -> None:
        promised = self._promised[reference]
        if promised is None:
            raise DigestMismatch(
                "The gateway sent no digest with the object: its bytes cannot be checked before they are loaded.",
                "Use a newer gateway, or ask for the result without trust.",
            )
        if digest_of(self._fetched[reference]) != promised:
            raise DigestMismatch(
                "The bytes that arrived do not have the digest of the object.", "Fetch the result again."
            )
        self._sealed.add(reference)

    def _folder(self) -> Path:
        if self._files is None:
            self._files = Path(tempfile.mkdtemp(prefix="landbridge-"))
            weakref.finalize(self, shutil.rmtree, self._files, ignore_errors=True)
        return self._files

    @contextmanager
    def opened(self, method: str, path: str, **fields: Any) -> Iterator[Answer]:
        """The answer to one try of a request, its head read and checked and its body not."""
        fields["headers"] = self.headers() | fields.get("headers", {})
        content = fields.pop("content", None)
        body = content() if callable(content) else content
        answer = self._http.send(method, f"{self.url}/api/v1{path}", content=body, **fields)
        try:
            self._reached = True
            self._check(answer)
            yield answer
        finally:
            answer.close()

    def document(self, answer: Answer) -> Json:
        """The JSON object of an answer."""
        return self._json(self._bounded(answer))

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        known = {"Landbridge-Protocol": PROTOCOL}
        return known | {"Authorization": f"Bearer {self._token}"} if self._token else known

    def _send(self, method: str, path: str, repeat: bool = False, **fields: Any) -> tuple[Mapping[str, str], bytes]:
        def once() -> tuple[Mapping[str, str], bytes]:
            with self.opened(method, path, **dict(fields)) as answer:
                return answer.headers, self._bounded(answer)

        return self.again(once, repeat or method == "GET")

    def again(self, once: Callable[[], T], repeat: bool) -> T:
        """Try a request that may be repeated a few times when the connection breaks or the gateway is overloaded.

        One that a full gateway refused has changed nothing, and is tried again when the gateway says so. A gateway that
        never answered is not there; one that did is being started again.
        """
        waited = 0.0

        def patiently() -> T:
            nonlocal waited
            while True:
                try:
                    return once()
                except TooManyRequests as refused:
                    # Not all at once: those that were refused together come back apart.
                    pause = max(refused.retry_after or 1.0, 0.1) * _jitter.uniform(1.0, 1.5)
                    waited += pause
                    if waited > _PATIENCE:
                        raise
                    self.pause(pause)

        for pause in (*PAUSES, None):
            try:
                return patiently()
            except (Broken, Overloaded) as problem:
                absent = isinstance(problem, NobodyListens) and not self._reached
                if repeat and not absent and pause is not None:
                    self.pause(pause)
                    continue
                if isinstance(problem, Overloaded):
                    raise
                raise GatewayUnreachable(self.url, str(problem)) from problem
            except Unusable as problem:
                raise GatewayUnreachable(self.url, str(problem)) from problem
        raise GatewayUnreachable(self.url)

    def _bounded(self, answer: Answer) -> bytes:
        parts, size = [], 0
        for part in answer.blocks():
            size += len(part)
            if size > _MOST_JSON:
                raise BadAnswer(f"The gateway at {self.url} answered more than {_MOST_JSON // 1024**2} MiB.")
            parts.append(part)
        return b"".join(parts)

    def _check(self, answer: Answer) -> None:
        version = answer.headers.get("Landbridge-Protocol")
        if 300 <= answer.status < 400:
            raise BadAnswer(
                f"{self.url} redirects to another place, which a gateway never does.", "Check LANDBRIDGE_URL."
            )
        if version is None:
            raise BadAnswer(f"{self.url} answers, but it is no Landbridge gateway.", "Check LANDBRIDGE_URL.")
        if version != PROTOCOL:
            raise ProtocolMismatch(
                f"The gateway at {self.url} speaks protocol {version[:20]}, this client {PROTOCOL}.",
                "Install a client and a gateway of the same version.",
            )
        if not 200 <= answer.status < 300:
            raise self._error(answer)

    def _error(self, answer: Answer) -> LandbridgeError:
        document = self._json(self._bounded(answer)).get("error")
        if not isinstance(document, dict) or not isinstance(document.get("code"), str):
            return BadAnswer(f"The gateway at {self.url} answered {answer.status} without saying why.")
        kind = by_code(document["code"])
        error = kind(str(document.get("message") or document["code"]), document.get("hint"))
        if kind is GatewayError:
            error.code = document["code"]
        if isinstance(error, GatewayError):
            error.retry_after = _seconds(answer.headers.get("Retry-After"))
        detail = document.get("detail")
        error.detail = detail if isinstance(detail, dict) else {}
        return error

    def _json(self, data: bytes) -> Json:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise BadAnswer(f"The gateway at {self.url} answered something that is no JSON object.")
        return document


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text or ""))
    except ValueError:
        return None


class UploadSink:
    """The client's sink: every file becomes an object of the gateway. ``written`` counts the bytes."""

    def __init__(self, client: Client, crossing: Crossing | None = None) -> None:
        self._client = client
        self.written = 0
        self.crossing = crossing

    def put(self, extension: str, write: Callable[[Path], object]) -> str:
        shared = self._client.shared()
        if shared is None:
            return self._sent(extension, write)
        path = shared.new_file()
        try:
            with room_in_the_depot():
                write(path)
            self.written += path.stat().st_size
            reference = self._client.hand_over(path, extension)
            return self._client.upload(path, extension) if reference is None else reference
        finally:
            path.unlink(missing_ok=True)

    def _sent(self, extension: str, write: Callable[[Path], object]) -> str:
        with tempfile.TemporaryDirectory(prefix="landbridge-") as folder:
            path = Path(folder) / f"object.{extension}"
            write(path)
            self.written += path.stat().st_size
            return self._client.upload(path, extension)


class DownloadSource:
    """The client's source: objects fetched once."""

    wanted: str | None = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def path(self, reference: str) -> Path:
        return self._client.download(reference)

    def checked(self, reference: str) -> Path:
        """The same; :class:`DigestMismatch` for bytes that came without a digest."""
        return self._client.download(reference, sealed=True)


_chosen: list[Client] = []
_found: dict[config.Address, Client] = {}


def connect(url: str | None = None, token: str | None = None, ca: str | None = None) -> Client:
    """Use this gateway from now on; without arguments, the one that is found by itself.

    ``ca`` is a file of certificates: a gateway at ``https`` must have one that they vouch for.

    Asks the gateway once, so a wrong address or token is told here: :class:`GatewayUnreachable`, ``Unauthorized``.
    """
    address = config.find(url, token, ca=ca)
    client = Client(address.url, address.token, ca=address.ca)
    client.describe()
    _chosen[:] = [client]
    return client


def current() -> Client:
    """The client that was connected, else one for the gateway that is found now: it may have moved since."""
    if _chosen:
        return _chosen[0]
    address = config.find()
    if address not in _found:
        _found[address] = Client(address.url, address.token, ca=address.ca)
    return _found[address]
