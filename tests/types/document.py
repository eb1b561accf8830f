"""Writes docs/types.md from what the suite measured: ``python -m tests.types.document``."""

from __future__ import annotations

import math
from pathlib import Path

from tests.types.measure import HOMES, Cell, Matrix, Row, directions, measured

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "types.md"
LANGUAGES = {"r": "R", "python": "Python"}
INTRODUCTION = """\
# What becomes of each kind of column

This page is written by the test suite from what it measured: every kind of column below was made by a job, handed to
jobs of both languages and back, and compared there (`make docs-types` writes the page again; a test fails when it
does not say what the run says).

{figures}

## What the words mean

* **exact**: in a direction that ends where it began, the frame is the one that was sent: `identical()` in R; the same
  types, values, labels, index and attributes in Python. In a direction that ends in the other language, every value is
  the same, and the name of the type that it has there follows.
* **equal**: the values are the same, in another type or storage; the job's record says why.
* **lossy**: something is different, and the job's record says what. A task's `on_loss` decides: `"warn"` (the default)
  lets the column go with a warning, `"error"` refuses it, `"allow"` lets it go without a word.
* **handle**: no table of Arrow can hold it, so it travels as an object of its own language: the other language holds
  it, shows it and hands it back.
* **refused**: the value would have been corrupted, so the job ends with an error that names the column and the row.
* **SILENT** is what must not be: something is different and nothing says so. **broken**: the job ended with an error
  that is no refusal.

An index that R has no row names for arrives there as further columns.

A table that comes back to the language it started from is cast back to the types it had there, by a hint that
travels with it. So a round trip can be exact although the other language has no such type.

A number in parentheses leads to the sentences below the table.
"""


def text_of(matrix: Matrix) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(figures=figures(matrix))]
    parts += [section(home, matrix[home]) for home in HOMES]
    return "\n".join(parts)


def figures(matrix: Matrix) -> str:
    """How many kinds come back exactly, in one table."""
    lines = [
        "| from | kinds | refused at the start | exact there and back | of those that start | changed in silence |",
        "| --- " * 6 + "|",
    ]
    for home in HOMES:
        rows = list(matrix[home].values())
        exact, started = returned_exactly(home, rows)
        silent = sum(any(cell.verdict == "SILENT" for cell in row.values()) for row in rows)
        share = math.floor(1000 * exact / started) / 10 if started else 100
        counts = f"{len(rows)} | {len(rows) - started} | {exact} | {share} % | {silent}"
        lines.append(f"| {LANGUAGES[home]} | {counts} |")
    return "\n".join(lines)


def returned_exactly(home: str, rows: list[Row]) -> tuple[int, int]:
    """How many kinds come back exactly from the other language, and how many are not refused everywhere."""
    back = directions(home)[2]
    started = sum(any(cell.verdict != "refused" for cell in row.values()) for row in rows)
    return sum(row[back].verdict == "exact" for row in rows), started


def section(home: str, rows: dict[str, Row]) -> str:
    """The table of one home language and its sentences."""
    notes: dict[str, int] = {}
    heads = directions(home)
    lines = [f"## From {LANGUAGES[home]}", "", f"| kind | {' | '.join(heads)} |", "| --- " * 4 + "|"]
    for kind, row in rows.items():
        cells = [shown(row[head], notes) for head in heads]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {sentence}" for sentence, number in notes.items()), ""]
    return "\n".join(lines)


def shown(cell: Cell, notes: dict[str, int]) -> str:
    """A cell of the table; its reasons become numbered sentences."""
    if cell.verdict in {"exact", "handle"}:
        return f"{cell.verdict}: `{cell.why[0]}`" if cell.why else cell.verdict
    sentence = " ".join("; ".join(cell.why).split()).replace("|", "\\|").replace("<", "\\<")
    return f"**{cell.verdict}** ({notes.setdefault(sentence, len(notes) + 1)})"


if __name__ == "__main__":
    DOCUMENT.write_text(text_of(measured()))
