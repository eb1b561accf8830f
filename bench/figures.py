"""One figure beside its budget, and the table of all."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """``ours`` and ``beside`` in ``unit``. The budget bounds their ratio, or ``ours`` where nothing is beside it."""

    name: str
    ours: Sequence[float]
    unit: str
    budget: float
    beside: Sequence[float] = ()
    beside_name: str = ""

    @property
    def judged(self) -> float:
        ours = statistics.median(self.ours)
        return ours / statistics.median(self.beside) if self.beside else ours

    @property
    def missed(self) -> bool:
        return self.judged > self.budget


def p99(values: Sequence[float]) -> float:
    """The 99th percentile; of few samples, the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    lines = [
        "| figure | n | ours: median | ours: p99 | beside | beside: median | beside: p99 | ratio | budget | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for figure in figures:
        beside = ["", "", ""]
        if figure.beside:
            beside = [figure.beside_name, _told(figure.beside, figure.unit), f"{p99(figure.beside):.0f} {figure.unit}"]
        cells = [
            figure.name,
            str(len(figure.ours)),
            _told(figure.ours, figure.unit),
            f"{p99(figure.ours):.0f} {figure.unit}",
            *beside,
            f"{figure.judged:.2f}" if figure.beside else "",
            f"{figure.budget:g}" if figure.beside else f"{figure.budget:g} {figure.unit}",
            "MISSED" if figure.missed else "met",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _told(values: Sequence[float], unit: str) -> str:
    return f"{statistics.median(values):.0f} {unit}"
