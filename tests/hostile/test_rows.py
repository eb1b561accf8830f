"""The list of hostile input and the tests that prove it name the same rows."""

import ast
import tomllib
from pathlib import Path

import pytest

ROWS = tomllib.loads((Path(__file__).parent / "rows.toml").read_text())
TESTS = sorted(Path(__file__).parents[1].rglob("test_*.py"))


def marked(path):
    """Rows that the tests of a file are marked with."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "row":
            yield from (argument.value for argument in node.args)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_marks_name_rows_of_the_list(path):
    assert set(marked(path)) <= set(ROWS)


def test_no_row_is_both_tested_and_left_out():
    tested = {row for path in TESTS for row in marked(path)}
    assert not {row for row in tested if "not_here" in ROWS[row]}
