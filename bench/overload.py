"""Twenty times the rate that the jobs end at, for a minute, by clients that do not wait as they are told to.

How much of that gets to be sent is told beside the figures: the clients share the processors with the gateway.

Jobs end by a stub (see stub.py) at 50 a second. In the full run only.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from bench.figures import OURS, Budget, Contender, Figure
from bench.run import Run
from bench.stub import StubbedGateway
from tests.gateway.conftest import source_task, submission
from tests.load.flood import Flood
from tests.load.waiters import resident_megabytes

RATE, TIMES, SECONDS, MOST, CLIENTS = 50, 20, 60.0, 500, 400
BESIDE = f"{OURS} at the rate itself"
_BODY = submission(source_task("f <- function(x) x\n", language="r"))
_ACCEPT = ("durable accept", "record")


def measure(run: Run) -> list[Figure]:
    if run.quick:
        return []
    with tempfile.TemporaryDirectory() as folder:
        return overloaded(Path(folder), SECONDS)


def overloaded(folder: Path, seconds: float) -> list[Figure]:
    with StubbedGateway(folder, 2, 1, lambda _: None, LANDBRIDGE_MAX_QUEUED=str(MOST)) as gateway:
        over = threading.Event()
        ending = threading.Thread(target=_end_jobs, args=(gateway, over))
        ending.start()
        try:
            alone = _poured(gateway, seconds / 4, 1, 1)
            before = resident_megabytes(gateway.process.pid)
            flood = _poured(gateway, seconds, TIMES, CLIENTS)
            after = resident_megabytes(gateway.process.pid)
        finally:
            over.set()
            ending.join()
    untold = [status for status, wait in flood.refused if status not in (429, 503) or not wait]
    assert not untold, untold[:5]
    taken, refused = len(flood.accepted) / seconds, len(flood.refused) / seconds
    note = (
        f"Of {TIMES * RATE:,}/s meant to be sent {taken + refused:,.0f}/s came; accepted {taken:,.0f}/s, refused with"
        f" Retry-After {refused:,.0f}/s. A stub ends {RATE}/s, and at most {MOST} wait."
    )
    usual = Contender(BESIDE, alone.taken(while_full=False), _ACCEPT)
    accepting = Figure(
        "overload",
        f"one accepted submission while the queue is full and {CLIENTS} clients go on for {seconds:.0f} s",
        "ms",
        [Contender(OURS, flood.taken(while_full=True), _ACCEPT), usual],
        [Budget(20, "p99", BESIDE)],
        "accepted",
        note=note,
    )
    filling = Figure(
        "overload",
        f"one accepted submission of those that fill the queue, which {CLIENTS} clients send at once",
        "ms",
        [Contender(OURS, flood.taken(while_full=False), _ACCEPT), usual],
        [],
        "filling",
        note=note,
    )
    running = Figure(
        "overload",
        "jobs accepted beyond those that filled the queue: as many as run",
        "/s",
        [
            Contender(OURS, [taken - MOST / seconds], _ACCEPT),
            Contender(BESIDE, [len(alone.accepted) / (seconds / 4)], _ACCEPT),
        ],
        [Budget(0.5, beside=BESIDE, side="at least")],
        "run",
        note=note,
        more_is_better=True,
    )
    growth = Contender(OURS, [after - before], _ACCEPT)
    memory = Figure("overload", "memory more than before", "MB", [growth], [Budget(50)], "memory", note=note)
    return [accepting, filling, running, memory]


def _end_jobs(gateway: StubbedGateway, over: threading.Event) -> None:
    while not over.wait(1 / RATE):
        gateway.warden.end(1)


def _poured(gateway: StubbedGateway, seconds: float, times: int, clients: int) -> Flood:
    """From a process of its own: its threads would hold up the stub's."""
    ours, theirs = multiprocessing.Pipe()
    given = (gateway.port, gateway.tokens["owner0"], seconds, RATE * times, clients, theirs)
    process = multiprocessing.get_context("spawn").Process(target=_pour, args=given)
    process.start()
    flood: Flood = ours.recv()
    process.join()
    return flood


def _pour(port: int, token: str, seconds: float, rate: float, clients: int, theirs: Connection) -> None:
    flood = Flood()
    flood.pour(port, token, _BODY, seconds, clients, rate)
    theirs.send(flood)
