"""Figures made for tests: samples that are known, so that what is told of them can be checked."""

from __future__ import annotations

from typing import Any

from bench.__main__ import record
from bench.figures import OURS, PROVIDES, Budget, Contender, Figure


def figure(*budgets: Budget, id: str = "P1", variant: str = "r", **options: Any) -> Figure:
    """Ours takes 10 ms (once 40), what is beside takes 100, and one peer is missing."""
    contenders = [
        Contender(OURS, [10.0] * 9 + [40.0], PROVIDES),
        Contender("docker run", [100.0] * 10, ("container per job",)),
        Contender("Ray", provides=("log capture",), missing="not installed"),
    ]
    return Figure(id, "no-op job", "ms", contenders, budgets, variant, **options)


def of(*figures: Figure) -> dict[str, Any]:
    return record(list(figures), "full")
