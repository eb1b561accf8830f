"""The workers of further versions of the languages. ``versions.toml`` says who they are, and what each cannot."""

from __future__ import annotations

import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder

from tests.conformance.cases import CASES, WARM_CASES, applies
from tests.conformance.harness import (
    COLD,
    WARM,
    WORKERS,
    Case,
    Outcome,
    image_of_runtime,
    keeps_the_schemas,
    open_folder,
    run_all,
)

# Everything takes a quarter of an hour where nothing else runs: a test run makes do with some.
WHOLE = os.environ.get("LANDBRIDGE_CONFORMANCE") == "all"
SECONDS = 3600 if WHOLE else 1200
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(4 * SECONDS)]

VERSIONS = tomllib.loads((Path(__file__).parent / "versions.toml").read_text())
CANNOT: dict[str, list[dict[str, Any]]] = {one["runtime"]: one.get("cannot", []) for one in VERSIONS["worker"]}
LANGUAGES: dict[str, str] = {name: name.partition(":")[0] for name in CANNOT}
WAYS = {"cold": (COLD, CASES), "warm": (WARM, WARM_CASES)}


def chosen(way: str, runtime: str) -> list[Case]:
    beginnings = tuple(VERSIONS["some"][way])
    cases = [case for case in WAYS[way][1] if applies(case, LANGUAGES[runtime])]
    return cases if WHOLE else [case for case in cases if case.name.startswith(beginnings)]


def why_not(case: Case, runtime: str) -> str | None:
    return next((one["reason"] for one in CANNOT[runtime] if case.name in one["cases"]), None)


def parameters() -> list[Any]:
    """A case that a version cannot do has to fail: one that it can do after all is to be taken out of the list."""
    found = []
    for runtime in CANNOT:
        for way in WAYS:
            for case in chosen(way, runtime):
                reason = why_not(case, runtime)
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
                found.append(pytest.param(runtime, way, case, marks=marks, id=f"{runtime}-{way}-{case.name}"))
    return found


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Outcome]]:
    """By runtime and way. Two runtimes at a time, of two suites: most of the time goes into building their images."""
    roots = {
        (runtime, way): open_folder(tmp_path_factory, f"{runtime.replace(':', '-')}-{way}")
        for runtime in CANNOT
        for way in WAYS
    }

    def run(runtime: str) -> list[dict[str, Outcome]]:
        image = image_of_runtime(runtime)
        return [
            run_all(roots[runtime, way], chosen(way, runtime), LANGUAGES[runtime], image, script, SECONDS)
            for way, (script, _) in WAYS.items()
        ]

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(CANNOT, pool.map(run, CANNOT), strict=True))
    return {(runtime, way): outcome for runtime in found for way, outcome in zip(WAYS, found[runtime], strict=True)}


def test_every_further_runtime_is_run() -> None:
    offered = [runtime.name for runtime in Runtimes.load(packaged_folder("containers")) if not runtime.united]
    assert sorted([*CANNOT, *(worker["runtime"] for worker in WORKERS.values())]) == sorted(offered)


@pytest.mark.parametrize("way", list(WAYS))
def test_each_name_that_is_chosen_is_the_beginning_of_a_case(way: str) -> None:
    names = [case.name for case in WAYS[way][1]]
    assert [one for one in VERSIONS["some"][way] if not any(name.startswith(one) for name in names)] == []


@pytest.mark.parametrize("runtime", list(CANNOT))
def test_each_case_that_is_left_out_is_one_of_its_language_and_has_its_reason(runtime: str) -> None:
    names = {case.name for case in CASES if applies(case, LANGUAGES[runtime])}
    for one in CANNOT[runtime]:
        assert one["reason"].endswith(".")
        assert one["cases"]
        assert set(one["cases"]) <= names


@pytest.mark.parametrize(("runtime", "way", "case"), parameters())
def test_case(runtime: str, way: str, case: Case, outcomes: dict[tuple[str, str], dict[str, Outcome]]) -> None:
    case.check(outcomes[runtime, way][case.name])


@pytest.mark.parametrize("runtime", list(CANNOT))
def test_everything_written_keeps_the_schemas(runtime: str, outcomes, schemas) -> None:
    for way in WAYS:
        for name, outcome in outcomes[runtime, way].items():
            keeps_the_schemas(name, outcome, schemas)


@pytest.mark.parametrize("runtime", list(CANNOT))
def test_the_worker_is_of_the_version_that_its_runtime_names(runtime: str, outcomes) -> None:
    language, _, version = runtime.partition(":")
    outcome = outcomes[runtime, "cold"]["the first event says what runs"]
    assert outcome.told("started")[0]["versions"][language].startswith(f"{version}.")
