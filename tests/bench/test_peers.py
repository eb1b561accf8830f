"""Peers answer over their standard input; one that cannot is a row that says why, never an error."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from bench.interleaving import Unable
from bench.peers import PEERS, WORK, Peer, Working, pins, rows_without, working

ANSWERS = """
import sys
print("noise")
print("= ready", flush=True)
for line in sys.stdin:
    if line.strip() == "many 3":
        sys.exit(3)
    if line.strip() == "frame 1":
        print("= ! MemoryError", flush=True)
        continue
    print("more noise"); print("= 1.5", flush=True)
"""


class Installed(Peer):
    """A peer whose script runs in the interpreter of the tests."""

    @property
    def program(self) -> str:
        return sys.executable


class Absent(Peer):
    @property
    def program(self) -> None:
        return None


def made(folder: Path, name: str, code: str) -> Peer:
    script = folder / f"{name}.py"
    script.write_text(code)
    return Installed(name, "python", name, str(script), ())


def test_a_peer_is_asked_and_what_else_it_prints_is_passed_over(tmp_path: Path) -> None:
    with working([made(tmp_path, "good", ANSWERS)]) as (there, missing):
        assert missing == {}
        assert there["good"].ask("call") == 1.5


def test_one_that_ends_while_asked_is_unable(tmp_path: Path) -> None:
    with working([made(tmp_path, "good", ANSWERS)]) as (there, _):
        with pytest.raises(Unable, match="ended with 3"):
            there["good"].ask("many 3")
        with pytest.raises(Unable, match="ended with 3"):
            there["good"].ask("call")


def test_one_that_fails_is_unable_and_can_be_asked_again(tmp_path: Path) -> None:
    with working([made(tmp_path, "good", ANSWERS)]) as (there, _):
        with pytest.raises(Unable, match="failed with MemoryError"):
            there["good"].ask("frame 1")
        assert there["good"].ask("call") == 1.5


def test_one_that_does_not_answer_in_time_is_unable(tmp_path: Path) -> None:
    peer = made(tmp_path, "silent", "import sys; sys.stdin.read()")
    one = Working(peer, sys.executable, tmp_path)
    with pytest.raises(Unable, match=r"no answer in 0\.1 s"):
        one.answer(0.1)
    one.stop()
    assert one.process.returncode == 0


LEAVES = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
print(f"= {left.pid}", flush=True)
sys.stdin.read()
"""


def test_what_a_peer_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    one = Working(made(tmp_path, "leaves", LEAVES), sys.executable, tmp_path)
    left = os.pidfd_open(int(one.answer()))
    assert not select.select([left], [], [], 0)[0], "it runs"
    one.stop()
    assert select.select([left], [], [], 30)[0], "it has ended"
    os.close(left)


def test_those_that_cannot_are_rows_with_the_reason(tmp_path: Path) -> None:
    broken = made(tmp_path, "broken", "raise SystemExit(1)")
    absent = Absent("absent", "python", "absent", "none.py", (), provides=("record",))
    with working([broken, absent]) as (there, missing):
        assert there == {}
    rows = rows_without([broken, absent], missing)
    assert absent.absent.startswith("not installed")
    assert rows["broken"].missing == "its process ended with 1"
    assert (rows["absent"].missing, rows["absent"].provides) == (absent.absent, ("record",))


def test_every_peer_has_its_work_and_those_of_python_a_pin() -> None:
    for peer in PEERS:
        assert (WORK / peer.script).is_file(), peer.name
        if peer.language == "python":
            assert all("==" in one for one in pins()[peer.package]), peer.name
