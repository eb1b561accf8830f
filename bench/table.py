"""The table of a run, from its JSON alone: a row for each contender."""

from __future__ import annotations

from typing import Any

from bench.figures import PROVIDES

MINIMUM_FOR_P99 = 100
_HEAD = ("figure", "contender", "n", "median", "p99", "ours / it", "provides")


def table(record: dict[str, Any]) -> str:
    """Markdown that is as readable on a terminal: columns are padded to one width."""
    rows = [list(_HEAD)] + [row for figure in record["figures"] for row in _rows(figure)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([machine(record), "", lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def machine(record: dict[str, Any]) -> str:
    of = record["machine"]
    return (
        f"Measured by `make {'bench' if record['mode'] == 'full' else 'bench-quick'}` on {of['processor']}, "
        f"{of['cores']} cores, {of['memory_gib']} GiB, {of['system']}."
    )


def summary(record: dict[str, Any]) -> str:
    """Every budget with its verdict, then how many were missed."""
    lines, missed = [], 0
    for figure in record["figures"]:
        for budget in figure["budgets"]:
            lines.append(f"* {label(figure)}: {judged(budget, figure['contenders'][0]['name'])}")
            missed += budget["verdict"] == "missed" and not budget["aim"]
    lines += ["", f"Budgets missed: {missed}." if missed else "No budget that was judged is missed."]
    return "\n".join(lines)


def label(figure: dict[str, Any]) -> str:
    size = f" {figure['size']:,}" if figure["size"] is not None else ""
    return f"{figure['id']} {figure['variant']}{size}".strip()


def judged(budget: dict[str, Any], ours: str) -> str:
    """The budget in words, what came out, and the verdict."""
    against = (
        "" if not budget["beside"] else " of its own median" if budget["beside"] == ours else f" of {budget['beside']}"
    )
    told = f"{'aim' if budget['aim'] else 'budget'}: {budget['of']} {budget['side']} {number(budget['bound'])}{against}"
    if budget["value"] is None:
        return f"{told}; not judged"
    told += f"; {number(budget['value'])}, {budget['verdict']}"
    return told + (f" by a factor of {number(budget['missed_by'])}" if budget["verdict"] == "missed" else "")


def number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def told_p99(contender: dict[str, Any], unit: str) -> str:
    """Of few samples there is no 99th percentile: the worst is told, and said to be that."""
    told = f"{number(contender['p99'])} {unit}"
    return told if contender["n"] >= MINIMUM_FOR_P99 else f"{told} (worst)"


def _rows(figure: dict[str, Any]) -> list[list[str]]:
    return [_row(figure, one, figure["contenders"][0]) for one in figure["contenders"]]


def _row(figure: dict[str, Any], one: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    provides = ", ".join(one["provides"]) if len(one["provides"]) < len(PROVIDES) else "all four"
    if "missing" in one:
        return [label(figure), one["name"], "0", "", "", "", one["missing"]]
    ratio = "" if one is ours or "missing" in ours else number(ours["median"] / one["median"])
    median = f"{number(one['median'])} {figure['unit']}"
    return [label(figure), one["name"], str(one["n"]), median, told_p99(one, figure["unit"]), ratio, provides]
