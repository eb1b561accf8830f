"""The content key of a table beside SHA-256 over as many bytes, in each language's image.

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
SIZES = (100_000, 1_000_000, 10_000_000)
_STARTS = {
    "python": ("python3", "/bench/content_key_python.py", "hashlib.sha256"),
    "r": ("Rscript", "/bench/content_key_r.R", "openssl::sha256"),
}
NOTE = "GB are those of the table's Arrow buffers: doubles, doubles and integers of which a tenth is missing, and text."


def measure(run: Run) -> list[Figure]:
    sizes = SIZES[:1] if run.quick else SIZES
    return [_measure(language, rows, run.samples) for language in run.languages for rows in sizes]


def _measure(language: str, rows: int, samples: int) -> Figure:
    program, script, bare = _STARTS[language]
    command = ["docker", "run", "--rm", "--network", "none", "--cpus", "1", "--tmpfs", "/tmp:size=1g"]
    command += ["-v", f"{HERE}:/bench:ro", "--entrypoint", program, image_of(language), script, str(samples), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return figure(language, rows, json.loads(done.stdout.splitlines()[-1]), bare)


def figure(language: str, rows: int, told: dict[str, list[float]], bare: str) -> Figure:
    """``told`` has the bytes of the table, and the seconds of each contender."""
    gigabytes = told["bytes"][0] / 1e9
    ours, hashed = ([gigabytes / one for one in told[name]] for name in ("ours", "bare"))
    return Figure(
        "key",
        f"content key of a table of four columns by rows, {language}",
        "GB/s",
        [Contender(OURS, ours), Contender(bare, hashed)],
        # 0.5 GB/s where SHA-256 runs at 1.5.
        [Budget(1 / 3, beside=bare, side="at least")] if rows == SIZES[-1] else [],
        language,
        rows,
        NOTE,
        more_is_better=True,
    )
