"""Processes of jobs are found by their environment, whatever they are doing just then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from landbridge_gateway.engines.leftovers import MARK, leftovers

from tests.patience import ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they are looked for in /proc")


def test_one_that_becomes_another_program_again_and_again_is_found_each_time(tmp_path: Path) -> None:
    """As R does when it starts: a job that was not found then would go on after its warden."""
    script = tmp_path / "again"
    script.write_text('#!/bin/sh\nexec "$0"\n')
    script.chmod(0o700)
    process = subprocess.Popen([script], env={"PATH": "/usr/bin:/bin", MARK: "mine"})
    try:
        found = [leftovers("mine") for _ in range(100)]
    finally:
        process.kill()
        ended(process, "a process that was killed")
    assert found == [[process.pid]] * 100
    assert leftovers("mine") == []
