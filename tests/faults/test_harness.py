"""What kills and waits is relied on by every test here: it never waits for ever, and tells what broke and where."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile

import pytest

from tests import processes
from tests.faults import matrix
from tests.faults.cells import cells
from tests.faults.killing import Tally
from tests.faults.meeting import JobMeeting, Meeting
from tests.patience import NeverCame, ended, first_line, until


class Broken:
    """An installation in which each kill works but the first, which breaks all of it."""

    def __init__(self, folder) -> None:
        self.tally, self.serving = Tally(), self
        self.home = folder

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is there."""

    def run(self, cell) -> None:
        self.tally.kills[cell.step, cell.victim] += 1
        self.tally.broken.append(f"{cell}: it is lost")

    def storm(self, kills: int, seed: int) -> None:
        raise OSError("no port is free")


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(matrix, "Killing", Broken)
    monkeypatch.setattr(matrix, "broken_promises", lambda home, accepted: [])


def test_a_cell_that_fails_is_told_with_its_name_and_the_others_are_run(broken, tmp_path):
    wanted = cells(("gateway",))[:3]
    report = matrix.run_cells(tmp_path, wanted)
    assert sum(report.kills.values()) == 3
    assert set(report.broken) == {f"{cell}: it is lost" for cell in wanted}


def test_a_storm_that_breaks_its_installation_is_told_with_its_seed(broken, tmp_path):
    report = matrix.run_storms(tmp_path, 5, 40)
    assert [line.split(": ", 1)[0] for line in report.broken] == ["storm of 3 with seed 40", "storm of 2 with seed 41"]
    assert all("OSError" in line and "no port is free" in line for line in report.broken)


def test_a_round_asks_for_no_more_cells_than_there_are(broken, tmp_path):
    seed = next(seed for seed in range(99) if random.Random(seed).random() > 1 / 3)
    report = matrix.run_round(tmp_path, 10_000, seed)
    assert sum(report.kills.values()) == len(cells(matrix.VICTIMS))


def test_a_run_in_which_nothing_can_be_killed_ends(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(matrix, "run_round", lambda *_: matrix.Report(broken=["nothing starts"]))
    assert matrix.main(100, 7) == 1
    said = capsys.readouterr().out
    assert "seed 7: nothing starts" in said
    assert "0 kills, 0 accepted jobs (), 3 broken promises" in said


def test_who_does_not_come_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.faults.meeting.PATIENCE", 0.05)
    meeting = Meeting(tmp_path / "meeting")
    meeting.want("lease taken")
    with pytest.raises(NeverCame, match="somebody at `lease taken` did not come within 0 s"):
        meeting.met()
    meeting.close()
    job = JobMeeting(tmp_path / "job")
    with pytest.raises(NeverCame, match="a job at its own step"):
        job.met()
    job.close()
    with pytest.raises(NeverCame, match="it did not come within 0 s: nothing"):
        until(lambda: 0, "it", seconds=0.01, instead=lambda: "nothing")


def test_only_the_process_that_was_meant_is_killed():
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first_line(process.stdout, "a process") == "here"
    assert not processes.kill(process.pid, lambda: False)
    assert process.poll() is None
    assert processes.kill(process.pid)
    # Gone already, though nobody has waited for it yet.
    assert not processes.kill(process.pid)
    assert ended(process, "a process that was killed") == -9
    assert not processes.kill(process.pid)
    process.communicate()
