"""Files that came over HTTP, and are objects before they are on the disk: who is given one waits for that.

A sender that waits for the disk waits as long again as the sending took. What may be told only when the bytes are there
to stay is that a job was accepted which is given them, and the object's own digest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from landbridge_gateway.depot.durable import problem_of_syncing
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.stamps import SETTLING, UNSURE
from landbridge_gateway.errors import Conflict, DiskFailed, DiskFull, is_disk_full
from landbridge_gateway.store.objects import Objects

log = logging.getLogger(__name__)


class Settling:
    """Safe from any thread. ``settled`` is told the id and format of each that is on the disk."""

    def __init__(self, objects: Objects, layout: Layout, settled: Callable[[str, str], None]) -> None:
        self._objects, self._layout, self._settled = objects, layout, settled
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="settle")
        self._under_way: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def begin(self, object_id: str, format: str) -> Future[None]:
        """Bring a file to the disk while others go on."""
        with self._lock:
            known = self._under_way.get(object_id)
            if known is None:
                known = self._under_way[object_id] = self._pool.submit(self._settle, object_id, format)
            return known

    def go_on(self) -> None:
        """With what an earlier gateway had not come to."""
        for row in self._objects.stamped(SETTLING):
            self.begin(row["id"], row["format"])

    def wait(self, object_ids: Iterable[str]) -> None:
        """Until those of the objects that are on their way are on the disk.

        Raises ``Conflict`` for one that may not be whole, ``DiskFailed`` and ``DiskFull``.
        """
        stamps = self._objects.stamps(object_ids)
        for object_id, stamp in stamps.items():
            refuse_unsure(object_id, stamp)
        formats = self._objects.formats(one for one, stamp in stamps.items() if stamp == SETTLING)
        for under_way in [self.begin(*one) for one in formats.items()]:
            under_way.result()

    def _settle(self, object_id: str, format: str) -> None:
        try:
            problem = problem_of_syncing([self._layout.object_file(object_id, format)])
            if isinstance(problem, FileNotFoundError):
                return  # it was removed meanwhile
            # The disk tells once only: a second try would find nothing wrong.
            self._objects.restamp(object_id, SETTLING, UNSURE if problem else None)
            if problem:
                log.error("%s did not reach the disk: %s", object_id, problem.strerror)
                raise DiskFull() if is_disk_full(problem) else DiskFailed()
        finally:
            with self._lock:
                del self._under_way[object_id]
        self._settled(object_id, format)

    def close(self) -> None:
        """Bring the rest to the disk."""
        self._pool.shutdown(wait=True)


def refuse_unsure(object_id: str, stamp: str | None) -> None:
    """Refuse an object of which nobody knows whether all of its bytes are there."""
    if stamp == UNSURE:
        raise Conflict(
            f"{object_id} may not be whole: before it was on the disk that failed, or the machine was switched off.",
            "Send the object again.",
        )
