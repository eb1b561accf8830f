"""P3: many jobs at once, each in a container of its own, beside a bare loop of `docker run` with as many at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import landbridge as lb

from bench.cold import DOCKER_PROVIDES, TASKS, docker_run
from bench.figures import OURS, PROVIDES, Budget, Figure
from bench.interleaving import interleaved
from bench.run import Run

LOOP = "docker run, loop"
JUDGED = 50
SIZES = (5, JUDGED, 500)


def measure(run: Run) -> list[Figure]:
    """The largest burst takes minutes, and is measured in the first language alone."""
    sizes = SIZES[:1] if run.quick else SIZES
    first = run.languages[0]
    return [
        _measure(run, language, count)
        for language in run.languages
        for count in sizes
        if count <= JUDGED or language == first
    ]


def _measure(run: Run, language: str, count: int) -> Figure:
    contenders = {
        OURS: partial(_burst, language, count),
        LOOP: partial(_loop, docker_run(run.serving, language), count),
    }
    rounds = max(1, run.samples // 5) if count <= JUDGED else 1
    found = interleaved(contenders, rounds, {OURS: PROVIDES, LOOP: DOCKER_PROVIDES})
    budgets = [Budget(0.95, beside=LOOP, side="at least")] if count == JUDGED else []
    title = f"no-op jobs submitted at once, each in a container of its own, by their number, {language}"
    return Figure("P3", title, "/s", list(found.values()), budgets, language, count, more_is_better=True)


def _burst(language: str, count: int) -> float:
    start = time.perf_counter()
    jobs = [lb.submit(TASKS[language](), number) for number in range(count)]
    results = [job.result() for job in jobs]
    rate = count / (time.perf_counter() - start)
    assert results == list(range(count))
    return rate


def _loop(start_one: Callable[[], float], count: int) -> float:
    """As many at a time as the gateway runs."""
    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        taken = list(pool.map(lambda _: start_one(), range(count)))
    assert len(taken) == count
    return count / (time.perf_counter() - start)
