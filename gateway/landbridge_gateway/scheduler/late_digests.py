"""Digests of objects, made while nobody waits: not just when a job begins to work on a large one."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

from landbridge_gateway.depot.digests import digest_of
from landbridge_gateway.depot.durable import sync_files
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.errors import UnknownObject
from landbridge_gateway.model import Json
from landbridge_gateway.store.objects import Objects

log = logging.getLogger(__name__)
_PACE = 100_000_000  # bytes a second at which somebody is taken to work on an object that is new
_AT_ONCE = 10_000_000  # bytes of an object whose digest takes nobody's time
_LONGEST = 60.0  # seconds that a digest is put off
_Work = Callable[[], None]


class LateDigests:
    """Who cannot wait for one makes it: it is not made again. What is left at the end is made by the next gateway."""

    def __init__(self, layout: Layout, objects: Objects) -> None:
        self._layout, self._objects = layout, objects
        self._due: list[tuple[float, int, _Work]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name="digest", daemon=True)
        self._thread.start()

    def put_off(self, find: Callable[[], Iterable[Json]]) -> None:
        """Make the digests of these objects, of the large ones later. They are looked for when it is their turn."""
        self._add(0.0, partial(self._sort, find))

    def _add(self, seconds: float, work: _Work) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), work))
            self._changed.notify()

    def _sort(self, find: Callable[[], Iterable[Json]]) -> None:
        for row in find():
            size = self._size(row)
            if size > _AT_ONCE:
                self._add(min(size / _PACE, _LONGEST), partial(self._make, row))
            else:
                self._make(row)

    def _size(self, row: Json) -> int:
        try:
            return self._layout.object_file(row["id"], row["format"]).stat().st_size
        except OSError:
            return 0  # told of when it is to be read

    def _make(self, row: Json) -> None:
        try:
            if self._objects.get(row["id"])["digest"]:
                return
            path = self._layout.object_file(row["id"], row["format"])
            sync_files([path])  # what has a digest is on the disk
            self._objects.set_digest(row["id"], digest_of(path))
        except UnknownObject:
            pass  # it was removed meanwhile
        except Exception:
            log.exception("%s has no digest", row["id"])

    def _keep(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:
                log.exception("digests are left for the next start")

    def _next(self) -> _Work | None:
        with self._changed:
            while not self._closed:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left)
        return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
