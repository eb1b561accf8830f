"""Signatures of native objects: which bytes, in which language and codec, which job of this gateway made. No IO."""

from __future__ import annotations

import hashlib
import hmac
import json

PREFIX = "hmac-sha256:"


def sign(key: bytes, *, digest: str, language: str, codec: str, job: str) -> str:
    """The signature of one object; the four facts are kept apart, so none can be shifted into another."""
    told = json.dumps([digest, language, codec, job]).encode()
    return PREFIX + hmac.new(key, told, hashlib.sha256).hexdigest()


def is_signed(key: bytes, signature: object, *, digest: str, language: str, codec: str, job: str) -> bool:
    """Whether ``signature`` is the one that :func:`sign` gives; anything else than such text is not."""
    expected = sign(key, digest=digest, language=language, codec=codec, job=job)
    return isinstance(signature, str) and hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())
