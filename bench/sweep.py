"""P4: one function over many parameters by one call, each a recorded job with a result and a metric, beside the peers.

The peers keep their processes and record nothing; theirs are started, and used once, before the clock starts.
"""

from __future__ import annotations

import time
from functools import partial

import landbridge as lb

from bench.figures import OURS, Budget, Contender, Figure
from bench.interleaving import interleaved
from bench.peers import rows_without, working
from bench.run import Run

PROVIDES = ("durable accept", "log capture", "record")
JUDGED = 10_000
SIZES = (100, 1_000, JUDGED)
TASKS = {
    "python": lambda: lb.python(
        "import landbridge as lb\n\ndef f(x):\n    lb.log_metric('loss', 1 / (x + 1))\n    return x\n", "f"
    ),
    "r": lambda: lb.r("f <- function(x) { landbridge::log_metric('loss', 1 / (x + 1)); x }\n", "f"),
}
_BUDGETS = [
    Budget(1000, side="at least"),
    Budget(1, beside="Dask", side="at least"),
    Budget(1, beside="Ray", side="at least"),
]
_NOTE = (
    "The points of a sweep share workers, each in an environment of its own. Submitted, run, and all results in hand."
)


def measure(run: Run) -> list[Figure]:
    sizes = SIZES[:1] if run.quick else SIZES
    peers = [peer for peer in run.peers if "P4" in peer.beside]
    found = []
    with working(peers) as (there, missing):
        for size in sizes:
            asked = {name: partial(_peer_rate, partial(one.ask, f"many {size}"), size) for name, one in there.items()}
            ours = {_of(language): partial(_rate, run, language, size) for language in run.languages}
            provides = dict.fromkeys(ours, PROVIDES) | {name: one.peer.provides for name, one in there.items()}
            taken = interleaved(ours | asked, max(2, run.samples // 5), provides)
            absent = rows_without(peers, missing).values()
            beside = [one for name, one in taken.items() if name not in ours] + list(absent)
            found += [_figure(taken[_of(language)], language, size, beside) for language in run.languages]
    return found


def _figure(one: Contender, language: str, size: int, beside: list[Contender]) -> Figure:
    ours = Contender(OURS, one.samples, one.provides, one.missing)
    budgets = _BUDGETS if size == JUDGED else []
    title = f"points of a sweep, by their number, {language}"
    return Figure("P4", title, "/s", [ours, *beside], budgets, language, size, _NOTE, more_is_better=True)


def _rate(run: Run, language: str, count: int) -> float:
    run.rest()
    start = time.perf_counter()
    results = lb.map(TASKS[language](), x=list(range(count))).result()
    rate = count / (time.perf_counter() - start)
    assert results == list(range(count))
    return rate


def _peer_rate(ask: partial[float], count: int) -> float:
    return count / (ask() / 1000)


def _of(language: str) -> str:
    return f"{OURS}, {language}"
