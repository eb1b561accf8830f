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
from pathlib import Path

import landbridge as lb

from bench.figures import Figure
from tests.serving import Serving

TASKS = {
    "python": lambda: lb.python("def f(x):\n    return x\n", "f"),
    "r": lambda: lb.r("f <- function(x) x\n", "f"),
}
_HARDENED = (
    *("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--init"),
    *("--memory", "2g", "--memory-swap", "2g", "--cpus", "1", "--pids-limit", "256", "--user", "64000:64000"),
    *("--tmpfs", "/tmp:rw,exec,nosuid,nodev,size=512m,mode=1777", "--log-driver", "none"),
)


def measure(serving: Serving, language: str, samples: int) -> list[Figure]:
    first = lb.submit(TASKS[language](), 1)
    first.result()  # the image is built and the client connected
    spec, image = _same_job(serving, first.id)
    ours: list[float] = []
    beside: list[float] = []
    for number in range(samples):
        # A, B, B, A, ...: what drifts hits both alike.
        contenders = [(ours, lambda: _ours(serving, language)), (beside, lambda: _docker_run(spec, image))]
        for times, run in contenders if number % 2 else reversed(contenders):
            times.append(run())
    return [Figure(f"cold job, {language}", ours, "ms", 1.2, beside, "docker run")]


def _ours(serving: Serving, language: str) -> float:
    start = time.perf_counter()
    job = lb.submit(TASKS[language](), 1)
    assert job.result() == 1
    taken = (time.perf_counter() - start) * 1000
    _wait_until_gone(serving, job.id)
    return taken


def _wait_until_gone(serving: Serving, job: str) -> None:
    """The next sample starts on a quiet machine, for us as for `docker run`, which waits for the end itself."""
    while any(job in name for name in serving.containers()):
        serving.call("/events?wait=0.05")


def _same_job(serving: Serving, job: str) -> tuple[Path, str]:
    folder = next((serving.home / "depot" / "jobs" / job).iterdir())
    image = serving.call(f"/jobs/{job}")["job"]["environment"]["image"]
    return folder / "job.json", image


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
