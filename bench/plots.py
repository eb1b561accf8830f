"""Bars on a logarithmic scale: the median as a bar, the 99th percentile as a mark."""

from __future__ import annotations

import io
import math
from typing import Any

import matplotlib
from matplotlib.figure import Figure as Canvas

OURS, OTHER, MARK = "#1f6f8b", "#b8b8b8", "#222222"
# The same record makes the same file, byte for byte.
_REPEATABLE = {"svg.hashsalt": "bench", "svg.fonttype": "none"}


def drawn(title: str, figures: list[dict[str, Any]]) -> bytes:
    """One SVG for all figures of an id: a bar for each contender that was measured, ours coloured."""
    bars = [
        (_label(figure, one), one["median"], one["p99"], one is figure["contenders"][0])
        for figure in figures
        for one in figure["contenders"]
        if "missing" not in one
    ]
    canvas = Canvas(figsize=(8, 1.1 + 0.24 * len(bars)), layout="constrained")
    axes = canvas.subplots()
    places = range(len(bars))
    axes.barh(places, [bar[1] for bar in bars], color=[OURS if bar[3] else OTHER for bar in bars])
    axes.scatter([bar[2] for bar in bars], places, marker="|", s=90, color=MARK, zorder=3)
    axes.set_yticks(places, [bar[0] for bar in bars], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(left=10 ** math.floor(math.log10(min(min(bar[1:3]) for bar in bars)) - 0.2))
    axes.invert_yaxis()
    axes.set_xlabel(", ".join(dict.fromkeys(figure["unit"] for figure in figures)))
    axes.set_title(f"{title}: bar = median, mark = p99 (of few samples, the worst)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    made = io.BytesIO()
    with matplotlib.rc_context(_REPEATABLE):
        canvas.savefig(made, format="svg", metadata={"Date": None, "Creator": None})
    return made.getvalue()


def _label(figure: dict[str, Any], one: dict[str, Any]) -> str:
    size = f" {figure['size']:,}" if figure["size"] is not None else ""
    return f"{one['name']} ({(figure['variant'] + size).strip()})" if figure["variant"] or size else str(one["name"])
