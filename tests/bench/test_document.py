"""The page and its plots follow from the JSON of a run, the committed ones too."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.__main__ import MODULES
from bench.document import PAGE, TITLES, newest, page, plots, write
from bench.figures import OURS, Budget, Contender, Figure
from bench.table import number
from tests.bench.records import figure, of

LIST = [f"P{number}" for number in range(1, 16)]


@pytest.fixture
def record() -> dict:
    alone = Figure("P11", "idle", "MB", [Contender(OURS, [80.0])], [Budget(120)])
    return of(alone, figure(Budget(0.04, beside="docker run"), size=10), figure(size=100))


def test_every_figure_has_its_budget_and_verdict(record: dict) -> None:
    text = page(record)
    assert "| P1, r, 10 | budget: median at most 0.04 of docker run | 0.1 | **missed** by a factor of 2.5 |" in text
    assert "| P11 | budget: median at most 120 MB | 80 MB | met |" in text
    assert text.index("## P1:") < text.index("## P11:")


def test_every_contender_has_a_row_and_a_missing_one_says_why(record: dict) -> None:
    text = page(record)
    assert "| 10 | docker run | 10 | 100 ms | 100 ms (worst) | 0.1 | container per job |" in text
    assert "| 100 | Ray | 0 | not installed | | | log capture |" in text


def test_a_quick_run_is_told_as_one(record: dict) -> None:
    assert "This was a quick run" not in page(record)
    assert "This was a quick run" in page(record | {"mode": "quick"})


def test_what_was_not_measured_is_named(record: dict) -> None:
    absent = page(record).partition("## Not measured in this run")[2]
    assert [id for id in LIST if f"{id} (" in absent] == [id for id in LIST if id not in ("P1", "P11")]


def test_plots_are_svg_with_a_log_scale_and_the_same_each_time(record: dict) -> None:
    made = plots(record)
    assert list(made) == ["P1.svg"], "nothing stands beside P11"
    assert ElementTree.fromstring(made["P1.svg"]).tag.endswith("svg")
    text = made["P1.svg"].decode()
    assert f"{OURS} (r 10)" in text
    assert "docker run (r 100)" in text
    assert "Ray" not in text
    assert plots(record) == made


def test_writing_leaves_no_plot_of_another_run(record: dict, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "P9.svg").touch()
    write(record, tmp_path / "bench.md")
    assert [one.name for one in (tmp_path / "bench").iterdir()] == ["P1.svg"]
    assert "](bench/P1.svg)" in (tmp_path / "bench.md").read_text()


def test_the_committed_page_and_plots_are_those_of_the_committed_json() -> None:
    record = json.loads(newest().read_text())
    text = PAGE.read_text()
    assert text == page(record)
    assert {one.name for one in PAGE.with_suffix("").glob("*.svg")} == set(plots(record))
    for one in record["figures"]:
        assert f"## {one['id']}: {TITLES[one['id']]}" in text
        for budget in one["budgets"]:
            assert budget["value"] is None or number(budget["value"]) in text


def test_whatever_can_be_measured_has_a_title() -> None:
    assert {id for ids, _ in MODULES for id in ids} <= set(TITLES)


def test_nothing_committed_names_a_host_or_a_path_of_the_machine() -> None:
    for one in (PAGE, newest(), newest().with_name("figures.md"), PAGE.parents[1] / "bench" / "peers.txt"):
        assert not re.search(r"https?:|(^|[\s\"'(])/(tmp|home|root|work|usr|opt|var)\b", one.read_text()), one.name
