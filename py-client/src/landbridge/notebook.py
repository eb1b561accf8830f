"""How a job looks in a notebook and in a console."""

from __future__ import annotations

from html import escape
from typing import Any

from landbridge.kinds import Json

_COLOURS = {
    "waiting": "#8a6d00",
    "queued": "#8a6d00",
    "running": "#0b63c5",
    "succeeded": "#1a7f37",
    "failed": "#c62828",
    "cancelled": "#6b6b6b",
    "lost": "#c62828",
}
_ROWS, _COLUMNS = 5, 12


def text(job: Json) -> str:
    """One line: name, id, state, time, page."""
    return f"<Job {job['name']} {job['id']} {_state(job)}{_elapsed(job)} {job['url']}>"


def _state(job: Json) -> str:
    note = job.get("cause") or job.get("note")
    return f"{job['state']} ({note})" if note else str(job["state"])


def _elapsed(job: Json) -> str:
    seconds = job.get("seconds")
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 60:
        return f" {seconds:.1f} s"
    return f" {int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


def sweep_text(sweep: Json) -> str:
    """One line of a sweep: name, id, state, how far it is, page."""
    return f"<Sweep {sweep['name']} {sweep['id']} {_state(sweep)}{_elapsed(sweep)} {_points(sweep)} {sweep['url']}>"


def _points(sweep: Json) -> str:
    counts = sweep["points"]
    told = ", ".join(f"{count:,} {state}" for state, count in counts.items() if state != "total" and count)
    return f"{counts['total']:,} points" + (f" ({told})" if told else "")


def html(job: Json) -> str:
    """Name, state as word and colour, elapsed time, link, and the first rows of a frame or what went wrong."""
    colour = _COLOURS.get(job["state"], "inherit")
    url = str(job["url"]) if str(job["url"]).startswith(("http://", "https://")) else "#"
    head = (
        f"<b>{escape(str(job['name']))}</b> "
        f'<span style="color:{colour};font-weight:600">{escape(_state(job))}</span>{_elapsed(job)} '
        f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(str(job["id"]))}</a>'
    )
    return f"<div>{head}{_body(job)}</div>"


def _body(job: Json) -> str:
    error, result = job.get("error"), job.get("result")
    if job.get("points"):
        line = f"<pre>{escape(str(error.get('message') or ''))}</pre>" if isinstance(error, dict) else ""
        return f" <small>{escape(_points(job))}</small>{line}"
    if isinstance(error, dict):
        line = f"{error.get('type') or 'error'}: {error.get('message') or ''}"
        return f"<pre>{escape(line)}</pre>"
    if isinstance(result, dict) and result.get("kind") == "frame":
        return _table(result)
    if isinstance(result, dict) and result.get("kind") == "native":
        return f"<pre>{escape(str((result.get('summary') or {}).get('text') or ''))}</pre>"
    return ""


def _table(frame: Json) -> str:
    preview = frame.get("preview") or []
    names = (frame.get("descriptor") or {}).get("names") or [column["name"] for column in frame["columns"]]
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names[:_COLUMNS])
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row[:_COLUMNS])}</tr>" for row in preview[:_ROWS])
    size = f"{frame['rows']:,} rows, {len(names):,} columns"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><small>{size}</small>"


def _cell(cell: Any) -> str:
    return '<td style="opacity:.5">missing</td>' if cell is None else f"<td>{escape(str(cell))}</td>"
