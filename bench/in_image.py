"""A script of this folder in a language's image, with one core, as a job has by default."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.conformance.harness import image_of

HERE = Path(__file__).parent
_PROGRAMS = {"python": "python3", "r": "Rscript"}


def told_in_image(language: str, script: str, samples: int, rows: int, temporary: str) -> dict[str, list[float]]:
    """The JSON object that the script's last line is. ``temporary`` is the size of its `/tmp`."""
    command = ["docker", "run", "--rm", "--network", "none", "--cpus", "1", "--tmpfs", f"/tmp:size={temporary}"]
    command += ["-v", f"{HERE}:/bench:ro", "--entrypoint", _PROGRAMS[language], image_of(language)]
    command += [f"/bench/{script}", str(samples), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return told
