"""Digests of bytes, as `<algorithm>:<hex>`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xxhash

SHA256, XXH128 = "sha256", "xxh128"
# SHA-256 is what an object is known by. XXH128 tells damage on the way at the speed of memory, where SHA-256 takes a
# second or more for each gigabyte, and in R six.
ALGORITHMS: dict[str, Callable[[], Any]] = {SHA256: hashlib.sha256, XXH128: xxhash.xxh3_128}
PATTERN = r"sha256:[0-9a-f]{64}|xxh128:[0-9a-f]{32}"
_BLOCK = 256 * 1024


class Hashing:
    """The digest of what comes piece by piece."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._state = ALGORITHMS[algorithm]()

    def update(self, data: bytes) -> None:
        self._state.update(data)

    @property
    def digest(self) -> str:
        return f"{self.algorithm}:{self._state.hexdigest()}"


def algorithm_of(digest: str) -> str:
    return digest.partition(":")[0]


def digest_of(path: Path, algorithm: str = SHA256) -> str:
    hashing = Hashing(algorithm)
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            hashing.update(block)
    return hashing.digest
