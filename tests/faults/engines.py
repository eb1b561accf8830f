"""A Docker engine of the tests' own, which may be killed: its own folders, socket and no network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.patience import PATIENCE, ended, until
from tests.serving import COMMAND

ROOT = Path(__file__).resolve().parents[2]
# Kept between runs, for the images that it was given once.
KEPT = ROOT / ".cache" / "faults-docker"


class OwnEngine:
    """``with``: it runs, and has the images. ``live_restore``: containers outlive it."""

    def __init__(self, live_restore: bool, images: list[str]) -> None:
        # Not in a test's own folder: the names of sockets have a hundred bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        self._live_restore, self._images = live_restore, images
        self.host = f"unix://{self.folder / 'docker.sock'}"

    def start(self) -> None:
        KEPT.mkdir(parents=True, exist_ok=True)
        options = {
            "data-root": KEPT / "data",
            "exec-root": self.folder / "exec",
            "pidfile": self.folder / "pid",
            "host": self.host,
            "bridge": "none",
            "iptables": "false",
            "ip-masq": "false",
            "live-restore": str(self._live_restore).lower(),
        }
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # In a network of its own: an engine without a bridge removes `docker0`, which is the other engine's.
                ["unshare", "--net", "dockerd", *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, "an answer of the tests' own engine", instead=self._log, pause=0.1)

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"the engine ended: {self._log()}"
        return self.docker("info").returncode == 0

    def _log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["docker", "-H", self.host, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def kill(self) -> None:
        """As a crash: nobody of its containers is told."""
        self._process.kill()
        ended(self._process, "the tests' own engine, which was killed,")
        # containerd dies with it. The next engine would wait for one whose process nobody has waited for yet.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def has(self, image: str) -> bool:
        return self.docker("image", "inspect", image).returncode == 0

    def __enter__(self) -> Self:
        self.start()
        for image in self._images:
            if not self.has(image):
                self._load(image)
        return self

    def _load(self, image: str) -> None:
        into = ["docker", "-H", self.host, "load", "--quiet"]
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
            subprocess.run(into, stdin=saving.stdout, check=True, capture_output=True)

    def __exit__(self, *_: object) -> None:
        for name in self.docker("ps", "-aq").stdout.split():
            self.docker("rm", "-f", name)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._end_shims()
        for mounted in (self.folder / "exec" / "netns").glob("*"):
            subprocess.run(["umount", str(mounted)], capture_output=True, check=False)
        # Each start mounts the folder on itself, and only an end that is not a kill takes that back.
        while _is_mounted(KEPT / "data"):
            subprocess.run(["umount", "--lazy", str(KEPT / "data")], capture_output=True, check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_shims(self) -> None:
        """What was about to become a container when its engine was killed is ended by nobody else."""
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.fsencode(self.folder / "exec") in (place / "cmdline").read_bytes():
                    begun = (place / "task" / place.name / "children").read_text().split()
                    for process in (place.name, *begun):
                        os.kill(int(process), signal.SIGKILL)


def _is_mounted(path: Path) -> bool:
    """Also on itself, which os.path.ismount() does not see."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return str(path) in [line.split()[4] for line in mounts]


def image_of(runtime: str) -> str:
    """The name of the image that a runtime has on this machine."""
    listed = subprocess.run([*COMMAND, "images", "list"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[-1] for line in listed.splitlines() if line.startswith(runtime))


def may_be_started() -> bool:
    """Engines are root's to start, and two of them need a kernel that is not shared with somebody."""
    return os.geteuid() == 0 and subprocess.run(["which", "dockerd"], capture_output=True, check=False).returncode == 0
