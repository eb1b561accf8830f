"""A sweep under kills: every point ends once, and none that a worker began is begun by another."""

from __future__ import annotations

import json
import subprocess
from collections import Counter

import landbridge as lb
import pytest
from landbridge.events import ENDED

from tests.patience import PATIENCE, until
from tests.serving import COMMAND, Serving, containers_of

pytestmark = pytest.mark.docker

POINTS = 60
STEPS = "import time\n\ndef f(x, pause):\n    time.sleep(pause)\n    return x\n"


@pytest.fixture(scope="module", autouse=True)
def images():
    subprocess.run([*COMMAND, "images", "build", "python:3.14"], check=True)


def begun(serving: Serving, sweep: lb.Sweep) -> Counter[int]:
    """How often workers said that each point begins, over all chunks."""
    folders = (serving.home / "depot" / "jobs" / sweep.id).glob("*/out/events.jsonl")
    lines = [json.loads(line) for events in folders for line in events.read_text().splitlines()]
    return Counter(event["point"] for event in lines if event["event"] == "point")


def under_way(serving: Serving, pause: float = 0.1) -> lb.Sweep:
    sweep = lb.map(lb.python(STEPS), range(POINTS), pause=lb.common(pause))
    for _ in sweep.as_completed(timeout=2 * PATIENCE):
        return sweep
    raise AssertionError("no point ended")


@pytest.mark.parametrize("victims", [("gateway",), ("warden",), ("gateway", "warden")], ids="+".join)
def test_a_sweep_goes_on_when_halves_are_killed(tmp_path, victims):
    with Serving(tmp_path / "home") as serving:
        lb.connect(serving.url, serving.token)
        sweep = under_way(serving)
        for name in victims:
            serving.kill(name)
        assert sweep.result(timeout=2 * PATIENCE) == list(range(POINTS))
        assert begun(serving, sweep) == Counter(range(POINTS))


def kill_worker(serving: Serving, sweep: lb.Sweep) -> None:
    """End a container that runs points of the sweep; between two chunks there may be none for a moment."""

    def killed() -> bool:
        assert sweep.state not in ENDED, f"the sweep ended before a worker was met: {sweep.counts}"
        workers = [name for name in containers_of(serving.home) if sweep.id in name]
        return any(subprocess.run(["docker", "kill", name], capture_output=True).returncode == 0 for name in workers)

    until(killed, "a worker to be killed", pause=0.1)


def test_a_worker_that_is_killed_takes_the_point_that_it_had_begun_with_it(tmp_path):
    # Without containers that were started ahead, each worker's carries the sweep's id.
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="0") as serving:
        lb.connect(serving.url, serving.token)
        sweep = under_way(serving, pause=1.0)
        kill_worker(serving, sweep)
        found = sweep.result(timeout=2 * PATIENCE, on_error="return")
        lost = [number for number, one in enumerate(found) if isinstance(one, Exception)]
        assert len(lost) <= 1
        assert [one for one in found if not isinstance(one, Exception)] == [n for n in range(POINTS) if n not in lost]
        assert max(begun(serving, sweep).values()) == 1
