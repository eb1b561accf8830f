"""All cases, and which of them are run how."""

from __future__ import annotations

from tests.conformance import (
    cases_contract,
    cases_hostile,
    cases_native,
    cases_secrets,
    cases_sweeps,
    cases_values,
    cases_wanted,
)
from tests.conformance.harness import Case

CASES: list[Case] = [
    *cases_values.CASES,
    *cases_contract.CASES,
    *cases_hostile.CASES,
    *cases_native.CASES,
    *cases_secrets.CASES,
    *cases_sweeps.CASES,
    *cases_wanted.CASES,
]

# What a worker does around user code, and how values look; a spoilt folder is no warm worker's.
WARM_CASES = [case for case in [*cases_contract.CASES, *cases_secrets.CASES, *cases_sweeps.CASES] if case.spoil is None]


def applies(case: Case, language: str) -> bool:
    return case.only in (None, language)
