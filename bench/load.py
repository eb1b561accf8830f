"""P5 and P12: accepts that survive a power cut, and 500 clients that wait while jobs of 10 owners end at 50 a second.

Beside them what grows with the queue: a step of the scheduler and the lists, at 500, 5,000 and 50,000 queued jobs.
All over loopback, bounded in count and time. Jobs end by a stub (see stub.py).
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from landbridge_gateway.model import Json
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.database import Database
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services

from bench.bare_flask import bare_flask
from bench.crowd import listen_to
from bench.figures import OURS, Budget, Contender, Figure
from bench.interleaving import interleaved
from bench.run import Run
from bench.stub import StubbedGateway
from tests.filling import fill
from tests.gateway.conftest import NULL, ROOT, NotedCommands, Road, source_task, submission
from tests.load.waiters import open_files, resident_megabytes, threads

CLIENTS, OWNERS, QUEUED, SECONDS = 500, 10, 50_000, 10
SIZES = (500, 5_000, 50_000)


SYNC = "fdatasync"
FLASK = "Flask and one fdatasync"
STUBBED = (
    "No container runs here: a stub of the warden ends the jobs, at a rate that containers cannot reach on two cores."
)
_ACCEPT = ("durable accept", "record")
_BURST = "burst"  # the experiment of all that stand in line
_TASK = source_task("f <- function(x) x\n", language="r")


def measure(run: Run) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        sizes = SIZES[:1] if run.quick else SIZES
        accepting = _accepts(Path(folder) / "accepts", run.samples)
        waiting = _waiting(Path(folder) / "waiting")
        growing = [figure for size in sizes for figure in _at_size(Path(folder) / str(size), size, run.samples)]
    return [*accepting, *waiting, *growing]


# P5


def _accepts(folder: Path, samples: int) -> list[Figure]:
    one, eight, batch = f"{OURS}, one client", f"{OURS}, 8 clients", f"{OURS}, in batches"
    bare_one, bare_eight = f"{FLASK}, one client", f"{FLASK}, 8 clients"
    with (
        StubbedGateway(folder, running=1, owners=1, prepare=lambda _: None) as gateway,
        bare_flask(folder) as port,
    ):
        token = gateway.tokens["owner0"]
        found = interleaved(
            {
                one: lambda: _accepts_rate(gateway.port, token, 1),
                bare_one: lambda: _accepts_rate(port, token, 1),
                eight: lambda: _accepts_rate(gateway.port, token, 8),
                bare_eight: lambda: _accepts_rate(port, token, 8),
                batch: lambda: _batch_rate(gateway),
                SYNC: lambda: _sync_rate(folder),
            },
            max(3, samples // 3),
            {one: _ACCEPT, eight: _ACCEPT, batch: _ACCEPT},
        )
    return [
        Figure(
            "P5",
            "jobs accepted durably over HTTP",
            "/s",
            [found[name] for name in (ours, *floor, SYNC)],
            [Budget(bound, beside=SYNC, side="at least")],
            variant,
            more_is_better=True,
        )
        for ours, floor, variant, bound in (
            (one, (bare_one,), "one by one", 0.2),
            (eight, (bare_eight,), "8 clients", 0.2),
            (batch, (), "in batches", 10),
        )
    ]


def _accepts_rate(port: int, token: str, at_once: int, count: int = 200) -> float:
    def submit() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(count // at_once):
            _submit(connection, token)
        connection.close()

    clients = [threading.Thread(target=submit) for _ in range(at_once)]
    began = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return count / (time.perf_counter() - began)


def _submit(connection: http.client.HTTPConnection, token: str, **task: str) -> None:
    body = submission(_TASK | task, [None, {"kind": "scalar", "type": "int", "value": 1}])
    _post(connection, token, "/api/v1/jobs", body)


def _batch_rate(gateway: StubbedGateway, count: int = 10_000) -> float:
    """One call that submits so many."""
    column = {"kind": "vector", "type": "int", "values": list(range(count))}
    items = [[None, {"kind": "each", "column": 0}]]
    body = submission(_TASK, *items) | {"points": {"n": count, "columns": [column]}}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    began = time.perf_counter()
    _post(connection, gateway.tokens["owner0"], "/api/v1/jobs/batch", body)
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


def _post(connection: http.client.HTTPConnection, token: str, path: str, body: Json) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 201, answer.status


def _sync_rate(folder: Path, count: int = 200) -> float:
    """How often a second 4 kB more are on the disk for sure."""
    descriptor = os.open(folder / "synced", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    began = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
    rate = count / (time.perf_counter() - began)
    os.close(descriptor)
    return rate


# P12


def _waiting(folder: Path) -> list[Figure]:
    def prepare(database: Database) -> None:
        for number in range(OWNERS):
            fill(database, f"owner{number}", _BURST, QUEUED // OWNERS)

    with StubbedGateway(folder, 2 * OWNERS, OWNERS, prepare) as gateway:
        pid = gateway.process.pid
        before = resident_megabytes(pid), threads(pid), open_files(pid)
        ours, theirs = multiprocessing.Pipe()
        crowd = multiprocessing.get_context("spawn").Process(
            target=listen_to, args=(gateway.port, list(gateway.tokens.values()), _jobs_by_client(), theirs)
        )
        crowd.start()
        assert ours.recv() == "waiting"
        accepted = _end_jobs(gateway)
        after = resident_megabytes(pid), threads(pid), open_files(pid)
        at, over = dict(_heard(ours, crowd)), time.monotonic()
    # What nobody heard of is at least as late as this.
    late = [1000 * (at.get(job, over) - ended) for job, ended in gateway.warden.ended.items()]
    print(
        f"{len(gateway.warden.ended)} jobs ended, {len(at)} of them heard; threads {before[1]} -> {after[1]},"
        f" open files {before[2]} -> {after[2]}"
    )
    told = "from a job's end to its client, 500 waiting, 50 ends a second"
    return [
        _alone("P12", told, "ms", late, Budget(100, "p99"), "finish to client"),
        _alone("P12", "memory more than at the start", "MB", [after[0] - before[0]], Budget(200), "memory"),
        _alone("P12", "one submission meanwhile", "ms", accepted, Budget(100), "accept meanwhile"),
        _alone(
            "P11", "start to ready, by jobs queued", "ms", [gateway.ready_after * 1000], Budget(1000), "start", QUEUED
        ),
    ]


def _alone(
    id: str, title: str, unit: str, samples: list[float], budget: Budget, variant: str, size: int | None = None
) -> Figure:
    return Figure(id, title, unit, [Contender(OURS, samples, _ACCEPT)], [budget], variant, size, STUBBED)


def _jobs_by_client() -> list[list[str]]:
    """Jobs end in the order of their ids; each client of an owner has its share of that owner's."""
    each = CLIENTS // OWNERS
    jobs = []
    for number in range(CLIENTS):
        first = number % OWNERS * (QUEUED // OWNERS) + 1
        mine = range(number // OWNERS, QUEUED // OWNERS, each)
        jobs.append([f"job_{first + position:016d}" for position in mine])
    return jobs


def _end_jobs(gateway: StubbedGateway) -> list[float]:
    """One job of each owner at once, five times a second; one submission after each. The times these took, in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    taken, began = [], time.monotonic()
    for number in range(SECONDS * 5):
        time.sleep(max(0.0, began + number / 5 - time.monotonic()))
        gateway.warden.end(OWNERS)
        start = time.perf_counter()
        _submit(connection, gateway.tokens["owner0"], experiment=_BURST)  # at the end of the line
        taken.append((time.perf_counter() - start) * 1000)
    time.sleep(1)
    connection.close()
    return taken


def _heard(ours: Connection, crowd: Any) -> list[tuple[str, float]]:
    ours.send("enough")
    heard: list[tuple[str, float]] = ours.recv()
    crowd.join()
    return heard


# What grows with the queue


def _at_size(folder: Path, size: int, samples: int) -> list[Figure]:
    services = Services.open(Settings.load({}, home=folder, running=2), Schemas(ROOT / "containers" / "schema"))
    try:
        for owner in ("owner", "another"):
            fill(services.database, owner, "burst", size // 2)
        steps = _steps(services, max(20, samples))
        client = create_app(services).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {services.home.token()}"
        lists = [_taken(lambda: client.get("/api/v1/jobs?limit=50").data) for _ in range(samples)]
        ends = [_taken(lambda: client.get("/api/v1/events?after=0&ends=only").data) for _ in range(samples)]
    finally:
        services.close()
    return [
        _alone("queue", "a step of the scheduler, by jobs queued", "ms", steps, Budget(50), "step", size),
        _alone("queue", "GET /jobs, by jobs queued", "ms", lists, Budget(100), "jobs", size),
        _alone("queue", "GET /events, by jobs queued", "ms", ends, Budget(50), "events", size),
    ]


def _steps(services: Services, count: int) -> list[float]:
    """Each ends one job and begins the next."""
    commands = NotedCommands()
    road = Road(services, commands)
    services.scheduler._commands = commands
    road.connect()
    taken, running = [], [road.started(), road.started()]
    for _ in range(count):
        attempt = running.pop(0)
        road.folder(attempt).result.write_text(json.dumps(NULL))
        taken.append(_taken(lambda attempt=attempt: _end_and_begin(road, attempt)))
        running.append(road.started())
    return taken


def _end_and_begin(road: Road, attempt: str) -> None:
    road.services.scheduler.handle({"event": "finished", "attempt": attempt})
    exited = {"code": 0, "oom": False, "started": None}
    road.services.scheduler.handle({"event": "exited", "attempt": attempt, "exit": exited})
    road.step()


def _taken(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000
