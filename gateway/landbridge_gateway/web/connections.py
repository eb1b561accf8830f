"""Cheroot's connections, taught to leave a thread while their request waits."""

from __future__ import annotations

from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from landbridge_gateway.web.waiting import HOLD, Held


class Gateway(wsgi.Gateway_10):
    """Runs the app; an app that holds its request has sent nothing, and is asked again later."""

    def respond(self) -> None:
        self.env[HOLD] = self._hold
        self._send(self.req.server.wsgi_app)

    def _hold(self, held: Held) -> None:
        self.req.hold(self, held)

    def resume(self, answer: Any) -> None:
        """Send the answer of a request that was held."""
        self.started_response = False
        self._send(answer)

    def _send(self, app: Any) -> None:
        response = app(self.env, self.start_response)
        try:
            if self.req.gateway is self:
                self.req.keep()
            else:
                for chunk in filter(None, response):
                    self.write(chunk)
        finally:
            self.req.ensure_headers_sent()
            if hasattr(response, "close"):
                response.close()


class Request(HTTPRequest):
    """A request that may be responded to a second time."""

    gateway: Gateway | None = None
    closes = False

    def hold(self, gateway: Gateway, held: Held) -> None:
        """Send nothing now, and let the server put the connection into the waiting room."""
        self.gateway, self.conn.held = gateway, held
        self.closes = self.close_connection

    def keep(self) -> None:
        """Send nothing, and do not close the connection."""
        self.sent_headers, self.close_connection = True, False

    def parse_request(self) -> None:
        if self.gateway is None:
            super().parse_request()

    def respond(self) -> None:
        if self.gateway is None:
            super().respond()
            return
        answer = self.conn.held.answer()
        if answer is None:
            self.keep()
            return
        self.conn.let_go()
        self.sent_headers, self.close_connection, self.outheaders = False, self.closes, []
        gateway, self.gateway = self.gateway, None
        gateway.resume(answer)


class Connection(HTTPConnection):
    """``held`` is what its request waits for; None while it does not wait."""

    held: Held | None = None
    _request: Request | None = None

    def RequestHandlerClass(self, server: Any, connection: Any) -> Request:
        """The request that waited, or a new one."""
        if self.held is None or self._request is None:
            self._request = Request(server, connection)
        return self._request

    def let_go(self) -> None:
        """It waits no longer."""
        held, self.held = self.held, None
        if held:
            held.leave()

    def close(self) -> None:
        self.let_go()
        super().close()
