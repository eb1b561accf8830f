"""P7: a file to the gateway and back over loopback HTTP, beside `curl` to and from a bare end.

Ours checks the digest at both ends. It answers before the bytes are on the disk, and makes the job wait for that which
is given them, so the time until they are there is measured as well, beside a bare end that syncs.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from landbridge.client import Client

from bench.bare import bare, fetched_by_curl, sent_by_curl
from bench.figures import OURS, Budget, Figure
from bench.interleaving import interleaved
from bench.lines import Lines
from bench.resting import from_rest
from bench.run import Run

MEGABYTES = (10, 100, 1000)
CURL, SYNCING = "curl, bare end", "curl, bare end that syncs"
_PROVIDES = ("record",)
Ways = dict[str, Callable[[], float]]  # megabytes a second, by contender
_NOTE = "The digest is checked at both ends, which the bare end does not do."
_R = Path(__file__).parent / "over_http.R"


def measure(run: Run) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # The same way as from another machine.
        environ = run.serving.environ | {"LANDBRIDGE_SHARED_FILES": "0"}
        r = stack.enter_context(Lines(["Rscript", str(_R)], environ)) if "r" in run.languages else None
        ends = [stack.enter_context(bare(Path(folder), syncs)) for syncs in (False, True)]
        sizes = MEGABYTES[:1] if run.quick else MEGABYTES
        return [one for size in sizes for one in _at_size(run, Path(folder), size, r, ends)]


def _at_size(run: Run, folder: Path, size: int, r: Lines | None, ends: list[str]) -> list[Figure]:
    path = folder / "large.bin"
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for _ in range(size):
            file.write(block)
    rounds = max(3, run.samples // 3)
    kept = run.serving.home / "depot" / "objects"
    up: Ways = {f"{OURS}, python": partial(_up, run, path, kept)}
    down: Ways = {f"{OURS}, python": partial(_down, run, _stored(run, path), size)}
    synced: Ways = {f"{OURS}, python": partial(_up, run, path, kept, until_synced=True)}
    if r is not None:
        up[f"{OURS}, r"] = partial(_asked, r, f"up {path}", size, kept)
        down[f"{OURS}, r"] = partial(_asked, r, f"down {_stored(run, path)}", size)
        synced[f"{OURS}, r"] = partial(_asked, r, f"up {path}", size, kept, until_synced=True)
    bare_up: Ways = {CURL: partial(sent_by_curl, ends[0], path)}
    bare_synced: Ways = {SYNCING: partial(sent_by_curl, ends[1], path)}
    bare_down: Ways = {CURL: partial(fetched_by_curl, ends[0], path, folder / "fetched")}
    ways = (("to the gateway", up, bare_up), ("onto its disk", synced, bare_synced), ("back", down, bare_down))
    found = []
    for way, ours, bares in ways:
        taken = interleaved(from_rest(ours | bares, 2 * size), rounds, dict.fromkeys(ours, _PROVIDES), unmeasured=1)
        for name in ours:
            variant = f"{name.rpartition(' ')[2]}, {way}"
            title = f"a file {way} over loopback HTTP, by megabytes"
            budgets = [Budget(0.7, beside=CURL, side="at least")] if size == MEGABYTES[-1] and CURL in bares else []
            beside = [taken[name], *(taken[other] for other in bares)]
            found.append(Figure("P7", title, "MB/s", beside, budgets, variant, size, _NOTE, more_is_better=True))
    _forget(kept)
    path.unlink()
    return found


def _stored(run: Run, path: Path) -> str:
    client = _client(run)
    reference = client.upload(path, "bin")
    client.close()
    return reference


def _client(run: Run) -> Client:
    client = Client(run.serving.url, run.serving.token)
    client._asked = True  # it has not looked for the gateway's files, and will not
    return client


def _up(run: Run, path: Path, kept: Path, until_synced: bool = False) -> float:
    client = _client(run)
    client.get("")
    start = time.perf_counter()
    reference = client.upload(path, "bin")
    if until_synced:
        _sync(kept, reference)
    taken = time.perf_counter() - start
    client.close()
    _forget(kept, reference)
    return path.stat().st_size / 1e6 / taken


def _down(run: Run, reference: str, size: int) -> float:
    client = _client(run)
    client.get("")
    start = time.perf_counter()
    path = client.download(reference)
    taken = time.perf_counter() - start
    assert path.stat().st_size == size * 1_000_000
    path.unlink()  # at once, as those of the others: else each one takes memory that was not used before
    client.close()
    return size / taken


def _asked(r: Lines, question: str, size: int, kept: Path | None = None, until_synced: bool = False) -> float:
    seconds, _, reference = r.ask(question).partition(" ")
    taken = float(seconds)
    if kept is not None:
        taken += _sync(kept, reference) if until_synced else 0
        _forget(kept, reference)
    return size / taken


def _sync(kept: Path, reference: str) -> float:
    """Wait for the disk as whoever is given the object does; the seconds it took."""
    start = time.perf_counter()
    for path in kept.rglob(f"{reference}*.bin"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return time.perf_counter() - start


def _forget(kept: Path, reference: str = "obj_") -> None:
    """The disk is not ours alone."""
    for path in kept.rglob(f"{reference}*.bin"):
        path.unlink()
