"""docs/runtimes.md says of each runtime what runtimes.toml does."""

from __future__ import annotations

import re

import pytest
from landbridge_gateway.environments.runtimes import Runtime, Runtimes
from landbridge_gateway.environments.sources import packaged_folder

from .conftest import ROOT

PAGE = (ROOT / "docs" / "runtimes.md").read_text()
ROWS = {
    row.split("`")[1]: [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| `.*$", PAGE, re.M)
}
RUNTIMES = list(Runtimes.load(packaged_folder("containers")))
# What a row of Python names: the packages that hold tables.
NAMED = ("pandas", "numpy", "polars", "pyarrow", "duckdb")


def test_the_table_has_a_row_for_each_runtime_and_no_other() -> None:
    assert sorted(ROWS) == sorted(runtime.name for runtime in RUNTIMES)


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
def test_a_row_says_suite_default_packages_and_what_is_missing(runtime: Runtime) -> None:
    name, suite, ahead, packages, _, without = ROWS[runtime.name]
    assert name.endswith("(default)") == runtime.default
    assert suite == runtime.suite
    assert ahead == ("" if runtime.on_demand else "yes")
    assert without == ", ".join(runtime.without)
    if runtime.language == "python":
        pins = dict(pin.split("==") for pin in runtime.pip)
        assert packages == ", ".join(f"{package} {pins[package]}" for package in NAMED)


def test_every_ability_that_some_runtime_lacks_is_explained() -> None:
    explained = PAGE.partition("## What a version cannot do")[2]
    for runtime in RUNTIMES:
        assert not runtime.without or f"`{runtime.name}`" in explained
