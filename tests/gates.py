"""Jobs that wait in their container until a test lets them go on, so that no test need be faster than a job is."""

from __future__ import annotations

from pathlib import Path

import landbridge as lb

from tests.patience import until

# Lines of a Python function: no network leads out of a container, but its folder is the gateway's too.
WAIT = """
    import os, time
    while not os.path.exists("/job/out/go"):
        time.sleep(0.02)
"""


def let_go(home: Path, job: lb.Job, attempt: int = 1) -> None:
    """One whose container was started for it: others have another folder until they have a job."""
    (home / "depot" / "jobs" / job.id / str(attempt) / "out" / "go").touch()


def until_said(word: str, *jobs: lb.Job) -> None:
    """Until the code of each has printed the word."""
    for job in jobs:
        until(
            lambda job=job: word in str(job.logs()),
            f"the word `{word}` of {job.id}",
            instead=lambda job=job: job.refresh().document,
            pause=0.1,
        )
