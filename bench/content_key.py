"""The content key of a table beside SHA-256 over as many bytes, in each language's image."""

from __future__ import annotations

from bench.figures import OURS, Budget, Contender, Figure
from bench.in_image import told_in_image
from bench.run import Run

SIZES = (100_000, 1_000_000, 10_000_000)
_STARTS = {
    "python": ("content_key_python.py", "hashlib.sha256"),
    "r": ("content_key_r.R", "openssl::sha256"),
}
NOTE = "GB are those of the table's Arrow buffers: doubles, doubles and integers of which a tenth is missing, and text."


def measure(run: Run) -> list[Figure]:
    sizes = SIZES[:1] if run.quick else SIZES
    return [_measure(language, rows, run.samples) for language in run.languages for rows in sizes]


def _measure(language: str, rows: int, samples: int) -> Figure:
    script, bare = _STARTS[language]
    return figure(language, rows, told_in_image(language, script, samples, rows, "1g"), bare)


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
