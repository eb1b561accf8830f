"""Cheroot's connections, taught to leave a thread while their request waits."""

from __future__ import annotations

import io
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest
from werkzeug.wsgi import FileWrapper

from landbridge_gateway.depot.objects import CHUNK
from landbridge_gateway.failpoints import reach
from landbridge_gateway.web.chunks import Chunks
from landbridge_gateway.web.headers import AS_SENT, hardened
from landbridge_gateway.web.reading import HEAD_SECONDS, Headers, Reader, is_slow
from landbridge_gateway.web.waiting import HOLD, Held

# Milliseconds: who was answered asks again after some of them, for the end of what was submitted, or for the next call.
_AT_ONCE = 20
_SOON = 10  # times as long for whoever may have a thread that nobody else needs
_SPARE_THREADS = 4
_FAREWELL = 1.0  # seconds for what a client still sends when it was answered already
_MOST_LEFT = 64 * 1024  # bytes of a body that nobody wanted, read so that the connection may go on
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Gateway(wsgi.Gateway_10):
    """Runs the app; an app that holds its request has sent nothing, and is asked again later."""

    def get_environ(self) -> Any:
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        if self.req.chunked_read:
            environ["wsgi.input"] = io.BufferedReader(Chunks(self.req.conn.rfile))
        return environ

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """As cheroot's, which makes each header into bytes anew."""
        own = [header for header in headers if header not in AS_SENT]
        write = super().start_response(status, own, exc_info)
        self.req.outheaders += [AS_SENT[header] for header in headers if header in AS_SENT]
        return write

    def respond(self) -> None:
        self.env[HOLD] = self._hold
        self._send(self.req.server.wsgi_app)

    def _hold(self, held: Held) -> None:
        self.req.hold(self, held)

    def resume(self, answer: Any) -> None:
        """Send the answer of a request that was held."""
        self.started_response = False
        self._send(hardened(answer))

    def _send(self, app: Any) -> None:
        response = app(self.env, self.start_response)
        try:
            if self.req.gateway is self:
                self.req.keep()
            elif isinstance(response, WholeFile):
                self._send_file(response)
            else:
                for chunk in filter(None, response):
                    self.write(chunk)
        finally:
            self.req.ensure_headers_sent()
            if hasattr(response, "close"):
                response.close()

    def _send_file(self, whole: WholeFile) -> None:
        """From the disk's cache to the socket by the system itself: no byte passes through the interpreter."""
        self.req.ensure_headers_sent()
        self.req.conn.wfile.flush()
        self.req.conn.socket.sendfile(whole.file)


class WholeFile(FileWrapper):
    """A file that is sent as it is; what is sent in part is read in blocks. ``after`` is called when it is sent."""

    def __init__(self, file: BinaryIO, _: int = 0, after: Callable[[], object] | None = None) -> None:
        super().__init__(file, CHUNK)
        self._after = after

    def close(self) -> None:
        super().close()
        if self._after:
            self._after()


class Keeping:
    """Stands in for a writer while headers are made."""

    def __init__(self, writer: Writer) -> None:
        self.write = writer.keep


