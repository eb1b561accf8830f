"""`landbridge` with its failpoints armed: ``python -m tests.faults.armed serve ...``. The package has no such entry.

A step that the tests want is told to them over a socket, and whoever comes by waits there until let go, or killed.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from landbridge_gateway import failpoints, supervisor
from landbridge_gateway.cli import main
from landbridge_gateway.engines import process

FOLDER = "LANDBRIDGE_TESTS_MEET"
R_COMMAND = "LANDBRIDGE_TESTS_R"  # what the engine would ask R for at each start of a warden
WIDTH = 64


def stopping_at(folder: Path) -> Callable[[str], None]:
    """What each step does: nothing, unless it is the one that the file names."""
    with (folder / "wanted").open("rb") as file:
        wanted = mmap.mmap(file.fileno(), WIDTH, prot=mmap.PROT_READ)
    names = {step: step.encode().ljust(WIDTH) for step in failpoints.STEPS}
    role = next((word for word in sys.argv if word.endswith("-process")), "supervisor").removesuffix("-process")

    def reached(step: str) -> None:
        if wanted[:] != names[step]:
            return
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(str(folder / "meet"))
            end.sendall(f"{role} {os.getpid()} {step}\n".encode())
            end.recv(1)  # ends when it is let go

    return reached


def arm() -> None:
    if folder := os.environ.get(FOLDER):
        failpoints.arm(stopping_at(Path(folder)))
    # Both halves are started by this entry too, and at once however often they are killed.
    supervisor.PROGRAM = [sys.executable, "-m", "tests.faults.armed"]
    supervisor._SHORT_LIFE, supervisor._FIRST_PAUSE = 0.0, 0.0
    if known := os.environ.get(R_COMMAND):
        name, _, worker = known.partition(" ")
        process._r_command = lambda: {name: ["sh", worker]}


if __name__ == "__main__":
    arm()
    main()
