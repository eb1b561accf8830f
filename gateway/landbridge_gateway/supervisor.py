"""`landbridge serve`: starts the two halves, starts again whichever dies, and passes on the word to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from landbridge_gateway.errors import Conflict, GatewayError, StoreGone
from landbridge_gateway.exposure import address, check_exposure
from landbridge_gateway.filesystems import check_filesystem
from landbridge_gateway.home import Home
from landbridge_gateway.lifeline import child_environment, first_word, make_pair, name_log
from landbridge_gateway.logfiles import turn_over
from landbridge_gateway.settings import LOOPBACK, Settings

_BACKLOG = 512
_PATIENCE = 15.0  # seconds a half has to end by itself
_SHORT_LIFE = 10.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_ROUND = 5.0  # seconds between two looks at the home
PROGRAM = [sys.executable, "-m", "landbridge_gateway.cli"]


class NotReady(GatewayError):
    """A half could not start at all; the message is its own."""

    code = "not_ready"


class _Stop(BaseException):
    """Raised by the signal handlers, so that every blocking call is left at once."""


@dataclass
class _Half:
    name: str
    keep: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    line: socket.socket | None = None
    born: float = 0.0
    pause: float = 0.0


class Supervisor:
    """``say`` prints for people; tests read from it too."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say
        self._home = Home(settings.home)
        self._halves: list[_Half] = []
        self._caution: str | None = None
        self._ending = threading.Event()

    def run(self) -> int:
        """Serve until SIGINT or SIGTERM."""
        self._caution = check_filesystem(self._home.path)
        self._home.prepare()
        self._home.check_private()
        with self._home.lock(), _listening(self._settings) as listener:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _stop)
            try:
                self._serve(listener)
            except _Stop:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                self._say("stopping")
            finally:
                self._ending.set()
                self._home.withdraw()
                self._end_all()
        return 0

    def _serve(self, listener: socket.socket) -> NoReturn:
        if self._settings.engine == "process":
            self._say(
                "ATTENTION: --engine process isolates nothing: jobs run as you, with your files and your network."
            )
        if self._settings.host not in LOOPBACK and not self._settings.certificate:
            self._say("ATTENTION: without TLS, whoever is on the network reads the tokens and tables that cross it.")
        if self._caution:
            self._say(f"ATTENTION: {self._caution}")
        os.set_inheritable(listener.fileno(), True)
        self._halves = [_Half("warden"), _Half("gateway", keep=(listener.fileno(),))]
        words = [self._word(half, self._start(half)) for half in self._halves]
        url = address(self._settings, listener.getsockname()[1])
        self._home.announce(url, self._settings.certificate)
        self._say(f"sign in {url}{words[1]['link']}")
        self._say(f"ready {url}")
        threading.Thread(target=self._look_after_home, daemon=True).start()
        while True:
            self._restart(os.wait()[0])

    def _start(self, half: _Half) -> socket.socket:
        if not self._home.logs.exists():
            raise StoreGone(self._home.path)  # all of it: what started now would begin an empty one
        ours, theirs = make_pair()
        with theirs, self._log(half).open("ab") as log:
            half.process = subprocess.Popen(
                [*PROGRAM, f"{half.name}-process", *map(str, half.keep)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self._settings.as_environment() | child_environment(theirs),
                pass_fds=(theirs.fileno(), *half.keep),
            )
        if half.line:
            half.line.close()
        half.line, half.born = ours, time.monotonic()
        return ours

    def _log(self, half: _Half) -> Path:
        return self._home.logs / f"{half.name}.log"

    def _look_after_home(self) -> None:
        """Begin a new log where one has grown long, and cry out once when the database is gone."""
        gone = False
        while not self._ending.wait(_ROUND):
            for half in self._halves:
                with suppress(OSError):
                    if half.line and turn_over(self._log(half)):
                        name_log(half.line, str(self._log(half)))
            if not gone and not self._home.database.exists():
                gone, problem = True, StoreGone(self._home.database)
                self._say(f"ATTENTION: {problem.message} Nothing is taken any more. {problem.hint}")

    def _word(self, half: _Half, line: socket.socket) -> dict[str, Any]:
        """Wait until the half says that it is ready."""
        said = first_word(line)
        if said is None or "problem" in said:
            raise NotReady(
                (said or {}).get("problem") or f"The {half.name} could not start.",
                (said or {}).get("hint") or f"Its log tells why: {self._log(half)}",
            )
        return said

    def _restart(self, pid: int) -> None:
        half = next((half for half in self._halves if half.process and half.process.pid == pid), None)
        if half is None or half.process is None:
            return
        lived = time.monotonic() - half.born
        half.pause = _FIRST_PAUSE if lived > _SHORT_LIFE else min(max(half.pause, _FIRST_PAUSE) * 2, _LONGEST_PAUSE)
        self._say(f"the {half.name} ended and is started again")
        time.sleep(half.pause)
        # Not waited for here: a gateway is ready when its warden is, and that may have ended as well.
        threading.Thread(target=self._tell_return, args=(half, self._start(half)), daemon=True).start()

    def _tell_return(self, half: _Half, line: socket.socket) -> None:
        try:
            self._word(half, line)
            self._say(f"the {half.name} is back")
        except NotReady as problem:
            # It ended again: os.wait tells so, and the next pause is longer.
            self._say(f"{problem.message} {problem.hint}")
        except OSError:
            return  # the line was closed for its successor

    def _end_all(self) -> None:
        # The gateway first: it has the last word on what is stored.
        for half in reversed(self._halves):
            if half.process and half.process.poll() is None:
                half.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    half.process.wait(_PATIENCE)
                half.process.kill()
                half.process.wait()
            if half.line:
                half.line.close()


def _stop(*_: object) -> NoReturn:
    raise _Stop


def _listening(settings: Settings) -> socket.socket:
    check_exposure(settings)
    host, port = settings.host, settings.port
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
    except OSError as error:
        raise Conflict(
            f"Port {port} of {host} cannot be used: {os.strerror(error.errno or 0)}.",
            "Choose another with --port, or --port 0.",
        ) from None