class Request(HTTPRequest):
    """A request that may be responded to a second time."""

    gateway: Gateway | None = None
    closes = leaves_body = False
    header_reader = Headers()

    def hold(self, gateway: Gateway, held: Held) -> None:
        """Send nothing now, and let the server put the connection into the waiting room."""
        self.gateway, self.conn.held = gateway, held
        self.closes = self.close_connection

    def keep(self) -> None:
        """Send nothing, and do not close the connection."""
        self.sent_headers, self.close_connection = True, False

    def send_headers(self) -> None:
        self._leave_body()
        wfile = self.conn.wfile
        self.conn.wfile = Keeping(wfile)
        try:
            super().send_headers()
        finally:
            self.conn.wfile = wfile

    def _leave_body(self) -> None:
        """Close the connection where much of a body was not read: cheroot would read all of it into memory first.

        Who was refused is not listened to for longer either, however little is left: it may be slow on purpose.
        """
        most = 0 if int(self.status[:3]) >= 400 else _MOST_LEFT
        if getattr(self.rfile, "remaining", 0) > most or self.chunked_read:
            self.close_connection = self.leaves_body = True

    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        old = self.response_protocol == "HTTP/1.0"
        if old if b"Transfer-Encoding" in self.inheaders else not old and b"Host" not in self.inheaders:
            self.simple_response("400 Bad Request", "The request breaks the rules of its version of HTTP.")
            return False
        return True

    def simple_response(self, status: str, msg: str = "") -> None:
        """The answer to what could not be read as a request; the connection ends with it."""
        if status.startswith("413"):
            status = "431 Request Header Fields Too Large"
        super().simple_response(status, msg)
        self._let_finish()

    def parse_request(self) -> None:
        if self.gateway is None:
            super().parse_request()

    def respond(self) -> None:
        if self.gateway is None:
            self.conn.rfile.allow_body()
            super().respond()
        else:
            self._respond_again()
        self.conn.wfile.flush()
        reach("after the answer")
        if self.leaves_body:
            self._let_finish()

    def _let_finish(self) -> None:
        """Who still sends would not see the answer if the connection were reset: let them, but not for long."""
        with suppress(OSError):
            self.conn.wfile.flush()
            self.conn.socket.shutdown(socket.SHUT_WR)
        self.conn.rfile.discard(_FAREWELL)

    def _respond_again(self) -> None:
        assert self.gateway is not None
        answer = self.conn.held.answer()
        if answer is None:
            self.keep()
            return
        self.conn.let_go()
        self.sent_headers, self.close_connection, self.outheaders = False, self.closes, []
        gateway, self.gateway = self.gateway, None
        gateway.resume(answer)
        self.conn.wfile.flush()
        reach("client told")


class Writer:
    """What the client is sent. Headers wait for the first bytes of the body, so that a short answer is one packet."""

    bytes_written = 0

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self._kept = b""

    def keep(self, data: bytes) -> None:
        self._kept += data

    def write(self, data: bytes) -> int:
        kept, self._kept = self._kept, b""
        self._connected.sendall(kept + data if kept else data)
        return len(data)

    def flush(self) -> None:
        if self._kept:
            self.write(b"")


class Connection(HTTPConnection):
    """``held`` is what its request waits for; None while it does not wait."""

    held: Held | None = None
    _request: Request | None = None
    _since: float | None = None  # when the first byte came of a request whose head is not whole yet

    def __init__(self, server: Any, connected: socket.socket, makefile: Any = None) -> None:  # noqa: ARG002
        super().__init__(server, connected, lambda sock, mode, _: (Reader if "r" in mode else Writer)(sock))

    def RequestHandlerClass(self, server: Any, connection: Any) -> Request:
        """The request that waited, or a new one."""
        if self.held is None or self._request is None:
            self._request = Request(server, connection)
        return self._request

    def communicate(self) -> bool:
        """Answer a request, and the next as well if it comes at once: who calls again and again keeps a thread."""
        while self.held is not None or self._head_is_here():
            self._since = None
            self.rfile.allow(HEAD_SECONDS)
            if not super().communicate():  # type: ignore[no-untyped-call]
                return False
            if self.held is not None or not self._more_comes():
                return True
        return self._may_go_on()

    def _head_is_here(self) -> bool:
        return bool(self.rfile.has_data() or self.rfile.ended)

    def _may_go_on(self) -> bool:
        """Wait for the rest of a head without a thread, as long as it does not take too long."""
        if is_slow(self._since):
            with suppress(OSError):
                self.socket.sendall(_SLOW)
            return False
        self._since = time.monotonic() if self._since is None else self._since
        return True

    def has_gone(self) -> bool:
        """Has the client closed its end, while it waits?"""
        return bool(not self.rfile.has_data() and self.rfile.ended)

    def _more_comes(self) -> bool:
        if self.rfile.has_data():
            return True
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return any(poll.poll(_AT_ONCE) for times in range(_SOON) if self._may_wait(times))

    def _may_wait(self, times: int) -> bool:
        """Is there a thread to wait for the next request with, which has not come so far?"""
        threads = self.server.requests
        wanted = _SPARE_THREADS if times == 0 else threads.min // 2
        return not self.server.stopping and bool(threads.idle >= wanted)

    def let_go(self) -> None:
        """It waits no longer."""
        held, self.held = self.held, None
        if held:
            held.leave()

    def close(self) -> None:
        self.let_go()
        super().close()
