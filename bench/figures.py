"""What a measurement is: contenders with their samples, beside budgets, as data that a file can hold."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

OURS = "Landbridge"
PROVIDES = ("container per job", "durable accept", "log capture", "record")
Verdict = Literal["met", "missed", "not judged"]


@dataclass(frozen=True)
class Contender:
    """One way to do the same work. Without samples, ``missing`` says why it was not measured."""

    name: str
    samples: Sequence[float] = ()
    provides: Sequence[str] = ()
    missing: str = ""

    def __post_init__(self) -> None:
        if bool(self.samples) == bool(self.missing):
            raise ValueError(f"{self.name}: either samples, or the reason why there are none.")
        unknown = set(self.provides) - set(PROVIDES)
        if unknown:
            raise ValueError(f"{self.name}: {', '.join(sorted(unknown))} is none of {', '.join(PROVIDES)}.")

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def p99(self, more_is_better: bool = False) -> float:
        return p99(self.samples, more_is_better)


@dataclass(frozen=True)
class Budget:
    """Bounds ``of`` (median or p99) of ours, or its ratio to the median of the contender ``beside``.

    ``side`` tells which way is good: at most the bound, or at least. An ``aim`` is hoped for,
    and told apart from a budget.
    """

    bound: float
    of: Literal["median", "p99"] = "median"
    beside: str = ""
    side: Literal["at most", "at least"] = "at most"
    aim: bool = False

    def value(self, contenders: Mapping[str, Contender], ours: str) -> float | None:
        """What is compared with the bound; none where a contender was not measured."""
        first = contenders[ours]
        against = contenders.get(self.beside) if self.beside else None
        if first.missing or (self.beside and (against is None or against.missing)):
            return None
        value = first.median if self.of == "median" else first.p99(self.side == "at least")
        return value / against.median if against else value

    def verdict(self, value: float | None) -> Verdict:
        if value is None:
            return "not judged"
        return "met" if (value <= self.bound if self.side == "at most" else value >= self.bound) else "missed"

    def missed_by(self, value: float) -> float:
        """How many times the bound lies away from the value; 1 is on the bound."""
        return value / self.bound if self.side == "at most" else self.bound / value


@dataclass(frozen=True)
class Figure:
    """One measurement. ``id`` is that of the list (P1 to P15), ``variant`` what tells figures of one id apart.

    The first contender is ours. Of rates and the like, more is better, and the 99th percentile is counted from above.
    ``size`` is the number that grows by tens between figures of the same variant.
    """

    id: str
    title: str
    unit: str
    contenders: Sequence[Contender]
    budgets: Sequence[Budget] = ()
    variant: str = ""
    size: int | None = None
    note: str = ""
    more_is_better: bool = False

    def __post_init__(self) -> None:
        good = "at least" if self.more_is_better else "at most"
        if any(budget.side != good for budget in self.budgets):
            raise ValueError(f"{self.id}: a budget of this figure bounds it {good}.")

    @property
    def ours(self) -> Contender:
        return self.contenders[0]

    def judged(self) -> list[tuple[Budget, float | None]]:
        named = {one.name: one for one in self.contenders}
        return [(budget, budget.value(named, self.ours.name)) for budget in self.budgets]


def p99(samples: Sequence[float], more_is_better: bool = False) -> float:
    """What 99 in 100 are as good as or better, by nearest rank; of fewer than 100 samples, the worst."""
    ordered = sorted(samples, reverse=more_is_better)
    return ordered[-(-99 * len(ordered) // 100) - 1]


def as_record(figure: Figure) -> dict[str, Any]:
    """The figure as JSON: the samples themselves, and everything that the page tells of them."""
    return {
        "id": figure.id,
        "variant": figure.variant,
        "title": figure.title,
        "unit": figure.unit,
        "size": figure.size,
        "note": figure.note,
        "more_is_better": figure.more_is_better,
        "contenders": [_contender(one, figure.more_is_better) for one in figure.contenders],
        "budgets": [_budget(budget, value) for budget, value in figure.judged()],
    }


def _contender(one: Contender, more_is_better: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"name": one.name, "provides": list(one.provides), "n": len(one.samples)}
    if one.missing:
        return record | {"missing": one.missing}
    return record | {
        "median": one.median,
        "p99": one.p99(more_is_better),
        "samples": [round(sample, 6) for sample in one.samples],
    }


def _budget(budget: Budget, value: float | None) -> dict[str, Any]:
    verdict = budget.verdict(value)
    record = {
        "of": budget.of,
        "beside": budget.beside,
        "side": budget.side,
        "bound": budget.bound,
        "aim": budget.aim,
        "value": value,
        "verdict": verdict,
    }
    return record | ({"missed_by": budget.missed_by(value)} if value is not None and verdict == "missed" else {})
