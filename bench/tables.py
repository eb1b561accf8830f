"""P6: a numeric frame to a job of the other language and a frame of its size back, beside writing and mapping the same
Arrow files by hand, and beside other ways between the two languages.

By hand means: both processes run already, in containers of the same images and limits, and tell each other by a line
that a file is there. Each contender starts from the frame in hand, and ends with a frame in hand whose columns were
centred by the other language. Beside it handing over alone: from the file that is written to the object's id.
"""

from __future__ import annotations

import gc
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import landbridge as lb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from landbridge.client import current

from bench.figures import OURS, PROVIDES, Budget, Contender, Figure
from bench.interleaving import Unable, interleaved
from bench.lines import Lines
from bench.resting import from_rest, most_of_memory
from bench.run import Run
from tests.conformance.harness import image_of
from tests.serving import COMMAND

HERE = Path(__file__).parent
COLUMNS = 10
MEGABYTES = (10, 100, 1000)
BY_HAND = "Arrow files by hand"
_LIMITS = ("--cpus", "1", "--memory", "8g")
_FILES = 5  # of the frame's size, by which both ends take memory until the frame is back
_SLOW, _SLOWEST = ("CSV", "rpy2"), 100  # megabytes beyond which these take minutes
_CENTRE = {
    "r": "f <- function(df) {\n  df[] <- lapply(df, function(x) x - mean(x))\n  df\n}\n",
    "python": "def f(df):\n    return df - df.mean()\n",
}


def measure(run: Run) -> list[Figure]:
    sizes = MEGABYTES[:1] if run.quick else MEGABYTES
    found = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o777)
        if "python" in run.languages:
            found += [_from_python(run, folder, size) for size in sizes]
        if "r" in run.languages:
            found += [_from_r(run, folder, size) for size in sizes]
    return [*found, *[_handing_over(run, size) for size in MEGABYTES]]


