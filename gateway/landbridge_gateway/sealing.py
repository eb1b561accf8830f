"""Seals secrets: whoever has what is stored, but not the key, has none of them. No IO."""

from __future__ import annotations

import os

KEY_BYTES = 32
_NONCE_BYTES = 12


class NotSealed(Exception):
    """Bytes that this key did not seal, or that were sealed for another purpose."""


def seal(key: bytes, text: str, purpose: str) -> bytes:
    """The text encrypted and authenticated (AES-256-GCM). ``purpose`` is bound to it: elsewhere it opens nothing."""
    # Imported where it is used: gateways without secrets need not load it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), purpose.encode())


def unseal(key: bytes, sealed: bytes, purpose: str) -> str:
    """The text again. Raises :class:`NotSealed`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise NotSealed(purpose) from error
