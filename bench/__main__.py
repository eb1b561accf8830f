"""Measures everything and writes one table to bench/output/figures.md."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

import landbridge as lb

from bench import codec, cold, idle
from bench.figures import Figure, table
from tests.serving import Serving

OUTPUT = Path(__file__).parent / "output"


def main() -> int:
    samples = int(os.environ.get("LANDBRIDGE_BENCH_SAMPLES", "15"))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, Serving(Path(folder) / "home") as serving:
        lb.connect(serving.url, serving.token)
        figures += idle.measure(serving)
        for language in ("python", "r"):
            figures += cold.measure(serving, language, samples)
    figures += [codec.measure(language, samples) for language in ("python", "r")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"
    text = f"Measured by `make bench` on: {machine}.\n\n{table(figures)}"
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "figures.md").write_text(text)
    print(text)
    missed = [figure.name for figure in figures if figure.missed]
    print(f"Budgets missed: {', '.join(missed)}." if missed else "Every budget is met.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
