"""Every column kind in six directions, through the real workers, and the page that says what became of it."""

from __future__ import annotations

import pytest

from tests.types.document import DOCUMENT, returned_exactly, text_of
from tests.types.known import BROKEN, SILENT
from tests.types.measure import HOMES, Matrix, directions, measured

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    return measured()


def where(matrix: Matrix, verdict: str) -> set[tuple[str, str]]:
    """Direction and kind of each cell with a verdict."""
    cells = [(way, kind, cell) for home in HOMES for kind, row in matrix[home].items() for way, cell in row.items()]
    return {(way, kind) for way, kind, cell in cells if cell.verdict == verdict}


@pytest.mark.row("AR14")
def test_nothing_changes_in_silence(matrix):
    assert where(matrix, "SILENT") == SILENT


def test_no_worker_breaks(matrix):
    assert where(matrix, "broken") == BROKEN


def test_the_document_is_what_was_measured(matrix):
    assert DOCUMENT.read_text() == text_of(matrix), "run `make docs-types` and read what has changed"


@pytest.mark.parametrize("home", HOMES)
def test_kinds_are_many_and_go_everywhere(matrix, home):
    assert len(matrix[home]) >= 60
    assert all(list(row) == directions(home) for row in matrix[home].values())


@pytest.mark.parametrize("home", HOMES)
def test_at_least_95_of_100_kinds_that_start_come_back_exactly_from_the_other_language(matrix, home):
    exact, started = returned_exactly(home, list(matrix[home].values()))
    assert exact >= 0.95 * started
    # What is refused at the start is refused by the contract, and not to improve the share.
    assert started >= 0.9 * len(matrix[home])


@pytest.mark.parametrize("home", HOMES)
def test_most_kinds_come_back_exactly_from_their_own_language(matrix, home):
    own = directions(home)[0]
    verdicts = [row[own].verdict for row in matrix[home].values()]
    assert verdicts.count("exact") >= 0.8 * len(verdicts)
