"""The logs of the two processes are bounded, and lose nothing when the next file is begun."""

from __future__ import annotations

import os
import subprocess
import sys

from landbridge_gateway.lifeline import child_environment, first_word, make_pair, name_log
from landbridge_gateway.logfiles import turn_over

TALKER = """
import sys, time
from landbridge_gateway.lifeline import Lifeline
line = Lifeline()
line.hold()
line.say(ready=True)
for word in sys.stdin:
    print(word, end="", file=sys.stderr, flush=True)
    print("said", flush=True)
"""


def lines(path):
    return [line for line in path.read_text().splitlines() if line != "said"]


def test_a_log_is_put_aside_when_it_is_long_and_the_oldest_goes(tmp_path):
    log = tmp_path / "gateway.log"
    assert not turn_over(log, most=4)
    for number in range(6):
        log.write_text(f"long {number}")
        assert turn_over(log, most=4)
        assert not log.exists()
    log.write_text("new")
    assert not turn_over(log, most=4)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {
        "gateway.log": "new",
        "gateway.log.1": "long 5",
        "gateway.log.2": "long 4",
        "gateway.log.3": "long 3",
    }


def test_a_half_goes_on_in_the_new_file(tmp_path):
    log = tmp_path / "warden.log"
    ours, theirs = make_pair()
    with ours, theirs, log.open("ab") as file:
        child = subprocess.Popen(
            [sys.executable, "-c", TALKER],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            text=True,
            bufsize=1,
            env=os.environ | child_environment(theirs),
            pass_fds=(theirs.fileno(),),
        )
        assert first_word(ours) == {"ready": True}
        child.stdin.write("one\n")
        while not log.read_text().endswith("said\n"):
            assert child.poll() is None
        assert turn_over(log, most=1)
        name_log(ours, str(log))
        # Whatever comes before the half has heard of it goes into the old file.
        sent = 0
        while not log.exists() or not log.read_text():
            assert child.poll() is None
            sent += 1
            child.stdin.write(f"{sent}\n")
        child.stdin.close()
        child.wait(30)
    assert log.stat().st_mode & 0o077 == 0
    assert lines(tmp_path / "warden.log.1")[0] == "one"
    assert [*lines(tmp_path / "warden.log.1"), *lines(log)] == ["one", *map(str, range(1, sent + 1))]
