"""Where a test waits for a process of the gateway, or for a job, to come to a step."""

from __future__ import annotations

import os
import select
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.faults.armed import WIDTH
from tests.patience import PATIENCE, NeverCame

_TIMEOUT = 10.0


@dataclass
class Met:
    """Somebody stands at a step, until it is let go."""

    who: str
    pid: int
    end: socket.socket

    def let_go(self) -> None:
        self.end.close()

    def kill(self) -> bool:
        """Was it there to be killed? It is gone now."""
        return processes.kill(self.pid, self._stands)

    def _stands(self) -> bool:
        try:
            return self.end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True  # it says nothing, and has not gone
        except OSError:
            return False


class Meeting:
    """Whoever comes to the wanted step first is met; those who come after it pass."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._wanted = folder / "wanted"
        self._wanted.write_bytes(b"".ljust(WIDTH))
        self._lock = threading.Lock()
        self._met: Met | None = None
        self._open = False
        self._there = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "meet"))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def want(self, step: str) -> None:
        with self._lock:
            self._met, self._open = None, True
            self._there.clear()
        self._write(step)

    def _write(self, step: str) -> None:
        descriptor = os.open(self._wanted, os.O_WRONLY)
        os.pwrite(descriptor, step.encode().ljust(WIDTH), 0)
        os.close(descriptor)

    def _accept(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:
                return
            try:
                end.settimeout(_TIMEOUT)
                who, pid, _ = end.recv(256).decode().split(" ", 2)
                end.setblocking(False)
            except (OSError, ValueError):
                end.close()  # it was killed on its way
                continue
            with self._lock:
                if not self._open:
                    end.close()
                    continue
                self._write("")
                self._met, self._open = Met(who, int(pid), end), False
            self._there.set()

    def met(self) -> Met:
        if not self._there.wait(PATIENCE):
            step = self._wanted.read_text().strip()
            self.close_step()
            raise NeverCame(f"somebody at `{step}`", PATIENCE)
        with self._lock:
            met, self._met = self._met, None
        assert met is not None
        return met

    def close_step(self) -> None:
        """Nobody is wanted any more."""
        with self._lock:
            self._open = False
            self._write("")
            if self._met:
                self._met.let_go()  # it came when nobody waited any more

    def close(self) -> None:
        self.close_step()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class JobMeeting:
    """The same for the code of a job, in either language: two named pipes, which both can open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("reached", "go"):
            os.mkfifo(f"{path}.{name}", 0o666)
        self._reached = os.open(f"{path}.reached", os.O_RDONLY | os.O_NONBLOCK)

    def met(self) -> None:
        poll = select.poll()
        poll.register(self._reached, select.POLLIN)
        if not poll.poll(int(PATIENCE * 1000)):
            raise NeverCame("a job at its own step", PATIENCE)

    def let_go(self) -> None:
        # Opened for both, so that it does not wait for a job that was killed.
        descriptor = os.open(f"{self.path}.go", os.O_RDWR | os.O_NONBLOCK)
        os.write(descriptor, b"go\n")
        # It must stay open until the job has read it.
        self._go = descriptor

    def close(self) -> None:
        os.close(self._reached)
        if hasattr(self, "_go"):
            os.close(self._go)
