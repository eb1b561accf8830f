"""How much the uploads of one owner may take: what is stored of them, and what is on its way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from landbridge_gateway.errors import QuotaExceeded

T = TypeVar("T")


class Quota:
    """Safe from any thread. ``most`` bytes for each owner, 0 for no bound; ``stored`` tells how many an owner has.

    What is on its way is known to this process alone, and so is every upload that is not whole yet.
    """

    def __init__(self, most: int, stored: Callable[[str], int]) -> None:
        self._most, self._stored = most, stored
        self._coming: Counter[str] = Counter()
        self._lock = threading.Lock()

    def room(self, owner: str) -> Room:
        """Room for one upload, of which nothing is taken yet."""
        return Room(self, owner)

    def take(self, room: Room, size: int) -> None:
        """Keep ``size`` bytes in all for an upload, or raise :class:`QuotaExceeded`."""
        if not self._most:
            return
        with self._lock:
            more = size - room.size
            used = self._stored(room.owner) + self._coming[room.owner]
            if used + more > self._most:
                raise QuotaExceeded(used, self._most, more)
            self._keep(room, size)

    def give_back(self, room: Room) -> None:
        with self._lock:
            self._keep(room, 0)

    def settle(self, room: Room, store: Callable[[], T]) -> T:
        """Call ``store``, from which on the bytes are stored ones: nobody counts them twice, or not at all."""
        if not self._most:
            return store()
        with self._lock:
            made = store()
            self._keep(room, 0)
            return made

    def _keep(self, room: Room, size: int) -> None:
        self._coming[room.owner] += size - room.size
        room.size = size
        if not self._coming[room.owner]:
            del self._coming[room.owner]


class Room:
    """What one upload takes. On leaving without :meth:`settle` it is given back."""

    def __init__(self, quota: Quota, owner: str) -> None:
        self.owner, self.size = owner, 0
        self._quota = quota

    def take(self, size: int) -> None:
        """Have room for ``size`` bytes in all. Raises :class:`QuotaExceeded`."""
        if size > self.size:
            self._quota.take(self, size)

    def settle(self, store: Callable[[], T]) -> T:
        return self._quota.settle(self, store)

    def give_back(self) -> None:
        self._quota.give_back(self)

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.give_back()
