"""Digests of files, as `<algorithm>:<hex>`."""

from __future__ import annotations

import hashlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SHA256, XXH128 = "sha256", "xxh128"
# What tells damage on the way: SHA-256 takes a second or more for each gigabyte, XXH128 hardly more than reading it.
FASTEST = XXH128 if find_spec("xxhash") else SHA256
_BLOCK = 256 * 1024


def new_hash(algorithm: str) -> Any:
    return hashlib.sha256() if algorithm == SHA256 else import_module("xxhash").xxh3_128()


def told(algorithm: str, hasher: Any) -> str:
    return f"{algorithm}:{hasher.hexdigest()}"


def digest_of(path: Path, algorithm: str = SHA256) -> str:
    hasher = new_hash(algorithm)
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
    return told(algorithm, hasher)
