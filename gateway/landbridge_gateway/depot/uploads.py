"""Uploads in parts: what broke off goes on where it ended.

An upload is a file of the intake that grows by parts, each at the offset where the last one ended, and becomes an
object when its digest is right. Uploads live as long as the process: the next start removes what is left of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from landbridge_gateway.depot.arriving import Arriving
from landbridge_gateway.depot.digests import Hashing
from landbridge_gateway.depot.durable import sync
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.objects import CHUNK, Readable, Stored, check_room, move_into_place, settles
from landbridge_gateway.depot.quota import Room
from landbridge_gateway.errors import (
    Conflict,
    DigestMismatch,
    DiskFull,
    GatewayError,
    InvalidField,
    TooManyUploads,
    UnknownUpload,
)
from landbridge_gateway.model import Json, new_id

IDLE = 3600.0  # seconds without a byte after which an upload is given up


@dataclass
class Upload:
    """``turn`` counts the requests that sent parts: the newest may write, and no other."""

    id: str
    owner: str
    format: str
    name: str | None
    size: int
    path: Path
    hashing: Hashing
    touched: float
    room: Room
    offset: int = 0
    turn: int = 0
    object: Json | None = None
    refused: GatewayError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def as_json(self) -> Json:
        return {"id": self.id, "size": self.size, "offset": self.offset}


class Uploads:
    """Safe from any thread."""

    def __init__(self, layout: Layout, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout, self._most, self._clock = layout, most, clock
        self._known: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def begin(self, owner: str, format: str, name: str | None, size: int, algorithm: str, room: Room) -> Upload:
        """``room`` is taken for all of it now, and given back when the upload comes to nothing."""
        self._expire()
        room.take(size)
        try:
            return self._begun(owner, format, name, size, algorithm, room)
        except BaseException:
            room.give_back()
            raise

    def _begun(self, owner: str, format: str, name: str | None, size: int, algorithm: str, room: Room) -> Upload:
        check_room(self._layout, size)
        upload_id = new_id("upl")
        path = self._layout.intake / f"{upload_id}.part"
        made = Upload(upload_id, owner, format, name, size, path, Hashing(algorithm), self._clock(), room)
        with self._lock:
            if sum(one.object is None and one.refused is None for one in self._known.values()) >= self._most:
                raise TooManyUploads(self._most)
            path.touch(mode=0o600)
            self._known[upload_id] = made
        return made

    def get(self, upload_id: str, owner: str) -> Upload:
        self._expire()
        found = self._known.get(upload_id)
        if found is None or found.owner != owner:
            raise UnknownUpload(upload_id)
        if found.refused is not None:
            raise found.refused
        return found

    def append(self, upload: Upload, offset: int, length: int, stream: Readable) -> None:
        """Add a part. What arrived of one that is cut short stays."""
        with upload.lock:
            self._check_place(upload, offset, length)
            upload.turn += 1
            turn = upload.turn
        try:
            with Arriving(upload.path, upload.hashing, offset) as file:
                while file.size < offset + length:
                    data = stream.read(min(CHUNK, offset + length - file.size))
                    if not data:
                        break
                    with upload.lock:
                        # Whoever lost the connection may be back before we have noticed.
                        if upload.turn != turn:
                            raise Conflict("Another request goes on with this upload.", offset=upload.offset)
                        file.write(data)
                        upload.offset, upload.touched = file.size, self._clock()
        except OSError as error:
            if not isinstance(error, ConnectionError | TimeoutError):
                # Whoever still sends hears of it when they ask where to go on.
                self._refuse(upload, DiskFull())
            raise

    @staticmethod
    def _check_place(upload: Upload, offset: int, length: int) -> None:
        if upload.object is not None:
            raise Conflict("The upload has ended.", "Use the object that it became.", offset=upload.offset)
        if offset != upload.offset:
            message = f"The upload goes on at byte {upload.offset}, not at {offset}."
            raise Conflict(message, "Send the rest from there.", offset=upload.offset)
        if offset + length > upload.size:
            message = f"The upload has {upload.size} bytes, and this part would make it {offset + length}."
            raise InvalidField(message, "Begin another upload.", field="offset")

    def end(self, upload: Upload, digest: str, store: Callable[[Stored], Json]) -> Json:
        """Make the upload an object, of which ``store`` gives what is told; once more gives the same again."""
        with upload.lock:
            if upload.object is not None:
                return upload.object
            if upload.offset != upload.size:
                message = f"{upload.offset} of {upload.size} bytes have arrived."
                raise Conflict(message, "Send the rest first.", offset=upload.offset)
            found = upload.hashing.digest
            if found != digest:
                self._drop(upload)
                message = "The bytes do not have the digest that was sent with them."
                raise DigestMismatch(message, "Send the object again.", field="digest")
            stored = Stored(new_id("obj"), upload.size, found)
            if not settles(stored):
                sync(upload.path)
            move_into_place(upload.path, self._layout.object_file(stored.id, upload.format))
            upload.object = store(stored)
            upload.touched = self._clock()
            return upload.object

    def _refuse(self, upload: Upload, why: GatewayError) -> None:
        upload.refused = why
        upload.room.give_back()
        upload.path.unlink(missing_ok=True)

    def _drop(self, upload: Upload) -> None:
        with self._lock:
            self._known.pop(upload.id, None)
        upload.room.give_back()
        upload.path.unlink(missing_ok=True)

    def _expire(self) -> None:
        oldest = self._clock() - IDLE
        for upload in [one for one in list(self._known.values()) if one.touched < oldest]:
            self._drop(upload)
