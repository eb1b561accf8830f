"""The secrets that open attempts were given: to hand them out again, and to hide them in what the job leaves.

Nearly no attempt has any, and then all of this is a look into an empty dictionary.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.masking import Mask
from landbridge_gateway.errors import is_disk_full
from landbridge_gateway.model import Json
from landbridge_gateway.store.secrets import Secrets, Values

log = logging.getLogger(__name__)
_LOST = "The secrets of this job cannot be opened any more: the home has another key than when it began."


class GivenSecrets:
    """Safe from any thread. An attempt that was begun before this process has its values from the store."""

    def __init__(self, secrets: Secrets, layout: Layout) -> None:
        self._secrets, self._layout = secrets, layout
        self._lock = threading.Lock()
        self._values: dict[str, Values | None] = secrets.given()
        self._masks = {attempt: Mask(values.values()) for attempt, values in self._values.items() if values}

    def give(self, attempt: str, owner: str, names: Iterable[str]) -> None:
        """Note what an attempt is to have. Raises ``UnknownSecret`` and ``SecretSealed``."""
        values = self._secrets.values(owner, names)
        self._secrets.give(attempt, values)
        with self._lock:
            self._values[attempt], self._masks[attempt] = values, Mask(values.values())

    def told(self, attempt: str) -> Json:
        """What a command says of an attempt's secrets: nothing of one that has none."""
        if attempt not in self._values:
            return {}
        values = self._values[attempt]
        return {"given": {"problem": _LOST} if values is None else {"secrets": values}}

    def mask(self, attempt: str) -> Mask | None:
        """What hides the attempt's secrets; None for one that has none, or whose files were cleared of them."""
        return self._masks.get(attempt)

    def _clear(self, attempt: str, mask: Mask) -> None:
        try:
            mask.files(self._layout.job_folder(attempt))
        except OSError as problem:
            if is_disk_full(problem):
                raise  # it is tried again when there is room
            log.error("the files of %s could not be cleared of its secrets: %s", attempt, problem.strerror)

    def leave(self, attempt: str) -> None:
        """The attempt is over. Its files are cleared of the values first: after a crash in between it is done again."""
        if attempt not in self._values:
            return
        mask = self._masks.get(attempt)
        if mask:
            self._clear(attempt, mask)
        self._secrets.take_back(attempt)
        with self._lock:
            self._values.pop(attempt, None)
            self._masks.pop(attempt, None)
