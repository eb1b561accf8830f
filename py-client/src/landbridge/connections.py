"""HTTP connections to one gateway: the one file that knows the library."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_BLOCK = 256 * 1024  # of a download: what a processor keeps near
_CONNECT, _READ = 10, 60  # seconds
PAUSES = (0.1, 0.4, 1.6, 5.0)  # seconds between tries: a gateway that died is back within them
_KEPT = 100  # connections that wait for the next request


class Broken(Exception):
    """There is no connection, or it ended before the answer did."""


class NobodyListens(Broken):
    """There is no connection, because nobody takes one at that address."""


class Unusable(Exception):
    """No request can be made of this address or these headers."""


class Answer:
    """A status, headers of any case, and a body that is read once."""

    def __init__(self, raw: urllib3.BaseHTTPResponse) -> None:
        self._raw = raw
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def blocks(self) -> Iterator[bytes]:
        """The body as it comes; :class:`Broken` when it ends too early."""
        try:
            yield from self._raw.stream(_BLOCK, decode_content=False)
        except urllib3.exceptions.HTTPError as problem:
            raise Broken(_said(problem)) from problem

    def close(self) -> None:
        """Leave the connection to the next request, or end it when something of the body is left."""
        if self._raw.closed:
            self._raw.release_conn()
        else:
            self._raw.close()


class Connections:
    """To one address; safe to use from several threads. Nothing is sent twice and no redirect is followed."""

    def __init__(self, url: str, ca: str | None = None) -> None:
        # A proxy for the world outside has no business with this machine's own gateway.
        proxy = None if urlsplit(url).hostname in LOOPBACK else _proxy_for(url)
        options: dict[str, Any] = {"maxsize": _KEPT, "retries": False}
        if urlsplit(url).scheme == "https":
            options["ssl_context"] = _trusting(ca)
        self._pools = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        parts = urlsplit(url)
        self._origin, self._proxied = f"{parts.scheme}://{parts.netloc}", proxy is not None
        self._pool: urllib3.HTTPConnectionPool | None = None

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None = None,
        query: Mapping[str, Any] | None = None,
        patience: float = 0,
    ) -> Answer:
        """The answer to one try, its body not read; ``patience`` is added to the seconds it may take to begin."""
        address = f"{url}?{urlencode(query, doseq=True)}" if query else url
        try:
            raw = self._open(
                method,
                address,
                headers=headers,
                body=content,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT, read=_READ + patience),
            )
        except (urllib3.exceptions.LocationValueError, urllib3.exceptions.URLSchemeUnknown, UnicodeError) as problem:
            raise Unusable(_said(problem)) from problem
        except urllib3.exceptions.NewConnectionError as problem:
            raise NobodyListens(_said(problem)) from problem
        except urllib3.exceptions.HTTPError as problem:
            raise Broken(_said(problem)) from problem
        return Answer(raw)

    def _open(self, method: str, address: str, **more: Any) -> urllib3.BaseHTTPResponse:
        if self._proxied or not address.startswith(f"{self._origin}/"):
            return self._pools.urlopen(method, address, **more)
        # The manager would find out anew for each request which of its pools it is.
        pool = self._pool or self._pools.connection_from_url(self._origin)
        self._pool = pool
        return pool.urlopen(method, address[len(self._origin) :], assert_same_host=False, **more)

    def close(self) -> None:
        self._pool = None
        self._pools.clear()


def _trusting(ca: str | None) -> ssl.SSLContext:
    """Trusts what this machine trusts, or the certificates of a file alone: also one that nobody else vouches for."""
    context = ssl.create_default_context(cafile=ca)
    if ca:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _said(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"
