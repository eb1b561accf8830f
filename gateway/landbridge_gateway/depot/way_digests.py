"""Digests by which large files are checked on their way out, made while their reader makes the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from landbridge_gateway.depot.digests import XXH128, digest_of
from landbridge_gateway.depot.layout import Layout

_MOST = 1000  # that are remembered: objects never change


class WayDigests:
    """XXH128 of objects that came or went lately; in memory alone. Safe from any thread."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="way-digest")
        self._known: OrderedDict[str, Future[str]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, object_id: str, digest: str) -> None:
        """What it was when it came. A file that is damaged later is found to be by whoever fetches it."""
        made: Future[str] = Future()
        made.set_result(digest)
        with self._lock:
            self._keep(object_id, made)

    def ahead(self, object_id: str, format: str) -> Future[str]:
        """Begin to make it, for who will ask."""
        with self._lock:
            known = self._known.get(object_id)
            if known is None or (known.done() and known.exception()):
                known = self._pool.submit(digest_of, self._layout.object_file(object_id, format), XXH128)
            self._keep(object_id, known)
            return known

    def of(self, object_id: str, format: str) -> str:
        """Raises ``OSError``."""
        return self.ahead(object_id, format).result()

    def _keep(self, object_id: str, digest: Future[str]) -> None:
        self._known[object_id] = digest
        self._known.move_to_end(object_id)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
