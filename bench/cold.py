"""P2: a job in a container that is started for it, beside `docker run` of the same image, command and job folder.

Ours accepts the job durably, records it, starts the container with all hardening, captures its logs, takes its result
over and hands it to the client. `docker run` starts the container with the same limits and waits for its end.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import landbridge as lb

from bench.figures import OURS, PROVIDES, Budget, Figure
from bench.interleaving import interleaved
from bench.run import Run
from tests.serving import Serving

DOCKER = "docker run"
DOCKER_PROVIDES = ("container per job",)
TASKS = {
    "python": lambda: lb.python("def f(x):\n    return x\n", "f"),
    "r": lambda: lb.r("f <- function(x) x\n", "f"),
}
_HARDENED = (
    *("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--init"),
    *("--memory", "2g", "--memory-swap", "2g", "--cpus", "1", "--pids-limit", "256", "--user", "64000:64000"),
    *("--tmpfs", "/tmp:rw,exec,nosuid,nodev,size=512m,mode=1777", "--log-driver", "none"),
)


def measure(run: Run) -> list[Figure]:
    """At a gateway of its own, where no container waits for a job."""
    with tempfile.TemporaryDirectory() as folder, Serving(Path(folder) / "home", LANDBRIDGE_POOL_MEMORY="0") as serving:
        lb.connect(serving.url, serving.token)
        try:
            return [_measure(run, serving, language) for language in run.languages]
        finally:
            lb.connect(run.serving.url, run.serving.token)


def _measure(run: Run, serving: Serving, language: str) -> Figure:
    beside = docker_run(serving, language)
    contenders = {OURS: lambda: _job_alone(serving, language), DOCKER: beside}
    found = interleaved(contenders, run.samples, {OURS: PROVIDES, DOCKER: DOCKER_PROVIDES})
    title = f"no-op job in a container started for it, submit to result, {language}"
    return Figure("P2", title, "ms", list(found.values()), [Budget(1.1, beside=DOCKER)], language)


def job(language: str) -> tuple[float, lb.Job]:
    """Milliseconds from before ``submit()`` to the value in hand, and the job."""
    start = time.perf_counter()
    made = lb.submit(TASKS[language](), 1)
    assert made.result() == 1
    return (time.perf_counter() - start) * 1000, made


def _job_alone(serving: Serving, language: str) -> float:
    taken, made = job(language)
    assert made.document["environment"]["warm"] is False
    _wait_until_gone(serving, made.id)
    return taken


def docker_run(serving: Serving, language: str) -> Callable[[], float]:
    """One `docker run` of the image that jobs of this language get; the first job is run here, unmeasured."""
    _, first = job(language)
    folder = next((serving.home / "depot" / "jobs" / first.id).iterdir())
    image = serving.call(f"/jobs/{first.id}")["job"]["environment"]["image"]
    return lambda: _docker_run(folder / "job.json", image)


def _wait_until_gone(serving: Serving, job: str) -> None:
    """The next sample starts on a quiet machine, for us as for `docker run`, which waits for the end itself."""
    while any(job in name for name in serving.containers()):
        serving.call("/events?wait=0.05")


def _docker_run(spec: Path, image: str) -> float:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        shutil.copy(spec, folder / "job.json")
        for part in ("in", "out", "out/objects", "out/files"):
            (folder / part).mkdir()
            (folder / part).chmod(0o777)
        command = ["docker", "run", "--rm", *_HARDENED, "-v", f"{folder}:/job:ro", "-v", f"{folder}/out:/job/out"]
        start = time.perf_counter()
        subprocess.run([*command, image, "/job"], check=True, capture_output=True)
        taken = (time.perf_counter() - start) * 1000
        result = json.loads((folder / "out" / "result.json").read_text())
        assert result["value"] == 1
        return taken
