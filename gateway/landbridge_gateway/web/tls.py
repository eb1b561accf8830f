"""TLS on the listening socket: hands are shaken where a request's head is read, so that nobody waits for a slow one."""

from __future__ import annotations

import ssl
from typing import Any

from cheroot.ssl import Adapter


class Tls(Adapter):
    def __init__(self, certificate: str, key: str) -> None:
        super().__init__(certificate, key)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate, key)

    def bind(self, sock: Any) -> Any:
        return sock

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        """Cheroot's own shakes hands here, on the one thread that accepts connections."""
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        raise NotImplementedError("connections make their own files")
