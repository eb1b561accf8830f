"""How many containers wait for a job, and for which: decided from what was asked for lately. No IO, no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from landbridge_gateway.model import Json, Limits

SLOT_MEMORY = 192 * 1024**2  # what a waiting worker holds, with its libraries loaded; measured: 60 to 150 MiB
_LATELY = 30.0  # seconds over which starts are counted
_REMEMBERED = 64
_YOUNG = 3.0  # seconds after its start for which a job is taken to have a processor for itself
LARGE = 64 * 1024**2  # bytes: who is given so much wants a processor, and so does who reads what is made of it
_FEWEST = 2  # young jobs that put off a slot where there is one processor: its user goes on after each job


@dataclass(frozen=True)
class Kind:
    """What makes one slot as good as another: everything that is fixed when a container is made."""

    runtime: str
    language: str
    limits: Limits

    @classmethod
    def of(cls, runtime: str, language: str, limits: Limits) -> Kind:
        # How long a job may run is the gateway's to watch, and not the container's.
        return cls(runtime, language, limits.with_given({"seconds": Limits.seconds}))


@dataclass
class Demand:
    """When jobs of one kind were started, the newest last."""

    starts: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def wanted(self, now: float, idle: float) -> int:
        """One slot while the kind is in use; more after a burst, fewer as it passes."""
        if not self.starts or now - self.starts[-1] > idle:
            return 0
        lately = sum(1 for start in self.starts if now - start <= _LATELY)
        return max(1, math.ceil(math.sqrt(lately)))


class Pool:
    """Remembers demand and says what to open and what to close, within the memory that slots may hold."""

    def __init__(self, memory: int, idle: float, processors: int) -> None:
        self._most, self._idle = memory // SLOT_MEMORY, idle
        self._crowd = max(_FEWEST, processors)
        self._demands: dict[Kind, Demand] = {}
        self._began: dict[str, tuple[float, int]] = {}  # when, and for how many jobs it counts, of young attempts

    @property
    def most(self) -> int:
        """How many slots there may be at once."""
        return self._most

    def started(self, kind: Kind, attempt: str, now: float, given: int = 0) -> None:
        """A job of the kind was started, warm or cold, and was given so many bytes."""
        self._demands.setdefault(kind, Demand()).starts.append(now)
        self._began[attempt] = now, 2 if given >= LARGE else 1

    def over(self, attempt: str) -> None:
        """It has ended, and wants no processor any more."""
        self._began.pop(attempt, None)

    def room_in(self, now: float) -> float:
        """In how many seconds a slot may be opened, or sooner if a job ends: not while all processors have young jobs.

        In a burst each job starts a container anyway. One that is made ready behind a whole encode and decode costs
        more than one that begins at once, and takes that from those which are starting.
        """
        self._began = {attempt: begun for attempt, begun in self._began.items() if now - begun[0] < _YOUNG}
        young = sorted(start for start, count in self._began.values() for _ in range(count))
        return young[-self._crowd] + _YOUNG - now if len(young) >= self._crowd else 0.0

    def targets(self, now: float) -> dict[Kind, int]:
        """How many slots of each kind there should be; kinds used last come first when memory is short."""
        self._demands = {kind: one for kind, one in self._demands.items() if one.wanted(now, self._idle)}
        recent = sorted(self._demands, key=lambda kind: -self._demands[kind].starts[-1])
        wanted = {kind: self._demands[kind].wanted(now, self._idle) for kind in recent}
        found = dict.fromkeys(recent, 0)
        left = self._most
        # Each kind one before any has a second.
        for number in range(1, max(wanted.values(), default=0) + 1):
            for kind in recent:
                if left and wanted[kind] >= number:
                    found[kind], left = number, left - 1
        return {kind: count for kind, count in found.items() if count}


def slots_in_words(kinds: Sequence[Json]) -> str:
    """How many slots of each kind are ready, by the pool's status; kinds of one runtime differ in their memory."""
    names = [f"{kind['runtime']}{' with packages' if kind['packages'] else ''}" for kind in kinds]
    told = []
    for name, kind in zip(names, kinds, strict=True):
        memory = f" with {kind['memory'] / 1024**2:,.0f} MiB" if names.count(name) > 1 else ""
        told.append(f"{kind['ready']} of {kind['waiting']} ready for {name}{memory}")
    return ", ".join(told)


def to_open(targets: Mapping[Kind, int], slots: Sequence[Kind]) -> Kind | None:
    """The kind that lacks a slot most; None when none does."""
    lacking = {kind: count - slots.count(kind) for kind, count in targets.items()}
    worst = max(lacking, key=lambda kind: lacking[kind], default=None)
    return worst if worst is not None and lacking[worst] > 0 else None


def to_close(targets: Mapping[Kind, int], slots: Sequence[Kind]) -> list[int]:
    """Positions of slots that are too many, the oldest first."""
    left = {kind: slots.count(kind) - targets.get(kind, 0) for kind in set(slots)}
    found = []
    for position, kind in enumerate(slots):
        if left[kind] > 0:
            left[kind] -= 1
            found.append(position)
    return found
