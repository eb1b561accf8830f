"""Measures what budgets are set for: `python -m bench [--quick] [--samples N] [--only P1,P15]`.

Writes bench/output/full.json or quick.json, and bench/output/figures.md with the same table as the terminal. What was
measured of a run that was cut short stands in bench/output/full.part.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import landbridge as lb

from bench import (
    burst,
    calls,
    codec,
    cold,
    content_key,
    environments,
    idle,
    load,
    over_http,
    overload,
    passing,
    sessions,
    sweep,
    tables,
)
from bench.figures import Figure, as_record
from bench.peers import PEERS
from bench.run import Run
from bench.table import summary, table
from tests.serving import Serving

OUTPUT = Path(__file__).parent / "output"
FORMAT = 1
FULL, QUICK = 15, 5
# What measures which ids of the list; a new figure is one line here.
MODULES: tuple[tuple[tuple[str, ...], Callable[[Run], list[Figure]]], ...] = (
    (("P11",), idle.measure),
    (("P1",), calls.measure),
    (("P2",), cold.measure),
    (("P3",), burst.measure),
    (("P4",), sweep.measure),
    (("P15", "many", "frame"), sessions.measure),
    (("P6",), tables.measure),
    (("P7",), over_http.measure),
    (("P8",), passing.measure),
    (("codec",), codec.measure),
    (("key",), content_key.measure),
    (("P5", "P11", "P12", "queue"), load.measure),
    (("overload",), overload.measure),
    (("P13",), environments.measure),
)


def measured(
    run: Run, only: frozenset[str] = frozenset(), so_far: Callable[[list[Figure]], None] = lambda _: None
) -> list[Figure]:
    """``so_far`` is told what there is after each module: a run takes most of an hour, and may be cut short."""
    found: list[Figure] = []
    for ids, measure in MODULES:
        if only and not only & set(ids):
            continue
        start = time.monotonic()
        figures = measure(run)
        print(f"{', '.join(ids)}: {time.monotonic() - start:.0f} s", flush=True)
        found += [figure for figure in figures if not only or figure.id in only]
        so_far(found)
    return found


def record(figures: list[Figure], mode: str) -> dict[str, Any]:
    """The file that everything told of a run is told from. It names no host and no path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    machine = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
    }
    return {"format": FORMAT, "mode": mode, "machine": machine, "figures": [as_record(figure) for figure in figures]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="fewer samples, smallest sizes, no heavy peers")
    parser.add_argument("--samples", type=int, help=f"rounds: {FULL}, or {QUICK} when quick")
    parser.add_argument("--only", default="", help="ids, separated by commas; nothing is written then")
    given = parser.parse_args()
    mode = "quick" if given.quick else "full"
    peers = tuple(peer for peer in PEERS if not (given.quick and peer.heavy))
    with tempfile.TemporaryDirectory() as folder, Serving(Path(folder) / "home") as serving:
        lb.connect(serving.url, serving.token)
        run = Run(serving, given.samples or (QUICK if given.quick else FULL), given.quick, peers=peers)
        OUTPUT.mkdir(exist_ok=True)
        begun = OUTPUT / f"{mode}.part.json"
        only = frozenset(filter(None, given.only.split(",")))
        figures = measured(run, only, lambda found: keep(begun, record(found, mode)))
    done = record(figures, mode)
    text = f"{table(done)}\n\n{summary(done)}\n"
    print(text)
    if not only:
        keep(OUTPUT / f"{mode}.json", done)
        (OUTPUT / "figures.md").write_text(text)
    begun.unlink(missing_ok=True)
    return 0


def keep(path: Path, done: dict[str, Any]) -> None:
    path.write_text(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
