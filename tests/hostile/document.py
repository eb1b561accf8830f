"""Writes docs/hostile.md: each row of hostile input, the answer it gets, and the tests that prove it."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hostile.md"
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
ROWS: dict[str, dict[str, str]] = tomllib.loads((Path(__file__).parent / "rows.toml").read_text())
GROUPS = {
    "AU": "Sign-in, browser, transport",
    "PA": "Names and paths",
    "UP": "Uploads",
    "AR": "Arrow files",
    "DE": "Pickle, RDS and code",
    "JS": "What a job says of itself",
    "CO": "From inside the container",
    "DB": "Store and queries",
    "UI": "Pages",
    "LG": "Logs and metrics",
    "SR": "Requests of the gateway's own",
    "SE": "Secrets",
    "BK": "Other engines",
    "CL": "Clients",
}


def marks(path: Path) -> Iterator[tuple[str, str]]:
    """Each row that a file's tests are marked with, and the test: the file alone for a mark of all its tests."""
    tree = ast.parse(path.read_text())
    named: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                named |= {id(inner): node.name for inner in ast.walk(decorator)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "row":
            for argument in node.args:
                yield ast.literal_eval(argument), named.get(id(node), "")


@cache
def proofs() -> dict[str, list[str]]:
    """The tests of each row, as `file::test`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in TESTS:
        place = path.relative_to(ROOT / "tests").as_posix()
        for row, test in marks(path):
            name = f"{place}::{test}" if test else place
            if name not in found[row]:
                found[row].append(name)
    return found


def page() -> str:
    found = proofs()
    left_out, waiting = (sum(word in row for row in ROWS.values()) for word in ("not_here", "open"))
    parts = [
        "# Hostile input, and the answer it gets\n",
        f"{len(ROWS) - left_out - waiting} of {len(ROWS)} rows are tested, {waiting} are open, and {left_out} say why "
        "they cannot be here. Written by `make docs-hostile` from `tests/hostile/rows.toml` and the tests' marks.\n",
    ]
    for prefix, title in GROUPS.items():
        parts.append(f"## {title}\n\n| | input | answer | proved by |\n| --- | --- | --- | --- |")
        rows = {name: row for name, row in ROWS.items() if name[:2] == prefix}
        parts += [_line(name, row, found.get(name, [])) for name, row in rows.items()]
        parts.append("")
    return "\n".join(parts)


def _line(name: str, row: dict[str, str], proofs: list[str]) -> str:
    words = [f"{word}: {row[key]}" for key, word in (("not_here", "not here"), ("open", "open")) if key in row]
    proved = words[0] if words else ", ".join(f"`{proof}`" for proof in proofs)
    return f"| {name} | {_cell(row['input'])} | {_cell(row['answer'])} | {_cell(proved)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
