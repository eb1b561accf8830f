"""What the record and the disk must say after any number of kills, looked at when nothing serves any more."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from landbridge_gateway.engines.leftovers import leftovers

_ENDS = "state IN ('succeeded', 'failed', 'cancelled', 'lost')"


_OPEN = "SELECT job, number FROM attempts WHERE state != 'exited'"


def broken_promises(home: Path, accepted: dict[str, str]) -> list[str]:
    """One sentence for each; ``accepted`` has the keys of the jobs that clients were told of, and their ids."""
    record = sqlite3.connect(f"file:{home / 'landbridge.db'}?mode=ro", uri=True)
    try:
        return [*_jobs(record, accepted), *_objects(record, home), *_left(record, home)]
    finally:
        record.close()


def stirring(home: Path) -> list[str]:
    """What is on its way, or left of something: nothing, when it is quiet."""
    record = sqlite3.connect(f"file:{home / 'landbridge.db'}?mode=ro", uri=True)
    try:
        return [*_left(record, home), *_open_attempts(record)]
    finally:
        record.close()


def _jobs(record: sqlite3.Connection, accepted: dict[str, str]) -> list[str]:
    known = dict(record.execute("SELECT id, state FROM jobs"))
    keys = Counter(key for (key,) in record.execute("SELECT key FROM jobs"))
    ends: dict[str, list[str]] = {job: [] for job in known}
    for job, state in record.execute(f"SELECT job, state FROM events WHERE {_ENDS} ORDER BY seq"):
        ends[job].append(state)
    said = [f"{job} was accepted and is not there" for job in accepted.values() if job not in known]
    said += [f"{job} is {known[job]}, and ended as {told}" for job, told in ends.items() if told != [known[job]]]
    said += [f"the key {key} made {count} jobs" for key, count in keys.items() if count != 1]
    return said + _open_attempts(record)


def _open_attempts(record: sqlite3.Connection) -> list[str]:
    return [f"attempt {job}.{number} was never closed" for job, number in record.execute(_OPEN)]


def _objects(record: sqlite3.Connection, home: Path) -> list[str]:
    rows = {row[0]: row[1:] for row in record.execute("SELECT id, size, origin FROM objects")}
    files = {path.name.partition(".")[0]: path for path in (home / "depot" / "objects").glob("*/*")}
    said = [f"the file of {one} is not there" for one in rows if one not in files]
    said += [
        f"{one} has {files[one].stat().st_size} bytes, not {size}"
        for one, (size, _) in rows.items()
        if one in files and files[one].stat().st_size != size
    ]
    results = [row[0] for row in record.execute("SELECT result FROM jobs WHERE result IS NOT NULL")]
    for one, (_, origin) in rows.items():
        holders = sum(one in result for result in results)
        if origin != "upload" and holders != 1:
            said.append(f"{one} of {origin} is in {holders} results")
    return said


def _left(record: sqlite3.Connection, home: Path) -> list[str]:
    depot = home / "depot"
    said = [f"{path.name} is left in the intake" for path in (depot / "intake").iterdir() if path.name != "nonce"]
    said += [f"{path} is left" for pattern in ("jobs/*/*/in", "tmp/*", "slots/*") for path in depot.glob(pattern)]
    undone = record.execute("SELECT count(*) FROM objects WHERE digest IS NULL").fetchone()[0]
    if undone:
        said.append(f"{undone} objects have no digest")
    return said + [f"process {pid} is left" for pid in leftovers((home / "id").read_text().strip())]
