"""The process engine: the same workers as plain child processes, for development. Nothing is isolated."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.engines.interface import EngineError, Order, PrepareFailed
from landbridge_gateway.engines.leftovers import MARK, end_leftovers
from landbridge_gateway.engines.pipes import Pipes
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Exit, Json, RuntimeState

_SHARED_MEMORY = Path("/dev/shm")
_R_PROBE = (
    'cat(paste0("r:", R.version$major, ".", sub("[.].*", "", R.version$minor)),'
    ' system.file("worker.sh", package = "landbridge"))'
)


class ProcessEngine:
    """Offers the Python that runs the gateway and the R on the path, if each has the client package."""

    name = "process"
    near = True
    warms = False  # its worker would know the slot's folder by a path that the job does not have

    def __init__(self, gateway_id: str, layout: Layout) -> None:
        self._gateway_id, self._root = gateway_id, layout.root / "tmp"
        # Jobs are children of the warden. What outlived one that was killed has nobody to tell how it ends.
        end_leftovers(gateway_id)
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock = threading.Lock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._exits: queue.Queue[tuple[str, Exit] | None] = queue.Queue()
        self._ended: dict[str, Exit] = {}
        self._pipes = Pipes()
        self._commands = _python_command() | _r_command()

    def runtimes(self) -> list[RuntimeState]:
        return [RuntimeState(name, name.partition(":")[0], True, "ready") for name in self._commands]

    def prepare(self, runtime: str, progress: Callable[[str], None], wanted: Json | None = None) -> str:
        if wanted:
            raise PrepareFailed(
                "This gateway runs jobs as plain processes, which have the packages of this machine and no others.",
                "Leave `packages` out and install them here, or use a gateway that runs containers.",
                [],
            )
        if runtime not in self._commands:
            raise PrepareFailed(f"There is no {runtime} here.", "Install the language and its Landbridge client.", [])
        progress(f"{runtime} is there")
        return "process"

    def there(self, runtime: str) -> bool:  # noqa: ARG002
        return True

    def abandon(self, runtime: str) -> None:
        """Nothing is built."""

    def built(self, runtime: str) -> None:
        """Nothing is built."""

    def image(self, runtime: str) -> str | None:
        return "process" if runtime in self._commands else None

    def refresh(self, runtime: str) -> None:
        """There is no image."""

    def start(self, order: Order) -> str:
        command = self._commands.get(order.runtime)
        if command is None:
            raise EngineError(f"There is no {order.runtime} here.", "Install the language and its Landbridge client.")
        # What a container's own /tmp would be: gone with the job, even when that was killed.
        temporary = self._root / order.attempt
        temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        reach("image resolved")
        try:
            reach("create sent")
            child = subprocess.Popen(
                [*command, str(order.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment() | {"TMPDIR": str(temporary), MARK: self._gateway_id},
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"The worker of {order.runtime} cannot be started: {error.strerror}.", "") from error
        reach("created")
        with self._lock:
            self._children[order.attempt] = child
        reach("created and noted")
        threading.Thread(target=self._reap, args=(order.attempt, child), daemon=True).start()
        reach("start sent")
        return self.prepare(order.runtime, lambda _: None)

    def _reap(self, attempt: str, child: subprocess.Popen[bytes]) -> None:
        code = child.wait()
        # A job's own children go with it, as they would with its container.
        _kill_group(child.pid, signal.SIGKILL)
        ended = Exit(code if code >= 0 else 128 - code)
        with self._lock:
            self._ended[attempt] = ended
        self._exits.put((attempt, ended))

    def watch(self, ended: Callable[[str, Exit], None], paused: Callable[[str], None]) -> None:  # noqa: ARG002
        while (item := self._exits.get()) is not None:
            ended(*item)

    def found(self) -> dict[str, Exit | None]:
        with self._lock:
            return {attempt: self._ended.get(attempt) for attempt in self._children}

    def usage(self, attempt: str) -> None:
        """Nothing is counted of a plain process."""

    def tell(self, attempt: str, pipe: Path, line: str) -> None:
        self._pipes.tell(attempt, pipe, line)

    def give(self, attempt: str, pipe: Path, line: str) -> None:
        self._pipes.give(attempt, pipe, line)

    def forget(self, attempt: str) -> None:
        self._pipes.forget(attempt)

    def interrupt(self, attempt: str) -> None:
        with self._lock:
            child = self._children.get(attempt)
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)

    def resume(self, attempt: str) -> None:
        with self._lock:
            child = self._children.get(attempt)
        if child is not None and child.poll() is None:
            _kill_group(child.pid, signal.SIGCONT)

    def stop(self, attempt: str, grace: int) -> None:
        with self._lock:
            child = self._children.get(attempt)
        if child is None or child.poll() is not None:
            return
        _kill_group(child.pid, signal.SIGTERM)
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            _kill_group(child.pid, signal.SIGKILL)

    def remove(self, attempt: str) -> None:
        self._pipes.forget(attempt)
        self.stop(attempt, 0)
        with self._lock:
            self._children.pop(attempt, None)
            self._ended.pop(attempt, None)
        shutil.rmtree(self._root / attempt, ignore_errors=True)
        # Where a worker keeps its job's secrets: a container's own is gone with it, and this is the machine's.
        shutil.rmtree(_SHARED_MEMORY / f"landbridge-{attempt}", ignore_errors=True)

    def close(self) -> None:
        # Unlike containers, children of this process cannot be found again by a later one.
        for attempt in list(self._children):
            self.stop(attempt, 0)
        self._pipes.close()
        self._exits.put(None)


def _kill_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "R_LIBS", "R_LIBS_USER", "LANDBRIDGE_PYTHON", "RETICULATE_PYTHON", "PYTHONPATH")
    # R without arrow reads tables through a Python with pyarrow: this one has it if it has the client.
    given = {"LANG": "C.UTF-8", "TZ": "UTC", "LANDBRIDGE_BRIDGE_PYTHON": sys.executable}
    return given | {name: os.environ[name] for name in kept if name in os.environ}


def _python_command() -> dict[str, list[str]]:
    name = f"python:{sys.version_info.major}.{sys.version_info.minor}"
    probe = subprocess.run(
        [sys.executable, "-c", "import importlib.util as u; raise SystemExit(u.find_spec('landbridge') is None)"],
        check=False,
    )
    return {name: [sys.executable, "-m", "landbridge.worker"]} if probe.returncode == 0 else {}


def _r_command() -> dict[str, list[str]]:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {}
    probe = subprocess.run([rscript, "--vanilla", "-e", _R_PROBE], capture_output=True, text=True, check=False)
    name, _, worker = probe.stdout.strip().partition(" ")
    return {name: ["sh", worker]} if probe.returncode == 0 and worker else {}
