"""Encode and decode of a mixed frame of 20 columns beside the bare library, in each language's image."""

from __future__ import annotations

from bench.figures import OURS, Budget, Contender, Figure
from bench.in_image import told_in_image
from bench.run import Run

SIZES = (10_000, 100_000, 1_000_000)
_STARTS = {
    "python": ("codec_python.py", "pyarrow"),
    "r": ("codec_r.R", "arrow"),
}


def measure(run: Run) -> list[Figure]:
    sizes = SIZES[:1] if run.quick else SIZES
    return [_measure(language, rows, run.samples) for language in run.languages for rows in sizes]


def _measure(language: str, rows: int, samples: int) -> Figure:
    script, library = _STARTS[language]
    seconds = told_in_image(language, script, samples, rows, "4g")
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
