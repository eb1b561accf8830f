"""The figure of the content key: rates from seconds, and one measurement in the images."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench import content_key
from bench.content_key import SIZES, figure
from bench.figures import OURS
from bench.run import Run


def test_rates_are_bytes_by_seconds_and_judged_at_the_largest_size() -> None:
    told = {"bytes": [2e9], "ours": [2.0, 4.0, 4.0], "bare": [1.0, 1.0, 1.0]}
    largest = figure("r", SIZES[-1], told, "openssl::sha256")
    assert largest.ours.samples == [1.0, 0.5, 0.5]
    ((budget, value),) = largest.judged()
    assert (value, budget.verdict(value)) == (0.25, "missed")
    assert figure("r", SIZES[0], told, "openssl::sha256").judged() == []


def test_there_are_three_sizes_a_factor_of_ten_apart() -> None:
    assert [larger / size for size, larger in pairwise(SIZES)] == [10, 10]


@pytest.mark.docker
@pytest.mark.slow
def test_it_is_measured_in_both_languages() -> None:
    figures = content_key.measure(Run(None, samples=2, quick=True))  # type: ignore[arg-type]
    assert [one.variant for one in figures] == ["python", "r"]
    for one in figures:
        assert [(each.name == OURS, len(each.samples)) for each in one.contenders] == [(True, 2), (False, 2)]
        assert one.ours.median < one.contenders[1].median, "a key is more work than the hash of as many bytes"
