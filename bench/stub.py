"""A real gateway process whose warden is a stub: jobs end without a container, as many in a second as asked for.

Containers cannot end at 50/s on two cores; what the gateway does for each job it does all the same.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.home import Home
from landbridge_gateway.lifeline import child_environment, first_word, make_pair
from landbridge_gateway.model import Role
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.tokens import Tokens
from landbridge_gateway.warden.wire import Channel, listen

RUNTIME = {"name": "r:4.6", "language": "r", "default": True, "state": "ready", "image": "sha256:stub"}
RESULT = json.dumps({"kind": "scalar", "type": "float", "value": 0.5})


class StubWarden:
    """Says that every job started; :meth:`end` ends the ``count`` that began first, and notes when."""

    def __init__(self, home: Home) -> None:
        self._layout = Layout(home.depot)
        self._listener = listen(home.socket)
        self._channel: Channel | None = None
        self._running: list[str] = []
        self.ended: dict[str, float] = {}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        self._channel = channel = Channel(connection)
        for message in channel.messages():
            if message["verb"] == "hello":
                channel.send({"event": "hello", "engine": "stub", "runtimes": [RUNTIME]})
            elif message["verb"] == "found":
                channel.send({"event": "found", "attempts": {}})
            elif message["verb"] == "start":
                channel.send({"event": "started", "attempt": message["attempt"], "image": "sha256:stub"})
                self._running.append(message["attempt"])

    def end(self, count: int) -> None:
        """End so many jobs at once, as workers do: the result is in its place, then the gateway is told."""
        assert self._channel is not None
        for _ in range(min(count, len(self._running))):
            attempt = self._running.pop(0)
            self._layout.job_folder(attempt).result.write_text(RESULT)
            self.ended[attempt.partition(".")[0]] = time.monotonic()
            self._channel.send({"event": "finished", "attempt": attempt})
            ended = {"code": 0, "oom": False, "started": None}
            self._channel.send({"event": "exited", "attempt": attempt, "exit": ended})

    def close(self) -> None:
        self._listener.close()


class StubbedGateway:
    """The gateway's own process, with tokens for several owners; ``prepare`` is called with its database before."""

    def __init__(
        self, folder: Path, running: int, owners: int, prepare: Callable[[Database], Any], **environ: str
    ) -> None:
        self.home = Home(folder)
        self.home.prepare()
        Layout(self.home.depot).prepare()
        database = Database(self.home.database)
        tokens = Tokens(database)
        tokens.ensure_owner(self.home.token())
        self.tokens = {f"owner{number}": tokens.add(f"owner{number}", Role.MEMBER)[1] for number in range(owners)}
        prepare(database)
        database.close()
        self._environ = {"LANDBRIDGE_RUNNING": str(running)} | environ

    def __enter__(self) -> StubbedGateway:
        self.warden = StubWarden(self.home)
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._line, theirs = make_pair()
        began = time.monotonic()
        with listener, theirs, (self.home.logs / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "landbridge_gateway.cli", "gateway-process", str(listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"LANDBRIDGE_HOME": str(self.home.path)} | self._environ | child_environment(theirs),
                pass_fds=(theirs.fileno(), listener.fileno()),
            )
        if first_word(self._line) is None:
            raise RuntimeError((self.home.logs / "gateway.log").read_text())
        self.ready_after = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._line.close()
        self.warden.close()
