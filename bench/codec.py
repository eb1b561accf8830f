"""Encode and decode of a mixed frame of 1,000,000 rows x 20 columns beside the bare library, in each language's image.

With one core, as a job has by default.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.figures import Figure
from tests.conformance.harness import image_of

HERE = Path(__file__).parent
_STARTS = {
    "python": ("python3", "/bench/codec_python.py", "pyarrow"),
    "r": ("Rscript", "/bench/codec_r.R", "arrow"),
}


def measure(language: str, samples: int) -> Figure:
    program, script, library = _STARTS[language]
    command = ["docker", "run", "--rm", "--network", "none", "--cpus", "1", "--tmpfs", "/tmp:size=4g"]
    command += ["-v", f"{HERE}:/bench:ro", "--entrypoint", program, image_of(language), script, str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    ours, bare = ([1000 * one for one in seconds[name]] for name in ("ours", "bare"))
    return Figure(f"encode and decode, 1,000,000 x 20, {language}", ours, "ms", 1.5, bare, library)
