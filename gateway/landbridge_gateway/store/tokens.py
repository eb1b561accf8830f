"""Tokens and browser sessions. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets

from landbridge_gateway.store.clock import later, timestamp
from landbridge_gateway.store.database import Database, Row, returning

SESSION_SECONDS = 30 * 24 * 3600
LINK_SECONDS = 24 * 3600


def _hash(secret: str) -> str:
    # Tokens are 256 random bits, so a plain hash is as good as a slow one and costs a request nothing.
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    def __init__(self, database: Database) -> None:
        self._db = database

    def ensure_owner(self, token: str) -> None:
        """Make the token of the home's file the owner's token."""
        with self._db.write() as db:
            db.table("tokens").upsert(
                {"id": "owner", "name": "owner", "role": "admin", "hash": _hash(token), "created": timestamp()}, pk="id"
            )

    def find(self, token: str) -> Row | None:
        return self._db.row("SELECT id, name, role FROM tokens WHERE hash = ?", (_hash(token),))

    def new_link(self, token_id: str) -> str:
        """A code that signs one browser in, once."""
        return self._issue(token_id, "link", LINK_SECONDS)

    def redeem_link(self, code: str) -> str | None:
        """Turn a link's code into a session secret; a second try finds nothing."""
        with self._db.write() as db:
            used = returning(
                db,
                "DELETE FROM sessions WHERE hash = ? AND kind = 'link' AND expires > ? RETURNING token",
                (_hash(code), timestamp()),
            )
        return self._issue(used[0]["token"], "cookie", SESSION_SECONDS) if used else None

    def session(self, secret: str) -> Row | None:
        return self._db.row(
            "SELECT tokens.id, tokens.name, tokens.role FROM sessions JOIN tokens ON tokens.id = sessions.token"
            " WHERE sessions.hash = ? AND kind = 'cookie' AND expires > ?",
            (_hash(secret), timestamp()),
        )

    def end_session(self, secret: str) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))

    def _issue(self, token_id: str, kind: str, seconds: float) -> str:
        secret = secrets.token_urlsafe(32)
        with self._db.write() as db:
            db.table("sessions").insert(
                {
                    "hash": _hash(secret),
                    "token": token_id,
                    "created": timestamp(),
                    "expires": later(seconds),
                    "kind": kind,
                }
            )
        return secret
