"""Writes docs/bench.md and its plots from the JSON of a run and nothing else: `python -m bench.document [JSON]`."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.figures import PROVIDES
from bench.plots import drawn
from bench.table import judged, machine, number, told_p99

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "bench" / "output"
PAGE = ROOT / "docs" / "bench.md"
TITLES = {
    "P1": "A no-op job, warm",
    "P2": "A no-op job, cold",
    "P3": "A burst of jobs",
    "P4": "A sweep",
    "P5": "Accepts that survive a power cut",
    "P6": "A frame to the other language and back",
    "P7": "The same over HTTP",
    "P8": "Memory while a large object passes",
    "P9": "Metric points",
    "P10": "A page of many jobs",
    "P11": "An idle gateway",
    "P12": "Many clients that wait",
    "P13": "An environment for a task",
    "P14": "The same job again",
    "P15": "A call in a session",
    "many": "Many calls at once",
    "frame": "A frame there and back in a session",
    "codec": "Encode and decode",
    "key": "The content key of a table",
    "queue": "As the queue grows",
    "overload": "While the queue is full",
}
_INTRODUCTION = """# Figures

{machine}
Written from the JSON of that run by `python -m bench.document`.

Contenders take turns (A, B, C, C, B, A), so that what drifts hits all alike. Absolute times hold for that run alone;
what counts is the ratio to what was measured beside. The clock is the client's: from before `submit()` to the value
in hand. Of fewer than 100 samples there is no 99th percentile: the worst is told instead, and marked so.

What a contender provides: {provides}.
"""
_ROUGH = """This was a quick run: few samples, the smallest sizes, no heavy peers. It shows orders of magnitude;
`make bench` measures what the budgets are held against.
"""


def page(record: dict[str, Any]) -> str:
    """The page as Markdown."""
    rough = [_ROUGH] if record["mode"] == "quick" else []
    parts = [_INTRODUCTION.format(machine=machine(record), provides=", ".join(PROVIDES)), *rough, _verdicts(record)]
    parts += [_section(id, figures) for id, figures in _by_id(record)]
    absent = [f"P{number}" for number in range(1, 16) if f"P{number}" not in {one["id"] for one in record["figures"]}]
    if absent:
        parts.append(f"## Not measured in this run\n\n{', '.join(f'{id} ({TITLES[id]})' for id in absent)}.\n")
    return "\n".join(parts)


def plots(record: dict[str, Any]) -> dict[str, bytes]:
    """SVG by file name: one for each id that has anything beside ours."""
    return {
        f"{id}.svg": drawn(TITLES.get(id, id), figures)
        for id, figures in _by_id(record)
        if any("missing" not in one for figure in figures for one in figure["contenders"][1:])
    }


def write(record: dict[str, Any], target: Path) -> None:
    """The page at ``target``; its plots in a folder beside it that is named like it."""
    folder = target.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, svg in plots(record).items():
        (folder / name).write_bytes(svg)
    target.write_text(page(record))


def newest() -> Path:
    """The JSON of the full run, or where there is none, of the quick one."""
    full = OUTPUT / "full.json"
    return full if full.exists() else OUTPUT / "quick.json"


def _by_id(record: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    ids = list(TITLES)
    figures = sorted(record["figures"], key=lambda one: ids.index(one["id"]) if one["id"] in ids else len(ids))
    return [(id, list(group)) for id, group in groupby(figures, key=lambda one: str(one["id"]))]


def _verdicts(record: dict[str, Any]) -> str:
    lines = ["| figure | budget | came out at | verdict |", "| --- | --- | --- | --- |"]
    for id, figures in _by_id(record):
        for figure in figures:
            lines += [_verdict(id, figure, budget) for budget in figure["budgets"]]
    return "\n".join(["## Budgets", "", *lines, ""])


def _verdict(id: str, figure: dict[str, Any], budget: dict[str, Any]) -> str:
    unit = "" if budget["beside"] else f" {figure['unit']}"
    told = judged(budget, figure["contenders"][0]["name"]).partition(";")[0]
    value = "" if budget["value"] is None else f"{number(budget['value'])}{unit}"
    verdict = budget["verdict"]
    if verdict == "missed":
        verdict = f"**missed** by a factor of {number(budget['missed_by'])}"
    return f"| {_name(id, figure)} | {told}{unit} | {value} | {verdict} |"


def _name(id: str, figure: dict[str, Any]) -> str:
    size = f", {figure['size']:,}" if figure["size"] is not None else ""
    return f"{id}{', ' + figure['variant'] if figure['variant'] else ''}{size}"


def _section(id: str, figures: list[dict[str, Any]]) -> str:
    lines = [f"## {id}: {TITLES[id]}" if id in TITLES else f"## {id}", ""]
    for title in dict.fromkeys(figure["title"] for figure in figures):
        lines += _table([figure for figure in figures if figure["title"] == title], title)
    lines += [f"{note}\n" for note in dict.fromkeys(figure["note"] for figure in figures) if note]
    if any("missing" not in one for figure in figures for one in figure["contenders"][1:]):
        lines += [f"![Medians and 99th percentiles, on a logarithmic scale](bench/{id}.svg)", ""]
    return "\n".join(lines)


def _table(figures: list[dict[str, Any]], title: str) -> list[str]:
    lines = [f"{title[0].upper()}{title[1:]}:", ""]
    lines += ["| size | contender | samples | median | p99 | ours / it | provides |", "| --- " * 7 + "|"]
    return [*lines, *[_row(figure, one) for figure in figures for one in figure["contenders"]], ""]


def _row(figure: dict[str, Any], one: dict[str, Any]) -> str:
    size = f"{figure['size']:,}" if figure["size"] is not None else ""
    if "missing" in one:
        return f"| {size} | {one['name']} | 0 | {one['missing']} | | | {', '.join(one['provides'])} |"
    ours = figure["contenders"][0]
    ratio = "" if one is ours or "missing" in ours else number(ours["median"] / one["median"])
    median = f"{number(one['median'])} {figure['unit']}"
    cells = [size, one["name"], str(one["n"]), median, told_p99(one, figure["unit"]), ratio, ", ".join(one["provides"])]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else newest()
    write(json.loads(source.read_text()), PAGE)
    print(f"Written: {PAGE.relative_to(ROOT)}, from {source.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
