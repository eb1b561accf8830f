"""Builds take turns at what they share, by a lock that the kernel lets go of."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "containers" / "environments" / "in_turn.sh"
SHELL = shutil.which("sh")
WAITS = "Waiting for another build, which is downloading.\n"
LONG = 60  # seconds that nothing takes


def in_turn(lock, *command, **more):
    given = [SHELL, SCRIPT, lock, *command]
    return subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "lock"


def test_one_alone_does_not_wait_and_has_its_own_exit_code(lock):
    alone = in_turn(lock, "sh", "-c", "echo 'two  words'; exit 3")
    assert (alone.communicate(timeout=LONG)[0], alone.returncode) == ("two  words\n", 3)


def test_one_that_waits_says_so_once_and_goes_on(lock):
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = in_turn(lock, "echo", "done")
        assert second.stdout.readline() == WAITS
        assert second.poll() is None
    assert second.communicate(timeout=LONG)[0] == "done\n"


def test_the_lock_is_held_until_the_command_ends_however_that_is(lock):
    first = in_turn(lock, "sh", "-c", "echo begun; read line")
    assert first.stdout.readline() == "begun\n"
    second = in_turn(lock, "echo", "done")
    assert second.stdout.readline() == WAITS
    first.kill()
    assert second.communicate(timeout=LONG)[0] == "done\n"
    first.communicate(timeout=LONG)


def test_without_the_program_that_locks_it_is_run_all_the_same(lock, tmp_path):
    echo = shutil.which("echo")
    alone = in_turn(lock, echo, "done", env={"PATH": str(tmp_path)})
    assert alone.communicate(timeout=LONG)[0] == "done\n"
    assert not lock.exists()
