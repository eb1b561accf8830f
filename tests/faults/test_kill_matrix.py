"""Kills at each named step and at random times: every accepted job ends once, and nothing is left. The engine of plain
processes takes the bulk, with a real supervisor, gateway and warden; ``make faults`` runs thousands."""

from __future__ import annotations

import pytest

from tests.faults.cells import LANGUAGES, cells
from tests.faults.matrix import run_cells, run_storms

STORM = 130
SEED = 20


def check(report, kills: int) -> None:
    print(*report.lines(), sep="\n")
    assert report.broken == []
    assert sum(report.kills.values()) == kills


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("victim", ["gateway", "warden", "job", "client"])
def test_at_each_step(tmp_path, victim, language):
    wanted = cells((victim,), (language,))
    check(run_cells(tmp_path, wanted), len(wanted))


def test_both_halves_and_the_supervisor_at_each_step(tmp_path):
    """As when the machine is reset, but for what only a power cut takes away."""
    # The two languages take turns: a start of everything is the dearest of all.
    wanted = cells(("service",), ("python",))[::2] + cells(("service",), ("r",))[1::2]
    check(run_cells(tmp_path, wanted), len(wanted))


def test_at_random_times_under_load(tmp_path):
    check(run_storms(tmp_path, STORM, SEED), STORM)
