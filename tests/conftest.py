"""What all tests have in common: how examples are made up, and in which order they run."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run; LANDBRIDGE_HYPOTHESIS=fresh looks for new ones.
_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile("ci", derandomize=True, deadline=None, database=None, suppress_health_check=_QUIET)
settings.register_profile("fresh", deadline=None, max_examples=500, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("LANDBRIDGE_HYPOTHESIS", "ci"))

# What is quick comes first, and what takes minutes in one piece not last: two workers are to end together.
_LAYERS = (
    "py_client",
    "gateway",
    "hostile",
    "bench",
    "types",
    "r_client",
    "conformance",
    "pages",
    "end_to_end",
    "faults",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent

    def layer(item: pytest.Item) -> int:
        folder = item.path.relative_to(root).parts[0]
        return _LAYERS.index(folder) if folder in _LAYERS else len(_LAYERS)

    items.sort(key=layer)
