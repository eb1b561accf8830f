"""Many kills in few installations side by side, and what came of them; ``python -m tests.faults.matrix 5000``."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from landbridge_gateway.failpoints import STEPS

from tests.faults.cells import Cell, cells
from tests.faults.history import broken_promises
from tests.faults.killing import AT_RANDOM, Killing, Tally

VICTIMS = ("gateway", "warden", "service", "job", "client")
SIDE_BY_SIDE = 2
_IN_A_STORM = 50
_IN_A_HOME = 100  # kills, after which another home is begun: what is left over is looked for at its end


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

    return _side_by_side(folder, [(work, part) for part in parts if part])


def run_storms(folder: Path, kills: int, seed: int) -> Report:
    """So many kills at random times under load."""
    each = [kills // SIDE_BY_SIDE + (number < kills % SIDE_BY_SIDE) for number in range(SIDE_BY_SIDE)]
    return _side_by_side(
        folder,
        [(lambda killing, given: killing.storm(*given), (count, seed + number)) for number, count in enumerate(each)],
    )


def _side_by_side(folder: Path, work: Sequence) -> Report:
    report, begun = Report(), time.monotonic()

    def one(number: int) -> tuple[Tally, list[str]]:
        do, given = work[number]
        with Killing(folder / f"{number}") as killing:
            do(killing, given)
        return killing.tally, broken_promises(killing.serving.home, killing.tally.accepted)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for found in pool.map(one, range(len(work))):
            report.add(*found)
    report.seconds = time.monotonic() - begun
    return report


def main(kills: int, seed: int) -> int:
    """Rounds of all cells in a random order, and of storms, until there were so many kills."""
    total, dice, begun = Report(), random.Random(seed), time.monotonic()
    print(f"seed {seed}", flush=True)
    while (left := kills - sum(total.kills.values())) > 0:
        with tempfile.TemporaryDirectory(prefix="landbridge-kills-") as folder:
            if dice.random() < 1 / 3:
                found = run_storms(Path(folder), min(left, _IN_A_STORM * SIDE_BY_SIDE), dice.randrange(2**32))
            else:
                wanted = dice.sample(cells(VICTIMS), _IN_A_HOME * SIDE_BY_SIDE)[:left]
                found = run_cells(Path(folder), wanted)
        total.kills += found.kills
        total.states += found.states
        total.accepted += found.accepted
        total.broken += found.broken
        total.seconds_to_quiet = max(total.seconds_to_quiet, found.seconds_to_quiet)
        total.seconds = time.monotonic() - begun
        print(
            f"{sum(total.kills.values())} kills, {len(total.broken)} broken promises",
            *found.broken,
            sep="\n",
            flush=True,
        )
    print(*total.lines(), sep="\n")
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)))
