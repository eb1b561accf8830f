"""Whose turn it is. No IO: who has something to run, and what runs, are arguments.

Owners take turns, and the experiments of an owner among themselves, however many jobs each has. Who has the fewest
running goes first; among equals, the next in the round after whoever was served last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Group = tuple[str, str]  # an owner and an experiment; "" where a job has none

AT_A_GLANCE = 64  # as many are compared at once, from after the one served last


def whose_turn(names: Sequence[str], running: Mapping[str, int]) -> str | None:
    """Of names in their order round after the last one served: the first of those with the fewest running."""
    return min(names, key=lambda name: running.get(name, 0), default=None)


class Turns:
    """Remembers who was served last. ``owners`` and ``experiments`` ask who has jobs, in their order round.

    ``owners(last)`` gives the owners that have a job to run; ``experiments(owner, last)`` those of an owner.
    """

    def __init__(
        self, owners: Callable[[str | None], Sequence[str]], experiments: Callable[[str, str | None], Sequence[str]]
    ) -> None:
        self._owners, self._experiments = owners, experiments
        self._last_owner: str | None = None
        self._last_experiment: dict[str, str] = {}

    def next(self, running: Mapping[Group, int], passed: frozenset[Group] = frozenset()) -> Group | None:
        """Who is served next, and is remembered as served; ``passed`` are groups that turned out to have nothing."""
        by_owner: Counter[str] = Counter()
        for group, count in running.items():
            by_owner[group[0]] += count
        owners = list(self._owners(self._last_owner))
        while owner := whose_turn(owners, by_owner):
            found = self._within(owner, running, passed)
            if found is not None:
                self._last_owner = owner
                self._last_experiment[owner] = found
                return owner, found
            owners.remove(owner)
        return None

    def _within(self, owner: str, running: Mapping[Group, int], passed: frozenset[Group]) -> str | None:
        names = [
            name for name in self._experiments(owner, self._last_experiment.get(owner)) if (owner, name) not in passed
        ]
        return whose_turn(names, {name: running.get((owner, name), 0) for name in names})
