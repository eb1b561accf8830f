"""How values, times and sizes read on a page. Everything is text: the templates escape it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask
from markupsafe import Markup

# Escape sequences of terminals: colours, cursor moves, titles and links. On a page they are noise or worse.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]")
_SHAPES = {
    "waiting": "◌",
    "queued": "○",
    "running": "◐",
    "succeeded": "●",
    "failed": "✕",
    "cancelled": "⊘",
    "lost": "?",
}
_CURVE_WIDTH, _CURVE_HEIGHT, _CURVE_POINTS = 160, 32, 200


_SHORT = 0.1  # seconds below which a time is told in milliseconds


def register(app: Flask) -> None:
    app.jinja_env.filters |= {
        "moment": moment,
        "duration": duration,
        "stage_time": stage_time,
        "bytes": size,
        "plain": plain,
        "number": number,
        "cut": cut,
        "curve": curve,
        "column_type": column_type,
        "frame_class": lambda name: {"tbl_df": "tibble"}.get(name, name or "frame"),
        "shape": lambda state: _SHAPES.get(state, "?"),
    }


def moment(at: str | None) -> str:
    return f"{at[:10]} {at[11:19]} UTC" if at else ""


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < _SHORT:
        return f"{seconds * 1000:,.0f} ms"  # a warm job takes some, and a call of a session one or two
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def stage_time(seconds: float) -> str:
    """Stages of a warm job take milliseconds."""
    return duration(seconds) if seconds >= 10 else f"{seconds * 1000:,.0f} ms"


def size(count: int | None) -> str:
    value = float(count or 0)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{int(value)} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def plain(text: str) -> str:
    """A log as text: without the escape sequences of terminals; of an overwritten line its last state."""
    lines = (line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n"))
    return _TERMINAL.sub("", "\n".join(lines))


def cut(text: Any, most: int = 2000) -> Any:
    """The beginning of a long text, and how long it is."""
    if not isinstance(text, str) or len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text):,} characters)"


def number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def column_type(arrow: str) -> str:
    """An Arrow type's short name: what a dictionary is made of is of no interest in a heading."""
    return "dictionary" if arrow.startswith("dictionary<") else arrow


def curve(points: Sequence[dict[str, Any]]) -> Markup | str:
    """A metric's course as a small drawing; too few finite points draw nothing."""
    values = [point["value"] for point in points if isinstance(point["value"], int | float)]
    if len(values) < 2:
        return ""
    values = values[:: max(1, len(values) // _CURVE_POINTS)]
    low, high = min(values), max(values)
    across, up = _CURVE_WIDTH / (len(values) - 1), _CURVE_HEIGHT / ((high - low) or 1)
    path = " ".join(f"{i * across:.1f},{_CURVE_HEIGHT - (value - low) * up:.1f}" for i, value in enumerate(values))
    label = f"from {number(values[0])} to {number(values[-1])}, least {number(low)}, most {number(high)}"
    return Markup(
        '<svg class="curve" role="img" aria-label="{}" viewBox="-2 -2 {} {}"><polyline points="{}"/></svg>'
    ).format(label, _CURVE_WIDTH + 4, _CURVE_HEIGHT + 4, path)
