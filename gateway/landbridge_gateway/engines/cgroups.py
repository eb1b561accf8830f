"""What the kernel counted of a container, read from its cgroup: version 1 and 2.

The peak must be read while the cgroup is there. It goes within milliseconds of the container's first process, before
the engine tells of the end, so that process is watched: its end is seen at once, and the last count is read before
the engine has tidied up. What the engine itself offers is too coarse (a sample each second), and a worker that was
killed can tell nothing. A reading each quarter of a second stands in where that race was lost.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path

from landbridge_gateway.model import Usage

ROOT = Path("/sys/fs/cgroup")
_ROUND = 0.25  # seconds
_START = 0.01  # seconds between two looks for the process of a container that is being started
_UNLIMITED = 2**60  # version 1 says "no limit" by a very large number
_MOST = 4096  # bytes of such a file
_PEAK, _LIMIT, _KILLS, _REFUSED = "peak", "limit", "kills", "refused"
_FIRST_VERSION = ("memory.max_usage_in_bytes", "memory.limit_in_bytes", "memory.oom_control")
_SECOND_VERSION = ("memory.peak", "memory.max", "memory.events")


class Cgroup:
    """One container's files, which are kept open: so a reading takes microseconds, and waits for no other process.

    A count that cannot be read is unknown.
    """

    def __init__(self, memory: Path, pids: Path, unified: bool) -> None:
        peak, limit, kills = _SECOND_VERSION if unified else _FIRST_VERSION
        paths = {_PEAK: memory / peak, _LIMIT: memory / limit, _KILLS: memory / kills, _REFUSED: pids / "pids.events"}
        self._files = {name: opened for name, path in paths.items() if (opened := _opened(path)) is not None}
        self._processes = memory / "cgroup.procs"

    @classmethod
    def find(cls, container: str, root: Path = ROOT) -> Cgroup | None:
        """That of a Docker container, by its id; None where this machine does not show it."""
        unified = (root / "cgroup.controllers").exists()
        for name in (f"docker/{container}", f"system.slice/docker-{container}.scope"):
            memory = root / name if unified else root / "memory" / name
            if memory.is_dir():
                return cls(memory, memory if unified else root / "pids" / name, unified)
        return None

    def usage(self) -> Usage | None:
        """None once the cgroup is gone."""
        kills = self._field(_KILLS, "oom_kill")
        if kills is None:
            return None
        return Usage(self._number(_LIMIT), self._number(_PEAK), kills, self._field(_REFUSED, "max") or 0)

    def first_process(self) -> int | None:
        """The one that the others end with."""
        with suppress(OSError, ValueError, IndexError):
            return int(self._processes.read_text().split()[0]) or None
        return None

    def close(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])

    def _text(self, name: str) -> str:
        with suppress(OSError):  # the cgroup is gone
            return os.pread(self._files[name], _MOST, 0).decode() if name in self._files else ""
        return ""

    def _number(self, name: str) -> int | None:
        with suppress(ValueError):
            value = int(self._text(name))
            return value if value < _UNLIMITED else None
        return None

    def _field(self, name: str, wanted: str) -> int | None:
        for line in self._text(name).splitlines():
            field, _, value = line.partition(" ")
            if field == wanted and value.isdigit():
                return int(value)
        return None


def _opened(path: Path) -> int | None:
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


class UsageWatch:
    """One thread for all containers; what was read last of each is kept until it is forgotten."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._groups: dict[str, Cgroup] = {}
        self._expected: dict[str, str] = {}  # containers that are being started, by name
        self._next = 0.0  # when all are read again
        self._last: dict[str, Usage] = {}
        self._processes: dict[int, str] = {}  # descriptors of first processes
        self._poll = select.epoll()
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._woken, select.EPOLLIN)
        threading.Thread(target=self._run, name="usage-watch", daemon=True).start()

    def expect(self, name: str, container: str) -> None:
        """Watch a container as soon as it has a process: it may be gone before the engine says that it started."""
        with self._lock:
            self._expected[name] = container
        os.write(self._wake, b".")

    def add(self, name: str, container: str) -> None:
        """Watch a container that runs."""
        with self._lock:
            self._expected.pop(name, None)
            group = None if name in self._groups else Cgroup.find(container, self._root)
            if group is None:
                return
            self._groups[name] = group
            process = group.first_process()
            if process is not None:
                with suppress(OSError):  # it has ended already
                    descriptor = os.pidfd_open(process)
                    self._processes[descriptor] = name
                    self._poll.register(descriptor, select.EPOLLIN)
        self.usage(name)
        os.write(self._wake, b".")

    def usage(self, name: str) -> Usage | None:
        """What is counted now, or was when it was last there."""
        with self._lock:
            group = self._groups.get(name)
            found = group.usage() if group else None
            if found:
                self._last[name] = found
            return found or self._last.get(name)

    def forget(self, name: str) -> None:
        with self._lock:
            self._expected.pop(name, None)
            group = self._groups.pop(name, None)
            if group:
                group.close()
            self._last.pop(name, None)
            for descriptor in [one for one, whose in self._processes.items() if whose == name]:
                self._close(descriptor)

    def _run(self) -> None:
        # Ahead of other work, where that is allowed: the race is won or lost within milliseconds.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -10)
        while True:
            for descriptor, _ in self._poll.poll(self._pause()):
                if descriptor == self._woken:
                    with suppress(BlockingIOError):
                        os.read(self._woken, 4096)
                    continue
                name = self._processes.get(descriptor)
                if name is not None:
                    self.usage(name)
                with self._lock:
                    self._close(descriptor)
            for name, container in list(self._expected.items()):
                self._add_started(name, container)
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _ROUND
                for name in list(self._groups):
                    self.usage(name)

    def _pause(self) -> float | None:
        if self._expected:
            return _START
        return _ROUND if self._groups else None

    def _add_started(self, name: str, container: str) -> None:
        group = Cgroup.find(container, self._root)
        if group is None:
            return
        process = group.first_process()
        group.close()
        if process is not None:
            self.add(name, container)

    def _close(self, descriptor: int) -> None:
        if self._processes.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
            os.close(descriptor)
