"""Every worker must pass every case. All cases of a language run in one container, each in a fresh process."""

from __future__ import annotations

import pytest

from tests.conformance.cases import CASES, WARM_CASES, applies
from tests.conformance.harness import (
    COLD,
    WARM,
    WORKERS,
    Case,
    Outcome,
    image_of,
    keeps_the_schemas,
    open_folder,
    run_all,
)

PAIRS = [(case, language) for case in CASES for language in WORKERS if applies(case, language)]

pytestmark = pytest.mark.docker


def run(tmp_path_factory, language: str, cases: list[Case], way: str) -> dict[str, Outcome]:
    root = open_folder(tmp_path_factory, f"conformance-{language}")
    return run_all(root, [case for case in cases if applies(case, language)], language, image_of(language), way)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory) -> dict[str, dict[str, Outcome]]:
    return {language: run(tmp_path_factory, language, CASES, COLD) for language in WORKERS}


@pytest.fixture(scope="session")
def warm_outcomes(tmp_path_factory) -> dict[str, dict[str, Outcome]]:
    return {language: run(tmp_path_factory, language, WARM_CASES, WARM) for language in WORKERS}


def test_names_are_distinct():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.row("AR5", "AR11", "AR16", "AR18", "JS8", "LG1", "LG5")
@pytest.mark.parametrize(("case", "language"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_case(case, language, outcomes):
    case.check(outcomes[language][case.name])


@pytest.mark.parametrize(
    ("case", "language"),
    [(case, language) for case in WARM_CASES for language in WORKERS if applies(case, language)],
    ids=lambda part: getattr(part, "name", part),
)
def test_case_of_a_worker_that_waited(case, language, warm_outcomes):
    case.check(warm_outcomes[language][case.name])


@pytest.mark.parametrize("language", list(WORKERS))
def test_an_outcome_is_written_into_the_file_that_is_there_for_it(language, warm_outcomes):
    published = {"result.json", "error.json"}
    for name, outcome in warm_outcomes[language].items():
        left = {path.name for path in (outcome.folder / "out").iterdir()}
        assert (".draft" in left) != bool(left & published), (name, left)


@pytest.mark.parametrize("language", list(WORKERS))
def test_everything_written_keeps_the_schemas(language, outcomes, schemas):
    for name, outcome in outcomes[language].items():
        keeps_the_schemas(name, outcome, schemas)
