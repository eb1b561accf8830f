"""The gateway process: the app behind cheroot, on a socket that outlives it."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from cheroot import wsgi

from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import GatewayError
from landbridge_gateway.lifeline import Lifeline
from landbridge_gateway.scheduler.loop import ENGINE
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.tokens import OWNER
from landbridge_gateway.warden.link import WardenLink
from landbridge_gateway.warden.near import NearCalls
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.connections import Connection, Gateway
from landbridge_gateway.web.reading import LONGEST_HEAD
from landbridge_gateway.web.services import Services
from landbridge_gateway.web.tls import Tls
from landbridge_gateway.web.waiting import WaitingRoom

log = logging.getLogger(__name__)
_LONGEST_START = 60.0
_LAST_ANSWERS = 5.0  # seconds for the answers that are on their way when the gateway stops
_BACKLOG = 512
# A thread that comes back from the disk or a socket waits at most so long for one that computes; 5 ms is Python's own.
_TURN = 0.0005
# New objects between two looks for garbage in circles, of which there is little: what a batch of events is read into is
# gone before it would be looked through, and Python's own 700 has it looked through several times.
_GARBAGE = (10_000, 20, 20)
_M_ARENA_MAX = -8  # of malloc.h
_ATTENDING = 4  # one thread of so many may wait for the end of a call that was submitted
_SPARE_FILES = 512  # beside connections: the database's readers, files that are read and written


class _Server(wsgi.Server):
    """Listens on a socket made by the supervisor, so that a restart refuses nobody."""

    ConnectionClass = Connection
    _connections: Any

    def __init__(self, inherited: socket.socket, app: Any, threads: int, connections: int, tls: Tls | None) -> None:
        self._inherited = inherited
        super().__init__(
            inherited.getsockname()[:2], app, numthreads=threads, server_name="landbridge", request_queue_size=_BACKLOG
        )
        self.gateway = Gateway
        self.ssl_adapter = tls
        self.waiting_room = WaitingRoom(self.process_conn)
        self.stopping = False
        # Beyond these many idle ones, a connection is closed after its answer.
        self.keep_alive_conn_limit = connections
        self.version = "landbridge"
        self.max_request_header_size = LONGEST_HEAD
        # Uploads may pause; a connection that says nothing for longer is closed.
        self.timeout = 60
        self.shutdown_timeout = 2

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: ARG002
        # Headers and body are two writes: without this the second waits 40 ms for the first one's acknowledgement.
        self._inherited.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self._inherited
        return self._inherited

    @property
    def can_add_keepalive_connection(self) -> bool:
        return not self.stopping and bool(super().can_add_keepalive_connection)

    def process_conn(self, conn: Connection) -> None:
        if conn.last_used is None:
            # A new one: it takes a thread when it says something, not before.
            self._connections.put(conn)
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Connection) -> None:
        if conn.held is None:
            super().put_conn(conn)
        elif not self.waiting_room.enter(conn, conn.held):
            # The server stops, and no other thread may come to take the connection up again.
            conn.communicate()
            conn.close()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg.replace("\n", " "), exc_info=traceback)


def run_gateway(settings: Settings, descriptor: int) -> None:
    """Serve until SIGTERM. ``descriptor`` is the listening socket."""
    sys.setswitchinterval(_TURN)
    _share_memory()
    lifeline = Lifeline()
    try:
        services = Services.open(settings, Schemas(packaged_folder("containers") / "schema"))
    except GatewayError as problem:
        log.error("%s %s", problem.message, problem.hint)
        lifeline.say(problem=problem.message, hint=problem.hint)
        sys.exit(os.EX_UNAVAILABLE)
    connections = settings.waiting + settings.threads
    _allow_files(2 * connections + _SPARE_FILES)
    tls = Tls(settings.certificate, settings.certificate_key) if settings.certificate else None
    server = _Server(socket.socket(fileno=descriptor), create_app(services), settings.threads, connections, tls)
    link = WardenLink(services.home.socket, services.scheduler.post, services.settings.lease)
    near = NearCalls.opened(services.layout, services.scheduler.post, max(1, settings.threads // _ATTENDING))
    services.scheduler.start(link, near)
    services.settling.go_on()
    services.collector.catch_up()
    link.start()

    # From another thread: stopping waits for the loop that the handler interrupts, which may hold a lock as well.
    stopper = threading.Thread(target=_stop, args=(server, services), name="stop")

    def stop(*_: object) -> None:
        if not server.stopping:
            server.stopping = True
            stopper.start()

    # Stopping has an effect only on a prepared server, so nobody is told of it before.
    server.prepare()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor passes its own on
    lifeline.hold()
    # What was loaded stays: else every full look for garbage goes through all of it again, with everybody waiting.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    threading.Thread(target=_say_ready, args=(services, lifeline), daemon=True).start()
    try:
        server.serve()
    finally:
        if server.stopping:
            stopper.join(_LAST_ANSWERS)  # what they are made from is not closed before
        link.close()
        services.close()
        if near:
            near.close()


def _stop(server: _Server, services: Services) -> None:
    # Waiting requests go home first, or the server would wait for them.
    services.hub.close()
    server.waiting_room.close()
    server.stop()


def _share_memory() -> None:
    """Let all threads take their memory from one place, before there are any.

    glibc has an arena for each of several threads, each of which keeps what it once needed: after seventy thousand
    points of sweeps the gateway held 127 MB with them and 112 to 115 without. Threads that compute take turns anyway.
    """
    with suppress(AttributeError, OSError):  # other systems have no such thing
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _allow_files(wanted: int) -> None:
    """Raise the soft limit of open files to what so many connections need, as far as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _say_ready(services: Services, lifeline: Lifeline) -> None:
    """Ready means that a submission would be taken: the socket listens, and the engine said what it offers."""
    services.hub.wait_for(lambda: services.scheduler.engine, _LONGEST_START, [ENGINE])
    lifeline.say(ready=True, link="/signin?code=" + services.tokens.new_link(OWNER))
