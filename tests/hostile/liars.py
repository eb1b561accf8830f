"""Servers that are no gateway, or a bad one: each way of answering has a folder of its own below the address."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOB = "job_0000000000000001"
GOOD = {"job": {"id": JOB, "state": "running", "url": "http://x/", "name": "f", "language": "r"}, "cursor": 1}
UNTIL = 1024**3  # an end, for a client that has none


class Liar(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tokens: list[str | None] = []
        self.sent = 0
        self.elsewhere = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what is wanted here."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Liar

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.tokens.append(self.headers.get("Authorization"))
        getattr(self, self.path.split("/")[1], self.html)()

    def reply(self, body: bytes, status: int = 200, protocol: str | None = "1", **headers: str) -> None:
        self.send_response(status)
        if protocol:
            self.send_header("Landbridge-Protocol", protocol)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def html(self) -> None:
        self.reply(b"<html>hello</html>", protocol=None)

    def half(self) -> None:
        self.reply(json.dumps(GOOD).encode()[:30])

    def list(self) -> None:
        self.reply(b"[1]")

    def old(self) -> None:
        self.reply(json.dumps(GOOD).encode(), protocol="0")

    def new(self) -> None:
        self.reply(json.dumps(GOOD).encode(), protocol="2")

    def silent(self) -> None:
        self.reply(b"{}", status=500)

    def moved(self) -> None:
        self.reply(b"", 307, Location=f"{self.server.elsewhere}/taken/api/v1/jobs/{JOB}")

    def nameless(self) -> None:
        self.reply(json.dumps({"job": {"state": "running"}, "cursor": 1}).encode())

    def stranger(self) -> None:
        self.reply(json.dumps(GOOD | {"job": GOOD["job"] | {"id": "job_0000000000000002"}}).encode())

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Landbridge-Protocol", "1")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        block = b" " * 2**20
        while self.server.sent < UNTIL:
            self.wfile.write(b"100000\r\n" + block + b"\r\n")
            self.server.sent += len(block)
