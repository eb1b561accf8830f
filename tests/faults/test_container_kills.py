"""The same kills where jobs run in containers; and kills of the engine itself, which is one of the tests' own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import landbridge as lb
import pytest
from landbridge_gateway.failpoints import STEPS

from tests.faults.cells import LANGUAGES, Cell
from tests.faults.engines import OwnEngine, image_of, may_be_started
from tests.faults.history import broken_promises
from tests.faults.killing import Killing
from tests.gates import until_said
from tests.patience import PATIENCE
from tests.serving import COMMAND, Serving, containers_of, remove_containers

pytestmark = pytest.mark.docker

# Two are in the job, which has no way out of its container, and one is passed by containers that waited alone.
_ELSEWHERE = ("created and noted", "log half written", "result half written")
AT = [step for step in STEPS[STEPS.index("lease taken") :] if step not in _ELSEWHERE]
RUNTIMES = ("python:3.14", "r:4.6")
DECOYS = 10
SLOW = """
import time

def f(seconds):
    for second in range(seconds):
        print("second", second, flush=True)
        time.sleep(1)
    return "done"
"""


class InContainers(Killing):
    """Kills of the two halves, with ten containers of somebody else beside."""

    def stirring(self) -> list[str]:
        return super().stirring() or containers_of(self.serving.home)

    def __enter__(self) -> InContainers:
        image = image_of(RUNTIMES[0])
        self._beside = [self._decoy(image, number) for number in range(DECOYS)]
        super().__enter__()
        return self

    def _decoy(self, image: str, number: int) -> str:
        command = ["docker", "create", "--network", "none", "--label", f"landbridge.gateway=another{number}"]
        return subprocess.run([*command, image, "x"], capture_output=True, text=True, check=True).stdout.strip()

    def __exit__(self, *given: object) -> None:
        try:
            super().__exit__(*given)
        finally:
            self._end_containers()

    def _end_containers(self) -> None:
        there = subprocess.run(["docker", "ps", "-aq", "--no-trunc"], capture_output=True, text=True, check=True)
        missing = set(self._beside) - set(there.stdout.split())
        if missing:
            self.tally.broken.append(f"{len(missing)} containers of somebody else are gone")
        for name in self._beside:
            subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
        remove_containers(self.serving.home)


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    subprocess.run([*COMMAND, "images", "build", *RUNTIMES], check=True)


@pytest.mark.parametrize("victim", ["gateway", "warden"])
def test_at_each_step_between_the_lease_and_the_end(tmp_path: Path, victim: str) -> None:
    # Without containers that were started ahead each goes through all steps; the languages take turns.
    with InContainers(tmp_path / "k", "docker", LANDBRIDGE_POOL_MEMORY="0") as killing:
        for number, step in enumerate(AT):
            killing.run(Cell(step, victim, LANGUAGES[number % 2], contained=True))
    assert [*killing.tally.broken, *broken_promises(killing.serving.home, killing.tally.accepted)] == []
    assert sum(killing.tally.kills.values()) == len(AT)
    assert killing.tally.states == {"succeeded": len(AT)}


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
    if not may_be_started():
        pytest.skip("an engine of one's own is root's to start")
    with OwnEngine(bool(request.param), [image_of(RUNTIMES[0])]) as made:
        yield made


def begun(serving: Serving, seconds: int) -> lb.Job:
    job = lb.submit(lb.python(SLOW, "f"), seconds)
    until_said("second 0", job)
    return job


@pytest.mark.parametrize("engine", [False], indirect=True, ids=["without live restore"])
def test_an_engine_that_dies_takes_its_jobs_along_and_nothing_else(engine: OwnEngine, tmp_path: Path) -> None:
    with Serving(tmp_path / "home", DOCKER_HOST=engine.host) as serving:
        lb.connect(serving.url, serving.token)
        job = begun(serving, 600)
        engine.kill()
        # While it is away everything can be read, and jobs are taken.
        assert serving.call(f"/jobs/{job.id}")["job"]["state"] == "running"
        later = lb.submit(lb.python(SLOW, "f"), 0)
        engine.start()
        end = job.wait(PATIENCE)
        assert end.state == "lost"
        assert "engine" in end.document["error"]["message"]
        assert end.document["attempt"] == 1
        assert later.wait(PATIENCE).state in ("succeeded", "failed")
        assert lb.submit(lb.python(SLOW, "f"), 0).result(timeout=PATIENCE) == "done"


@pytest.mark.parametrize("engine", [True], indirect=True, ids=["with live restore"])
def test_an_engine_that_comes_back_finds_its_jobs_running(engine: OwnEngine, tmp_path: Path) -> None:
    with Serving(tmp_path / "home", DOCKER_HOST=engine.host) as serving:
        lb.connect(serving.url, serving.token)
        job = begun(serving, 8)
        engine.kill()
        engine.start()
        assert job.result(timeout=PATIENCE) == "done"
        assert job.refresh().document["attempt"] == 1
        assert [line.split()[1] for line in str(job.logs()).splitlines() if line.startswith("second")] == [
            str(second) for second in range(8)
        ]


class WithEngine(Killing):
    engine: OwnEngine

    def stirring(self) -> list[str]:
        return super().stirring() or self.engine.docker("ps", "-aq").stdout.split()

    def kill_engine(self) -> None:
        self.engine.kill()
        self.engine.start()


@pytest.mark.parametrize("engine", [False, True], indirect=True, ids=["without live restore", "with live restore"])
def test_the_engine_is_killed_at_each_step_of_its_own(engine: OwnEngine, tmp_path: Path) -> None:
    killing = WithEngine(tmp_path / "k", "docker", LANDBRIDGE_POOL_MEMORY="0", DOCKER_HOST=engine.host)
    killing.engine = engine
    steps = ("image resolved", "create sent", "created", "start sent", "running", "result seen", "exit seen")
    with killing:
        for step in (*steps, "container removed"):
            killing.run(Cell(step, "engine", "python", contained=True))
    assert [*killing.tally.broken, *broken_promises(killing.serving.home, killing.tally.accepted)] == []
    assert engine.docker("ps", "-aq").stdout.split() == []
