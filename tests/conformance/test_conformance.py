"""Every worker must pass every case. All cases of a language run in one container, each in a fresh process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from landbridge_gateway.schemas import Schemas

from tests.conformance import (
    cases_contract,
    cases_hostile,
    cases_native,
    cases_secrets,
    cases_sweeps,
    cases_values,
    cases_wanted,
)
from tests.conformance.harness import COLD, WARM, WORKERS, Case, Outcome, image_of, run_all

CASES = [
    *cases_values.CASES,
    *cases_contract.CASES,
    *cases_hostile.CASES,
    *cases_native.CASES,
    *cases_secrets.CASES,
    *cases_sweeps.CASES,
    *cases_wanted.CASES,
]
ROOT = Path(__file__).resolve().parents[2]
PAIRS = [(case, language) for case in CASES for language in WORKERS if case.only in (None, language)]

pytestmark = pytest.mark.docker


def applies(case, language):
    return case.only in (None, language)


# What a worker does around user code, and how values look; a spoilt folder is no warm worker's.
WARM_CASES = [case for case in [*cases_contract.CASES, *cases_secrets.CASES, *cases_sweeps.CASES] if case.spoil is None]


def run(tmp_path_factory, language: str, cases: list[Case], way: str) -> dict[str, Outcome]:
    root = tmp_path_factory.mktemp(f"conformance-{language}")
    root.chmod(0o755)
    for parent in root.parents[:2]:
        parent.chmod(0o755)
    return run_all(root, [case for case in cases if applies(case, language)], language, image_of(language), way)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory) -> dict[str, dict[str, Outcome]]:
    return {language: run(tmp_path_factory, language, CASES, COLD) for language in WORKERS}


@pytest.fixture(scope="session")
def warm_outcomes(tmp_path_factory) -> dict[str, dict[str, Outcome]]:
    return {language: run(tmp_path_factory, language, WARM_CASES, WARM) for language in WORKERS}


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    return Schemas(ROOT / "containers" / "schema")


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
def test_everything_written_keeps_the_schemas(language, outcomes, schemas):
    for name, outcome in outcomes[language].items():
        for event in outcome.events:
            assert schemas.problem("event", event) is None, (name, event)
        for file, schema in (("result.json", "value"), ("error.json", "error")):
            path = outcome.folder / "out" / file
            if path.exists():
                assert schemas.problem(schema, json.loads(path.read_text())) is None, name
                assert path.stat().st_mode & 0o044 == 0o044, name
        leftovers = [
            path.name
            for path in (outcome.folder / "out").iterdir()
            if path.suffix not in (".json", ".jsonl", ".log") and path.name not in ("objects", "files", "raw", "code")
        ]
        assert leftovers == [], name
