"""P15: calls in a held session beside the peers that keep their processes, also many at once and with a frame.

Each contender's processes are started, and used once, before the clock starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import landbridge as lb
import numpy as np
import pandas as pd

from bench.cold import TASKS
from bench.figures import OURS, Budget, Figure
from bench.interleaving import interleaved
from bench.peers import Peer, Working, rows_without, working
from bench.run import Run

CALLS_PER_SAMPLE = 10
MANY = (10, 100, 1000)
FRAMES = (10_000, 100_000, 1_000_000)
COLUMNS = 10
PROVIDES = ("durable accept", "log capture", "record")
_BUDGETS = (Budget(1, beside="Dask"), Budget(1, beside="Ray", aim=True), Budget(4, "p99", beside=OURS))
_NOTE = "A session is one container that is held; its jobs run there one after another."


def measure(run: Run) -> list[Figure]:
    found: list[Figure] = []
    kept = [peer for peer in run.peers if "P15" in peer.beside]
    with working(kept) as (there, missing):
        for language in run.languages:
            peers = [peer for peer in kept if peer.language == language or peer.name in ("Dask", "Ray")]
            with lb.session(language) as session:
                _call(session, language, 1)
                run.rest(held=1)
                found += _Beside(run, language, session, peers, there, missing).figures()
    return found


class _Beside:
    """The figures of one language: its session, and its peers."""

    def __init__(
        self,
        run: Run,
        language: str,
        session: lb.Session,
        peers: list[Peer],
        there: dict[str, Working],
        missing: dict[str, str],
    ) -> None:
        self.run, self.language, self.session = run, language, session
        self.peers, self.there, self.missing = peers, there, missing

    def figures(self) -> list[Figure]:
        few = max(2, self.run.samples // 5)
        called = partial(_call, self.session, self.language, 1)
        title = "no-op call in a held session, submit to result"
        calls = self._figure("P15", title, "call", called, CALLS_PER_SAMPLE * self.run.samples, budgets=_BUDGETS)
        title = "no-op calls submitted at once, until all results are in hand, by their number"
        many = [
            self._figure("many", title, f"many {count}", partial(_many, self.session, self.language, count), 2, count)
            for count in self._sizes(MANY)
        ]
        title = f"a frame of {COLUMNS} numeric columns there and back unchanged, by rows"
        frames = [
            self._figure(
                "frame", title, f"frame {rows}", partial(_call, self.session, self.language, _frame(rows)), few, rows
            )
            for rows in self._sizes(FRAMES)
        ]
        return [calls, *many, *frames]

    def _sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return sizes[:1] if self.run.quick else sizes

    def _figure(
        self,
        id: str,
        title: str,
        question: str,
        ours: Callable[[], float],
        rounds: int,
        size: int | None = None,
        budgets: tuple[Budget, ...] = (),
    ) -> Figure:
        mine = {peer.name: self.there[peer.name] for peer in self.peers if peer.name in self.there}
        asked = {name: partial(one.ask, question) for name, one in mine.items()}
        provides = {OURS: PROVIDES} | {name: one.peer.provides for name, one in mine.items()}
        taken = interleaved({OURS: ours, **asked}, rounds, provides, unmeasured=0 if id == "many" else 1)
        contenders = [*taken.values(), *rows_without(self.peers, self.missing).values()]
        return Figure(id, f"{title}, {self.language}", "ms", contenders, budgets, self.language, size, _NOTE)


def _call(session: lb.Session, language: str, value: Any) -> float:
    start = time.perf_counter()
    result = session.submit(TASKS[language](), value).result()
    taken = (time.perf_counter() - start) * 1000
    assert result.equals(value) if isinstance(value, pd.DataFrame) else result == value
    return taken


def _many(session: lb.Session, language: str, count: int) -> float:
    start = time.perf_counter()
    jobs = [session.submit(TASKS[language](), number) for number in range(count)]
    results = [job.result() for job in jobs]
    taken = (time.perf_counter() - start) * 1000
    assert results == list(range(count))
    return taken


def _frame(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame({f"column{number}": random.normal(size=rows) for number in range(COLUMNS)})
