"""Statistics, budgets and the record of a figure."""

from __future__ import annotations

import json

import pytest

from bench.figures import OURS, Budget, Contender, Figure, as_record, p99
from bench.table import judged, summary, table, told_p99
from tests.bench.records import figure, of


def test_the_99th_percentile_is_a_sample_by_nearest_rank() -> None:
    assert p99(range(1, 101)) == 99
    assert p99(range(1, 201)) == 198
    assert p99(range(1, 1001)) == 990
    assert p99(range(1, 1001), more_is_better=True) == 11


def test_of_fewer_than_100_samples_it_is_the_worst_and_is_told_as_such() -> None:
    assert p99([3.0, 1.0, 2.0]) == 3.0
    assert p99(range(1, 100)) == 99
    assert p99([3.0, 1.0, 2.0], more_is_better=True) == 1.0
    assert told_p99({"n": 99, "p99": 3.0}, "ms") == "3 ms (worst)"
    assert told_p99({"n": 100, "p99": 3.0}, "ms") == "3 ms"


def test_a_contender_has_samples_or_a_reason_and_provides_what_is_known() -> None:
    for wrong in ({}, {"samples": [1.0], "missing": "why"}, {"samples": [1.0], "provides": ["speed"]}):
        with pytest.raises(ValueError, match="Ray"):
            Contender("Ray", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "value", "verdict", "missed_by"),
    [
        (Budget(0.1, beside="docker run"), 0.1, "met", None),
        (Budget(0.04, beside="docker run"), 0.1, "missed", 2.5),
        (Budget(0.3, "p99", "docker run"), 0.4, "missed", 4 / 3),
        (Budget(4, "p99", OURS), 4.0, "met", None),
        (Budget(9), 10.0, "missed", 10 / 9),
        (Budget(1, beside="Ray"), None, "not judged", None),
        (Budget(1, beside="Dask"), None, "not judged", None),
    ],
)
def test_a_budget_is_judged_by_ratio_or_alone(budget: Budget, value: float, verdict: str, missed_by: float) -> None:
    (told,) = as_record(figure(budget))["budgets"]
    assert told["verdict"] == verdict
    assert told["value"] == (None if value is None else pytest.approx(value))
    assert told.get("missed_by") == (None if missed_by is None else pytest.approx(missed_by))


def test_a_rate_is_good_when_it_is_high() -> None:
    contenders = [Contender(OURS, [4.0, 2.0, 6.0]), Contender("loop", [8.0])]
    budgets = [Budget(1, beside="loop", side="at least"), Budget(0.2, "p99", "loop", side="at least")]
    median, worst = as_record(Figure("P3", "burst", "/s", contenders, budgets, more_is_better=True))["budgets"]
    assert (median["value"], median["verdict"], median["missed_by"]) == (0.5, "missed", 2.0)
    assert (worst["value"], worst["verdict"]) == (0.25, "met")
    with pytest.raises(ValueError, match="at most"):
        Figure("P3", "burst", "ms", contenders, budgets)


def test_the_record_is_json_with_the_samples_and_what_follows_from_them() -> None:
    written = json.loads(json.dumps(of(figure(Budget(0.5, beside="docker run"), size=1000))))
    assert written["format"] == 1
    assert written["mode"] == "full"
    assert set(written["machine"]) == {"processor", "cores", "memory_gib", "system", "python"}
    (one,) = written["figures"]
    ours, docker, ray = one["contenders"]
    assert (one["id"], one["variant"], one["size"], one["unit"]) == ("P1", "r", 1000, "ms")
    assert (ours["n"], ours["median"], ours["p99"], len(ours["samples"])) == (10, 10.0, 40.0, 10)
    assert docker["provides"] == ["container per job"]
    assert ray == {"name": "Ray", "provides": ["log capture"], "n": 0, "missing": "not installed"}


def test_the_table_has_a_row_for_each_contender_and_lines_of_one_width() -> None:
    lines = table(of(figure())).splitlines()[2:]
    assert len(lines) == 2 + 3
    assert len({len(line) for line in lines}) == 1
    assert "40 ms (worst)" in lines[2]
    assert "all four" in lines[2]
    assert "0.1" in lines[3]
    assert "not installed" in lines[4]


def test_the_summary_counts_missed_budgets_and_not_missed_aims() -> None:
    aim = Budget(0.01, beside="docker run", aim=True)
    assert summary(of(figure(aim))).endswith("No budget that was judged is missed.")
    text = summary(of(figure(aim, Budget(0.04, beside="docker run"))))
    assert text.endswith("Budgets missed: 1.")
    assert "P1 r: budget: median at most 0.04 of docker run; 0.1, missed by a factor of 2.5" in text


def test_a_budget_against_itself_says_so() -> None:
    (told,) = as_record(figure(Budget(4, "p99", OURS)))["budgets"]
    assert judged(told, OURS) == "budget: p99 at most 4 of its own median; 4, met"
