"""Many kills in few installations side by side, and what came of them: ``python -m tests.faults.matrix KILLS [SEED]``.

Each round tells its seed: a run with that seed begins with the same round.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from landbridge_gateway.failpoints import STEPS

from tests.faults.cells import Cell, cells
from tests.faults.history import broken_promises
from tests.faults.killing import AT_RANDOM, Killing, Tally, told

VICTIMS = ("gateway", "warden", "service", "job", "client")
SIDE_BY_SIDE = 2
_IN_A_STORM = 50
_IN_A_HOME = 100  # kills, after which another home is begun: what is left over is looked for at its end
_IDLE = 3  # rounds without a kill, after which nothing more is expected of the next


@dataclass
class Report:
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    accepted: int = 0
    seconds: float = 0.0
    seconds_to_quiet: float = 0.0

    def add(self, tally: Tally, promises: list[str]) -> None:
        self.kills += tally.kills
        self.states += tally.states
        self.accepted += len(tally.accepted)
        self.seconds_to_quiet = max(self.seconds_to_quiet, tally.seconds_to_quiet)
        self.broken += [*tally.broken, *promises]

    def join(self, other: Report) -> None:
        self.kills += other.kills
        self.states += other.states
        self.accepted += other.accepted
        self.seconds_to_quiet = max(self.seconds_to_quiet, other.seconds_to_quiet)
        self.broken += other.broken

    def lines(self) -> Iterator[str]:
        """The table by step and victim."""
        victims = sorted({victim for _, victim in self.kills}, key=VICTIMS.index)
        yield f"{'step':<22}" + "".join(f"{victim:>9}" for victim in victims)
        for step in (*STEPS, AT_RANDOM):
            counts = [self.kills[step, victim] for victim in victims]
            if any(counts):
                yield f"{step:<22}" + "".join(f"{count or '-':>9}" for count in counts)
        total = sum(self.kills.values())
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        yield f"{total} kills, {self.accepted} accepted jobs ({ended}), {len(self.broken)} broken promises"
        each = self.seconds / max(1, total)
        yield f"{self.seconds:.0f} s, {each:.2f} s for each kill; nothing left after {self.seconds_to_quiet:.1f} s"
        yield from self.broken


def run_cells(folder: Path, wanted: Sequence[Cell]) -> Report:
    """Each cell once, in installations side by side."""
    parts = [wanted[number::SIDE_BY_SIDE] for number in range(SIDE_BY_SIDE)]

    def work(killing: Killing, part: Sequence[Cell]) -> None:
        for cell in part:
            killing.run(cell)

    named = [(f"{len(part)} cells", partial(work, part=part)) for part in parts if part]
    return _side_by_side(folder, named)


def run_storms(folder: Path, kills: int, seed: int) -> Report:
    """So many kills at random times under load."""
    each = [kills // SIDE_BY_SIDE + (number < kills % SIDE_BY_SIDE) for number in range(SIDE_BY_SIDE)]
    named = [
        (f"storm of {count} with seed {seed + number}", partial(Killing.storm, kills=count, seed=seed + number))
        for number, count in enumerate(each)
        if count
    ]
    return _side_by_side(folder, named)


def _side_by_side(folder: Path, work: Sequence[tuple[str, Callable[[Killing], None]]]) -> Report:
    report, begun = Report(), time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        installations = [folder / f"{number}" for number in range(len(work))]
        for found in pool.map(_one, installations, work):
            report.add(*found)
    report.seconds = time.monotonic() - begun
    return report


def _one(folder: Path, work: tuple[str, Callable[[Killing], None]]) -> tuple[Tally, list[str]]:
    """What came of one installation; whatever breaks it is told with its name, and the others go on."""
    (name, do), tally = work, Tally()
    try:
        with Killing(folder) as killing:
            tally = killing.tally
            do(killing)
        promises = broken_promises(killing.serving.home, tally.accepted)
    except Exception as problem:  # noqa: BLE001
        promises = [told(problem)]
    return tally, [f"{name}: {problem}" for problem in promises]


def main(kills: int, seed: int) -> int:
    """Rounds of cells in a random order, and of storms, until there were so many kills."""
    total, seeds, begun, idle = Report(), random.Random(seed), time.monotonic(), 0
    while (left := kills - sum(total.kills.values())) > 0 and idle < _IDLE:
        folder = Path(tempfile.mkdtemp(prefix="landbridge-kills-"))
        found = run_round(folder, left, seed)
        found.broken = [f"seed {seed}: {problem}" for problem in found.broken]
        total.join(found)
        total.seconds = time.monotonic() - begun
        made = sum(found.kills.values())
        idle = 0 if made else idle + 1
        print(f"seed {seed}: {made} kills, {len(found.broken)} broken promises", *found.broken, sep="\n", flush=True)
        if found.broken:
            print(f"What is left of that is kept in {folder}.", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        seed = seeds.randrange(2**32)
    print(*total.lines(), sep="\n")
    return 1 if total.broken or left > 0 else 0


def run_round(folder: Path, most: int, seed: int) -> Report:
    """One storm, or cells: the first round of a run with the same seed is the same."""
    dice = random.Random(seed)
    if dice.random() < 1 / 3:
        return run_storms(folder, min(most, _IN_A_STORM * SIDE_BY_SIDE), dice.randrange(2**32))
    known = cells(VICTIMS)
    return run_cells(folder, dice.sample(known, min(len(known), _IN_A_HOME * SIDE_BY_SIDE))[:most])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)))
