"""A real gateway for tests: `landbridge serve` as a child process, with a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "landbridge_gateway.cli"]
LONG = 600  # seconds that nothing takes, however busy the machine is with other tests


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
        while True:
            line = self.next_line()
            if line.startswith("ready "):
                self.url = line.removeprefix("ready ")
                return self

    def next_line(self) -> str:
        """The next thing it says; an end before that is an error that shows all it said."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"serve ended with {self.process.wait()}: {self.said} {self.logs()}")
        self.said.append(line.rstrip("\n"))
        return self.said[-1]

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted((self.home / "logs").glob("*.log")))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=LONG)
        self.said += rest.splitlines()
        return self.process.returncode

    def __enter__(self) -> Serving:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        remove_containers(self.home)

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def sign_in(self) -> str:
        return next(line for line in self.said if line.startswith("sign in ")).removeprefix("sign in ")

    def child(self, name: str) -> int:
        """The process id of one half."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", f"{name}-process"], capture_output=True, text=True, check=True
        )
        return int(found.stdout)

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


def containers_of(home: Path, *filters: str) -> list[str]:
    """Their names; ``filters`` are those of ``docker ps``, such as ``status=running``."""
    identity = home / "id"
    if not identity.exists():
        return []
    wanted = [f"label=landbridge.gateway={identity.read_text().strip()}", *filters]
    command = ["docker", "ps", "-a", "--format", "{{.Names}}", *(f"--filter={one}" for one in wanted)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return listed.stdout.split()


def remove_containers(home: Path) -> None:
    for name in containers_of(home):
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
