"""Encode and decode of a mixed frame of 20 columns beside the bare library, in each language's image.

With one core, as a job has by default.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.figures import OURS, Budget, Contender, Figure
from bench.run import Run
from tests.conformance.harness import image_of

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000)
_STARTS = {
    "python": ("python3", "/bench/codec_python.py", "pyarrow"),
    "r": ("Rscript", "/bench/codec_r.R", "arrow"),
}


def measure(run: Run) -> list[Figure]:
    sizes = SIZES[:1] if run.quick else SIZES
    return [_measure(language, rows, run.samples) for language in run.languages for rows in sizes]


def _measure(language: str, rows: int, samples: int) -> Figure:
    program, script, library = _STARTS[language]
    command = ["docker", "run", "--rm", "--network", "none", "--cpus", "1", "--tmpfs", "/tmp:size=4g"]
    command += ["-v", f"{HERE}:/bench:ro", "--entrypoint", program, image_of(language), script, str(samples), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    ours, bare = ([1000 * one for one in seconds[name]] for name in ("ours", "bare"))
    return Figure(
        "codec",
        f"encode and decode of a mixed frame of 20 columns by rows, {language}",
        "ms",
        [Contender(OURS, ours), Contender(library, bare)],
        [Budget(1.5, beside=library)] if rows == SIZES[-1] else [],
        language,
        rows,
    )
