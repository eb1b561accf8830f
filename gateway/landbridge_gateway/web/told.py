"""Answers that many clients are given at once: made by the first who needs one, and kept for the others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

_KEPT = 64


class Told:
    """The last answers by what they tell. An answer that is being made is waited for, not made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, str] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], str]) -> str:
        with self._lock:
            if key not in self._answers:
                self._answers[key] = make()
            self._answers.move_to_end(key)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            return self._answers[key]
