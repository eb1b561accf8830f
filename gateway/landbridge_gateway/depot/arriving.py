"""A file that grows by what a client sends: hashed as it comes, and brought to the disk while more of it comes."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from landbridge_gateway.depot.digests import Hashing
from landbridge_gateway.failpoints import reach

_SYNC_EVERY = 64 * 1024**2


class Arriving:
    """Opened at its end; on leaving without an error all of it is on the disk.

    An object must survive a power cut once its sender was told that it is there. Waiting for the disk only at the end
    would take as long again as the sending did.
    """

    def __init__(self, path: Path, hashing: Hashing, size: int = 0) -> None:
        self.size = size
        self._hashing, self._synced = hashing, size
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.lseek(self._file, size, os.SEEK_SET)
        self._syncing: threading.Thread | None = None
        self._failed: OSError | None = None

    def __enter__(self) -> Arriving:
        return self

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self._hashing.update(data)
        self.size += len(data)
        reach("input half written")
        if self.size - self._synced >= _SYNC_EVERY and not (self._syncing and self._syncing.is_alive()):
            self._synced = self.size
            self._syncing = threading.Thread(target=self._sync, daemon=True)
            self._syncing.start()

    def _sync(self) -> None:
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._failed = error  # the disk tells it once only

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if self._syncing:
                self._syncing.join()
            if error is None:
                os.fsync(self._file)
                if self._failed:
                    raise self._failed
        finally:
            os.close(self._file)
