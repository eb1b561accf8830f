"""Objects over HTTP: streamed from files and into files, and gone on with where the connection broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from landbridge import digests
from landbridge.connections import PAUSES, Answer, Broken
from landbridge.digests import FASTEST, SHA256, digest_of, new_hash
from landbridge.errors import Conflict, DigestMismatch, GatewayUnreachable, InvalidRequest, Overloaded, UnknownUpload

if TYPE_CHECKING:
    from landbridge.client import Client

FORMATS = {"arrow": "arrow", "rds": "rds", "pkl": "pickle", "png": "png", "bin": "file"}
# What is smaller is sent in one request, and again as a whole when that breaks.
IN_PARTS = 8 * 1024**2
_BLOCK = 256 * 1024  # what a processor keeps near: a megabyte goes to memory and back at each step
_BEGINNINGS = 3


def upload(client: Client, path: Path, extension: str) -> str:
    """Store a file as an object; its id. Each byte of a large one is sent once, however often the connection breaks."""
    size = path.stat().st_size
    query = {"format": FORMATS[extension], "name": f"upload.{extension}"}
    if size <= IN_PARTS:
        headers = {"Landbridge-Digest": digest_of(path), "Content-Length": str(size)}
        # One that was cut short leaves nothing, and one that was not is another object: both do no harm.
        answer = client.ask("POST", "/objects", content=lambda: _blocks(path), headers=headers, query=query)
        return str(answer["object"]["id"])
    with ThreadPoolExecutor(1) as beside:
        digest = beside.submit(digest_of, path, FASTEST)
        for number in range(_BEGINNINGS):
            try:
                return _in_parts(client, path, size, query, digest.result)
            except UnknownUpload:
                # The gateway was started anew meanwhile.
                if number == _BEGINNINGS - 1:
                    raise
    raise AssertionError("unreachable")


def _in_parts(client: Client, path: Path, size: int, query: dict[str, str], digest: Callable[[], str]) -> str:
    begun = client.ask("POST", "/uploads", query=query | {"size": str(size), "digest": FASTEST})["upload"]
    place = f"/uploads/{begun['id']}"
    _unbroken(client, int(begun["offset"]), size, lambda offset: _put(client, place, path, offset, size))
    ended = client.ask("POST", f"{place}/end", headers={"Landbridge-Digest": digest()})
    return str(ended["object"]["id"])


def _put(client: Client, place: str, path: Path, offset: int, size: int) -> int:
    headers = {"Content-Length": str(size - offset)}
    try:
        with client.opened(
            "PUT", place, query={"offset": offset}, headers=headers, content=_blocks(path, offset)
        ) as answer:
            return int(client.document(answer)["upload"]["offset"])
    except Conflict as elsewhere:
        return int(elsewhere.detail["offset"])
    except (Broken, Overloaded, InvalidRequest):
        return int(client.get(place)["upload"]["offset"])


def _unbroken(client: Client, offset: int, size: int, go_on: Callable[[int], int]) -> None:
    """Go on until the end is reached; given up when one try after the other brings nothing forward."""
    idle = 0
    while offset < size:
        reached = go_on(offset)
        if reached > offset:
            idle = 0
        elif idle == len(PAUSES):
            raise GatewayUnreachable(client.url, "the connection breaks again and again")
        else:
            client.pause(PAUSES[idle])
            idle += 1
        offset = reached


def _blocks(path: Path, offset: int = 0) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        stream.seek(offset)
        while block := stream.read(_BLOCK):
            yield block


class Download:
    """An object on its way into a file."""

    def __init__(self, client: Client, reference: str, file: BinaryIO, sealed: bool) -> None:
        self._client, self._file, self._sealed = client, file, sealed
        self._path, self._tag = f"/objects/{reference}", f'"{reference}"'
        self._size: int | None = None
        self._begin(SHA256)
        self.promised: str | None = None

    def run(self) -> None:
        """Fetch it, going on where the connection broke, and check its bytes."""
        # How much there is is told with the first of it.
        self._client.again(self._first, repeat=True)
        if self._size is not None:
            _unbroken(self._client, self._file.tell(), self._size, self._rest)
        if self._sealed and self.promised is None:
            return  # which its reader does not accept
        found = digests.told(self._algorithm, self._hasher)
        if found != self._expected():
            raise DigestMismatch(
                "The bytes that arrived do not have the digest of the object.", "Fetch the result again."
            )

    def _begin(self, algorithm: str) -> None:
        self._algorithm, self._hasher = algorithm, new_hash(algorithm)
        # Not where there is nothing: a file that was cut to nothing is waited for by ext4 when it is closed.
        if self._file.tell():
            self._file.seek(0)
            self._file.truncate()

    def _first(self) -> None:
        # By this one it is asked for the digest of a large object, which the gateway makes meanwhile.
        with self._client.opened("GET", self._path, query={"digest": FASTEST}) as answer:
            size = answer.headers.get("Content-Length")
            self._size = None if size is None else int(size)
            self.promised = answer.headers.get("Landbridge-Digest")
            self._begin(FASTEST if (self._size or 0) > IN_PARTS and not self._sealed else SHA256)
            try:
                self._take(answer)
            except Broken:
                if self._size is None or not self._file.tell():
                    raise

    def _rest(self, offset: int) -> int:
        # An object never changes, so its id is its tag: whatever else comes is no part of it.
        headers = {"Range": f"bytes={offset}-", "If-Range": self._tag}
        try:
            with self._client.opened("GET", self._path, headers=headers) as answer:
                if answer.status != 206:
                    self._begin(self._algorithm)
                self._take(answer)
        except (Broken, Overloaded):
            pass
        return self._file.tell()

    def _take(self, answer: Answer) -> None:
        for block in answer.blocks():
            self._hasher.update(block)
            self._file.write(block)

    def _expected(self) -> Any:
        if self._algorithm == SHA256 and self.promised:
            return self.promised
        return self._client.get(f"{self._path}/digest", algorithm=self._algorithm)["digest"]