def _figure(run: Run, client: str, size: int, contenders: dict[str, Callable[[], float]]) -> Figure:
    rounds, few = max(3, 2 * run.samples // 3), max(2, run.samples // 6)
    # The other ways take three to fifty times as long, which few rounds show; nobody finds memory for what would take
    # minutes.
    slow = {name: way for name, way in contenders.items() if size > _SLOWEST and name in _SLOW}
    able = {name: way for name, way in contenders.items() if name not in slow}
    rested = from_rest(able, most_of_memory() if size == MEGABYTES[-1] else _FILES * size)
    ways, fewer = rested | dict.fromkeys(slow, _takes_minutes), dict.fromkeys(set(able) - {OURS, BY_HAND}, few)
    taken = interleaved(ways, rounds, {OURS: PROVIDES}, unmeasured=1, fewer=fewer)
    title = f"a frame of {COLUMNS} numeric columns to a job of the other language and back, by megabytes, from {client}"
    budgets = [Budget(1.3, beside=BY_HAND)] if size == MEGABYTES[-1] else []
    return Figure("P6", title, "ms", list(taken.values()), budgets, client, size)


# From Python, through R.


def _from_python(run: Run, folder: Path, size: int) -> Figure:
    frame = _frame(size)
    with ExitStack() as stack:
        hand = stack.enter_context(_container("r", folder, "Rscript", "/bench/by_hand.R"))
        contenders: dict[str, Callable[[], float]] = {OURS: partial(_ours, run, frame)}
        for name, form in ((BY_HAND, "arrow"), ("Parquet", "parquet"), ("CSV", "csv"))[: 2 if run.quick else 3]:
            contenders[name] = partial(_by_hand, hand, folder, form, frame)
        if not run.quick:
            bridge = stack.enter_context(_container("polyglot", folder, "python3", "/bench/with_rpy2.py"))
            contenders["rpy2"] = partial(_bridged, bridge, size)
        return _figure(run, "python", size, contenders)


def _frame(size: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = size * 1_000_000 // (8 * COLUMNS)
    return pd.DataFrame({f"column{number}": random.normal(size=rows) for number in range(COLUMNS)})


def _ours(run: Run, frame: pd.DataFrame) -> float:
    run.rest()
    task = lb.task(lb.r(_CENTRE["r"], "f"), memory="8g")
    start = time.perf_counter()
    result = lb.submit(task, frame).result()
    taken = 1000 * (time.perf_counter() - start)
    _check(result, frame)
    del result
    _forget(run)
    return taken


def _check(result: pd.DataFrame, frame: pd.DataFrame) -> None:
    assert result.shape == frame.shape
    assert abs(result["column0"].iloc[:1000].sub(frame["column0"].iloc[:1000]).std()) < 1e-9


def _forget(run: Run) -> None:
    """The disk is not ours alone. What is mapped stays until it is let go."""
    gc.collect()
    for path in (run.serving.home / "depot" / "objects").rglob("*.arrow"):
        path.unlink()


def _by_hand(hand: Lines, folder: Path, form: str, frame: pd.DataFrame) -> float:
    there, back = folder / f"there.{form}", folder / f"back.{form}"
    start = time.perf_counter()
    _write(frame, there, form)
    hand.ask(f"{form} {there} {back}")
    result = _read(back, form)
    taken = 1000 * (time.perf_counter() - start)
    _check(result, frame)
    there.unlink()
    back.unlink()
    return taken


def _write(frame: pd.DataFrame, path: Path, form: str) -> None:
    if form == "csv":
        frame.to_csv(path, index=False)
        return
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if form == "parquet":
        pq.write_table(table, path)
        return
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path, form: str) -> pd.DataFrame:
    if form == "csv":
        return pd.read_csv(path)
    if form == "parquet":
        return pq.read_table(path).to_pandas()
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all().to_pandas(split_blocks=True)


def _takes_minutes() -> float:
    raise Unable("takes minutes at this size")


def _bridged(bridge: Lines, size: int) -> float:
    return 1000 * float(bridge.ask(str(size * 1_000_000 // (8 * COLUMNS))))


# From R, through Python. R's client runs in a container too, for there it has the package arrow.


def _from_r(run: Run, folder: Path, size: int) -> Figure:
    rows = size * 1_000_000 // (8 * COLUMNS)
    home = run.serving.home
    with ExitStack() as stack:
        for name in ("ask", "answer"):
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name)
            (folder / name).chmod(0o666)
        worker = f"exec python3 /bench/by_hand.py <{folder}/ask >{folder}/answer"
        stack.enter_context(_container("python", folder, "sh", "-c", worker, waits=False))
        client = _container(
            "r",
            folder,
            "Rscript",
            "/bench/from_r.R",
            str(folder),
            str(rows),
            options=("--network", "host", "--user", "0", "-v", f"{home}:{home}", "-e", f"LANDBRIDGE_HOME={home}"),
        )
        asked = stack.enter_context(client)
        contenders: dict[str, Callable[[], float]] = {
            OURS: partial(_ours_from_r, run, asked),
            BY_HAND: lambda: 1000 * float(asked.ask("hand")),
        }
        if not run.quick:
            bridge = stack.enter_context(_container("polyglot", folder, "Rscript", "/bench/with_reticulate.R"))
            contenders["reticulate"] = partial(_bridged, bridge, size)
        return _figure(run, "r", size, contenders)


def _ours_from_r(run: Run, asked: Lines) -> float:
    run.rest()
    taken = 1000 * float(asked.ask("ours"))
    _forget(run)
    return taken


@contextmanager
def _container(
    language: str, folder: Path, *command: str, options: tuple[str, ...] = ("--network", "none"), waits: bool = True
) -> Iterator[Lines]:
    """A process in the language's image that sees ``folder``."""
    image = image_of(language) if language != "polyglot" else _polyglot()
    program, *arguments = command
    start = ["docker", "run", "--rm", "-i", *_LIMITS, *options, "-v", f"{folder}:{folder}"]
    start += ["-v", f"{HERE / 'frames'}:/bench:ro", "--tmpfs", "/tmp:size=1g", "--entrypoint", program]
    lines = Lines([*start, image, *arguments])
    if waits:
        lines.ready()
    try:
        yield lines
    finally:
        lines.close()


def _polyglot() -> str:
    built = subprocess.run([*COMMAND, "images", "build", "polyglot"], capture_output=True, text=True, check=True)
    return built.stdout.split()[-1]


# Handing over alone.


def _handing_over(run: Run, size: int) -> Figure:
    return Figure(
        "P6",
        "handing a file over that is written, until it is an object, by megabytes",
        "ms",
        [Contender(OURS, [_handed(run, size) for _ in range(run.samples)], ("record",))],
        [Budget(20)],
        "handing over",
        size,
    )


def _handed(run: Run, size: int) -> float:
    client = current()
    shared = client.shared()
    assert shared is not None
    path = shared.new_file()
    with path.open("wb") as file:
        file.truncate(size * 1_000_000)
    start = time.perf_counter()
    reference = client.hand_over(path, "bin")
    taken = 1000 * (time.perf_counter() - start)
    assert reference is not None
    # Its digest is made behind our back: the next sample waits until it is there.
    client.get(f"/objects/{reference}/digest", patience=60)
    for stored in (run.serving.home / "depot" / "objects").rglob(f"{reference}.*"):
        stored.unlink()
    return taken
