"""Contenders take turns, there and back: A, B, C, C, B, A, so that what drifts hits all alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from bench.figures import Contender

Key = TypeVar("Key", bound=Hashable)


class Unable(Exception):
    """A contender cannot do the work; the message says why, and names nothing of this machine."""


def order(names: Sequence[Key], rounds: int, fewer: Mapping[Key, int] | None = None) -> list[Key]:
    """Who runs when, over all rounds. Who has ``fewer`` of them takes part in so many, spread evenly over all."""
    most = dict.fromkeys(names, rounds) | dict(fewer or {})
    return [
        name
        for number in range(rounds)
        for name in (reversed(names) if number % 2 else names)
        if (number + 1) * most[name] // rounds > number * most[name] // rounds
    ]


def interleaved(
    run: Mapping[str, Callable[[], float]],
    rounds: int,
    provides: Mapping[str, Sequence[str]] | None = None,
    unmeasured: int = 0,
    fewer: Mapping[str, int] | None = None,
) -> dict[str, Contender]:
    """Each callable does the work once and gives its figure in the figure's unit.

    One that raises ``Unable`` becomes a row that says why; the others go on. The first ``unmeasured`` rounds are for
    what is slow once only, and all take part in them; of the others ``fewer`` names contenders that have less.
    """
    samples: dict[str, list[float]] = {name: [] for name in run}
    missing: dict[str, str] = {}
    for name in (*order(list(run), unmeasured), *order(list(run), rounds, fewer)):
        if name in missing:
            continue
        gc.collect()
        try:
            samples[name].append(run[name]())
        except Unable as why:
            missing[name] = str(why)
    granted = provides or {}
    return {
        name: Contender(
            name, () if name in missing else taken[unmeasured:], granted.get(name, ()), missing.get(name, "")
        )
        for name, taken in samples.items()
    }
