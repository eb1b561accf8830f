"""A real gateway for tests: `landbridge serve` as a child process, with a home of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests import processes
from tests.patience import LONG, PATIENCE, NeverCame, ended, joined, until

COMMAND = [sys.executable, "-m", "landbridge_gateway.cli"]
_LAST_LINES = 40


class Serving:
    """Started by ``with``; ended by SIGTERM, whatever happened in between."""

    def __init__(self, home: Path, engine: str = "docker", command: Sequence[str] = COMMAND, **environ: str) -> None:
        self.home, self.engine, self.command = home, engine, command
        self.environ = os.environ | {"LANDBRIDGE_HOME": str(home), "PYTHONUNBUFFERED": "1"} | environ
        self.url, self.port = "", 0
        self.said: list[str] = []

    def start(self) -> Serving:
        self.process = subprocess.Popen(
            [*self.command, "serve", "--port", str(self.port), "--engine", self.engine],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # Read on whoever asks: a pipe that is full would stop what serves.
        self._reading = threading.Thread(target=_read_on, args=(self.process, self._lines), daemon=True)
        self._reading.start()
        try:
            while not (line := self.next_line()).startswith("ready "):
                continue
        except BaseException:
            self._end_all()
            raise
        self.url = line.removeprefix("ready ")
        return self

    def next_line(self) -> str:
        """The next thing it says; none, or an end before that, is an error that shows all it said."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise NeverCame("the next line of `serve`", PATIENCE, self.story()) from None
        if line is None:
            self._lines.put(None)
            raise AssertionError(f"serve ended with {ended(self.process, '`serve`')}: {self.story()}")
        self.said.append(line)
        return line

    def _hear(self) -> None:
        """All that it has said by now."""
        with suppress(queue.Empty):
            while (line := self._lines.get_nowait()) is not None:
                self.said.append(line)
            self._lines.put(None)

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted((self.home / "logs").glob("*.log")))

    def story(self) -> str:
        """What it said and logged last, for the message of an error."""
        self._hear()
        return "\n".join(["", *self.said[-_LAST_LINES:], *self.logs().splitlines()[-_LAST_LINES:]])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.tell(number)
        try:
            code = ended(self.process, "`serve`")
        except NeverCame as problem:
            self._end_all()
            raise AssertionError(f"{problem}, having been told to by {number.name}: {self.story()}") from None
        self._hear_the_rest()
        return code

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _end_all(self) -> None:
        """Of a start that failed, or an end that did."""
        for pid in processes.children(self.process.pid):
            processes.kill(pid)
        self.process.kill()
        ended(self.process, "`serve`, which was killed,")
        self._hear_the_rest()

    def _hear_the_rest(self) -> None:
        joined(self._reading, "what `serve` says")
        self._hear()

    def __enter__(self) -> Serving:
        return self.start()

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            remove_containers(self.home)

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def sign_in(self) -> str:
        return next(line for line in self.said if line.startswith("sign in ")).removeprefix("sign in ")

    def child(self, name: str) -> int:
        """The process id of one half, which may be about to be started again."""
        return until(lambda: self._child(name), f"a {name} below process {self.process.pid}", instead=self.story)

    def _child(self, name: str) -> int | None:
        code = self.process.poll()
        assert code is None, f"serve ended with {code}: {self.story()}"
        below = processes.children(self.process.pid)
        return next((pid for pid in below if f"{name}-process" in processes.command_line(pid)), None)

    def kill(self, name: str) -> int:
        """Kill one half, which is gone when this returns; what its process id was."""
        return until(lambda: self._killed(name), f"a {name} to be killed", instead=self.story)

    def _killed(self, name: str) -> int | None:
        pid = self.child(name)
        return pid if processes.kill(pid, lambda: self._child(name) == pid) else None

    def call(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
        """One API call with the token; the parsed answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            return json.load(answer)

    def containers(self) -> list[str]:
        """The names of this gateway's containers, running or not."""
        return containers_of(self.home)


def _read_on(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as said:
        for line in said:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def containers_of(home: Path, *filters: str) -> list[str]:
    """Their names; ``filters`` are those of ``docker ps``, such as ``status=running``."""
    identity = home / "id"
    if not identity.exists():
        return []
    wanted = [f"label=landbridge.gateway={identity.read_text().strip()}", *filters]
    command = ["docker", "ps", "-a", "--format", "{{.Names}}", *(f"--filter={one}" for one in wanted)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return listed.stdout.split()


def remove_containers(home: Path) -> None:
    for name in containers_of(home):
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False, timeout=PATIENCE)
