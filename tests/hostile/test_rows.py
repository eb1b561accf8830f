"""The list of hostile input, the tests that prove it and the page that shows both name the same rows."""

import pytest

from tests.hostile.document import PAGE, ROWS, TESTS, marks, page, proofs


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_marks_name_rows_of_the_list(path):
    assert {row for row, _ in marks(path)} <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_tested_or_says_why_not(name):
    assert bool({"not_here", "open"} & set(ROWS[name])) != bool(proofs().get(name))


def test_the_page_shows_the_list_as_it_is():
    assert PAGE.read_text() == page(), "run `make docs-hostile`"
