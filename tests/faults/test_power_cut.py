"""A power cut at any moment: every acknowledged job is there, with its inputs or word that they are not, and every
result that somebody was told of is whole."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import landbridge as lb
import numpy as np
import pandas as pd
import pytest
from landbridge import submission, transfers
from landbridge.client import current

from tests import processes
from tests.faults.cells import LANGUAGES, body, given
from tests.faults.clients import Client
from tests.faults.written import Call, Disk, calls, strace, told
from tests.patience import PATIENCE
from tests.serving import COMMAND, Serving

_OBJECT = re.compile(r"obj_[0-9a-z]{16}")
KEPT = re.compile(r"landbridge\.db|/home$|/objects")
LARGE = 3 * 1024**2  # bytes of a table that is not brought to the disk before its job is accepted


class Traced(Serving):
    """A gateway all of whose writing is written down."""

    def __init__(self, home: Path, log: Path) -> None:
        super().__init__(home, "process", [*strace(log), *COMMAND])

    def tell(self, number: signal.Signals) -> None:
        # strace would pass away and leave it running.
        for pid in processes.children(self.process.pid):
            os.kill(pid, number)


@dataclass
class Told:
    """What clients know by now."""

    jobs: dict[str, str] = field(default_factory=dict)  # and their states

    def hear(self, document: dict) -> None:
        found = [*document.get("jobs", {}).values()] if isinstance(document.get("jobs"), dict) else []
        found += [document["job"]] if "state" in (document.get("job") or {}) else []
        self.jobs |= {job["id"]: job["state"] for job in found}
        self.jobs |= {point["job"]: point["state"] for point in document.get("points", []) if "job" in point}


@dataclass(frozen=True)
class Recorded:
    calls: list[Call]
    home: Path
    jobs: list[str]


def double(frame):
    return frame * 2


# One that is over at once, and one that takes longer than the answer to its submission waits for its end.
CALLS = {
    "python": (
        lb.python("def same(x):\n    return x\n"),
        lb.python(
            "import time\nfrom pathlib import Path\n\ndef until_there(path):\n"
            "    while not Path(path).exists():\n        time.sleep(0.01)\n",
            "until_there",
        ),
    ),
    "r": (
        lb.r("same <- function(x) x"),
        lb.r("until_there <- function(path) while (!file.exists(path)) Sys.sleep(0.01)"),
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("cut")
    log, home = folder / "written", folder / "home"
    with Traced(home, log) as serving:
        clients = [submitted(serving, folder, language) for language in LANGUAGES]
        lb.connect(serving.url, serving.token)
        small, large = pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": np.arange(LARGE // 8, dtype="float64")})
        jobs = [lb.submit(double, frame) for frame in (small, large)]
        for job in jobs:
            assert float(job.result(timeout=2 * PATIENCE)["x"].iloc[1]) == 2.0 * float(1 + (job is jobs[0]))
        jobs.append(sent_over_http())
        jobs += [job for language in LANGUAGES for job in called(folder, language)] + swept()
        known = [client.end()["job"] for client in clients] + [job.id for job in jobs]
        current().close()
    return Recorded(list(calls(log)), home, known)


def sent_over_http() -> lb.Job:
    """One that is given a table that is an object before it is on the disk."""
    frame = pd.DataFrame({"x": np.arange(2 * transfers.IN_PARTS // 8, dtype="float64")})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(current(), "shared", lambda: None)
        job = lb.submit(double, frame)
    assert float(job.result(timeout=2 * PATIENCE)["x"].iloc[1]) == 2.0
    return job


def called(folder: Path, language: str) -> list[lb.Job]:
    """Calls of a session: one that is over at once, and one that is acknowledged without its end."""
    go, (same, until_there) = folder / f"{language}.go", CALLS[language]
    with lb.session(language) as held, pytest.MonkeyPatch.context() as patched:
        patched.setattr(submission, "_is_short", lambda _: True)  # whose end is waited for, slow as all is here
        short = held.submit(same, 4)
        assert short.result(timeout=2 * PATIENCE) == 4
        long = held.submit(until_there, str(go))
        assert long.state == "running"
        go.touch()
        assert long.result(timeout=2 * PATIENCE) is None
    return [short, long]


def swept() -> list[lb.Job]:
    """Points of sweeps that each make a table."""
    in_r = lb.r("table_of <- function(n) data.frame(n = rep(n, 3))\n", "table_of")
    sweeps = [lb.map(what, [1, 2, 3]) for what in (table_of, in_r)]
    for sweep in sweeps:
        tables = sweep.result(timeout=2 * PATIENCE)
        assert [len(table) for table in tables] == [3, 3, 3]
    return [job for sweep in sweeps for job in sweep]


def table_of(n):
    return pd.DataFrame({"n": [n] * 3})


def submitted(serving: Serving, folder: Path, language: str) -> Client:
    """One that sends its input over HTTP, and gets an object of its language."""
    own = folder / language
    own.mkdir()
    (own / "input").write_bytes(given())
    (own / "key").write_text(language)
    (own / "body.json").write_text(json.dumps(body(language, "", "")))
    client = Client(serving, own)
    client.start()
    client.go()
    return client


def test_what_was_written_down_is_what_is_there(recorded: Recorded) -> None:
    """The record has all that was done, or the cuts below would prove nothing."""
    disk = Disk(recorded.home)
    for call in recorded.calls:
        disk.take(call)
    there = {str(path) for path in recorded.home.rglob("*") if path.is_file() and not str(path).endswith("-shm")}
    # The folders of calls are written through links, which the record does not follow.
    known = {path for path, node in disk.names.items() if node is not None and not path.endswith("-shm")}
    called = calls_of(recorded)
    assert len(called) == 4
    passing = re.compile("|".join(["/logs/", "/lock$", "/out/", "/calls/", *called]))
    assert {path for path in known if not passing.search(path)} == {path for path in there if not passing.search(path)}
    for path in known & there:
        node = disk.names[path]
        assert node is not None
        if node.data is not None and not passing.search(path):
            assert bytes(node.data) == Path(path).read_bytes(), path


def calls_of(recorded: Recorded) -> list[str]:
    folders = [recorded.home / "depot" / "jobs" / job for job in recorded.jobs]
    return [folder.name for folder in folders if any(path.is_symlink() for path in folder.glob("*"))]


@pytest.mark.parametrize("all_names", [False, True], ids=["names gone", "names kept"])
def test_a_cut_at_any_moment(recorded: Recorded, tmp_path: Path, all_names: bool) -> None:
    disk, known, cuts = Disk(recorded.home), Told(), 0
    broken: list[str] = []
    for call in recorded.calls:
        disk.take(call)
        document = told(call)
        known.hear(document)
        if document or (call.name in ("fsync", "fdatasync") and KEPT.search(call.file)):
            cuts += 1
            disk.left(tmp_path / "left", all_names)
            broken += [f"cut {cuts}: {problem}" for problem in problems(tmp_path / "left", recorded.home, known)]
    assert broken == []
    assert set(recorded.jobs) <= known.jobs.keys()
    assert [known.jobs[job] for job in recorded.jobs] == ["succeeded"] * 15
    assert cuts > 50


def problems(left: Path, whole: Path, known: Told) -> Iterator[str]:
    """What was promised and is not there."""
    if not known.jobs:
        return
    record = sqlite3.connect(left / "landbridge.db")
    record.row_factory = sqlite3.Row
    try:
        if record.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            yield "the database is broken"
        for job, state in known.jobs.items():
            row = record.execute('SELECT state, "values", result FROM jobs WHERE id = ?', (job,)).fetchone()
            if row is None:
                yield f"{job} was acknowledged and is gone"
                continue
            if state == "succeeded" and row["state"] != state:
                yield f"{job} had succeeded and is {row['state']}"
            given = _OBJECT.findall(row["values"])
            made = _OBJECT.findall(row["result"] or "") if row["state"] == "succeeded" else []
            yield from (f"{job}: {sentence}" for one in given for sentence in damage(record, left, whole, one, True))
            yield from (f"{job}: {sentence}" for one in made for sentence in damage(record, left, whole, one, False))
    finally:
        record.close()


def damage(record: sqlite3.Connection, left: Path, whole: Path, one: str, given: bool) -> Iterator[str]:
    row = record.execute("SELECT digest, stamp FROM objects WHERE id = ?", (one,)).fetchone()
    if row is None:
        yield f"nothing is known of {one}"
        return
    if given and row["digest"] is None and row["stamp"]:
        return  # the next start doubts it, and says so: see test_a_file_that_a_cut_may_have_caught
    there = next((left / "depot" / "objects").glob(f"*/{one}.*"), None)
    kept = next((whole / "depot" / "objects").glob(f"*/{one}.*"))
    if there is None:
        yield f"{one} is gone"
    elif there.read_bytes() != kept.read_bytes():
        yield f"{one} is torn: {there.stat().st_size} of {kept.stat().st_size} bytes"
