"""Other ways to have a function run elsewhere, each in an environment of its own and kept warm as people keep it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Contender
from bench.interleaving import Unable

HERE = Path(__file__).parent
WORK = HERE / "work"
PINS = HERE.parent / "peers.txt"
CACHE = Path(os.environ.get("LANDBRIDGE_BENCH_CACHE", HERE.parent.parent / ".cache" / "bench"))
ANSWER = b"= "
FAILED = "! "
SECONDS = 120


@dataclass(frozen=True)
class Peer:
    """``package`` is its distribution on the package index or in R. ``beside`` are the figures it is part of."""

    name: str
    language: str
    package: str
    script: str
    beside: tuple[str, ...]
    heavy: bool = False
    provides: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        return CACHE / self.package

    @property
    def absent(self) -> str:
        """Why it is not there."""
        source = f"Debian's r-cran-{self.package}" if self.language == "r" else "its pin"
        return f"not installed: `python -m bench.peers` could not install {source}, or was not run"

    @property
    def program(self) -> str | None:
        """What runs its script, where the peer is installed."""
        if self.language == "r":
            asked = ["Rscript", "--vanilla", "-e", f'stopifnot(requireNamespace("{self.package}", quietly = TRUE))']
            there = shutil.which("Rscript") and subprocess.run(asked, capture_output=True, check=False).returncode == 0
            return "Rscript" if there else None
        ready = self.environment / ".ready"
        current = ready.exists() and ready.read_text().split() == pins()[self.package]
        return str(self.environment / "bin" / "python") if current else None


def pins() -> dict[str, list[str]]:
    """What is installed for each package of a peer: its own pin, then those of what it needs beside it."""
    lines = [line for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    return {line.split("==")[0].split("[")[0]: line.split() for line in lines}


PEERS = (
    Peer("Dask", "python", "dask", "with_dask.py", ("P1", "P4", "P15")),
    Peer("Ray", "python", "ray", "with_ray.py", ("P1", "P4", "P15"), heavy=True, provides=("log capture",)),
    Peer("submitit", "python", "submitit", "with_submitit.py", ("P1",), provides=("log capture",)),
    Peer("Prefect", "python", "prefect", "with_prefect.py", ("P1",), heavy=True, provides=("log capture", "record")),
    Peer("MLflow Projects", "python", "mlflow", "with_mlflow.py", ("P1",), heavy=True, provides=("record",)),
    Peer("Metaflow", "python", "metaflow", "with_metaflow.py", ("P1",), heavy=True, provides=("log capture", "record")),
    Peer("callr", "r", "callr", "with_callr.R", ("P1",)),
    Peer("callr session", "r", "callr", "with_callr_session.R", ("P15",)),
    Peer("future", "r", "future", "with_future.R", ("P4", "P15")),
    Peer("parallel", "r", "parallel", "with_parallel.R", ("P4", "P15")),
    Peer("mirai", "r", "mirai", "with_mirai.R", ("P4", "P15")),
    Peer("batchtools", "r", "batchtools", "with_batchtools.R", ("P1",), provides=("log capture", "record")),
)


class Working:
    """A peer's own process. It is asked by lines on its standard input: ``call``, ``many N``, ``frame ROWS``."""

    def __init__(self, peer: Peer, program: str, folder: Path) -> None:
        self.peer, self.folder, self._held = peer, folder, b""
        isolated = {"HOME": str(folder), "TMPDIR": str(folder), "USERNAME": "bench", "PYTHONPATH": str(WORK)}
        with (folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [program, str(WORK / peer.script)],
                cwd=folder,
                env=os.environ | isolated,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def ask(self, question: str) -> float:
        """Milliseconds that the work took by the peer's own clock."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{question}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Unable(f"its process ended with {self.process.wait()}") from None
        answer = self.answer()
        if answer.startswith(FAILED):
            raise Unable(f"failed with {answer.removeprefix(FAILED)}")
        return float(answer)

    def answer(self, seconds: float = SECONDS) -> str:
        """The next line that is an answer; what else the peer prints is passed over."""
        assert self.process.stdout is not None
        until = time.monotonic() + seconds
        while True:
            line, newline, rest = self._held.partition(b"\n")
            if newline:
                self._held = rest
                if line.startswith(ANSWER):
                    return line.removeprefix(ANSWER).decode().strip()
                continue
            if not select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise Unable(f"gave no answer in {seconds:g} s")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Unable(f"its process ended with {self.process.wait()}")
            self._held += more

    def stop(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # Whatever it started and left behind must not run beside the next figure.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stdout.close()


@contextmanager
def working(peers: Iterable[Peer]) -> Iterator[tuple[dict[str, Working], dict[str, str]]]:
    """The peers that answer, by name, and why the others do not."""
    there: dict[str, Working] = {}
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        for peer in peers:
            program = peer.program
            if program is None:
                missing[peer.name] = peer.absent
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            one = Working(peer, program, folder)
            stack.callback(one.stop)
            try:
                one.answer()
                one.ask("call")
            except Unable as why:
                missing[peer.name] = str(why)
                print(f"{peer.name}: {why}\n{_last_words(folder)}")
                continue
            there[peer.name] = one
        yield there, missing


def _last_words(folder: Path) -> str:
    return "\n".join((folder / "stderr").read_text(errors="replace").splitlines()[-5:])


def rows_without(peers: Iterable[Peer], missing: Mapping[str, str]) -> dict[str, Contender]:
    """A row for each peer that is not measured, which says why."""
    return {
        peer.name: Contender(peer.name, provides=peer.provides, missing=missing[peer.name])
        for peer in peers
        if peer.name in missing
    }
