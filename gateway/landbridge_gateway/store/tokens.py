"""Tokens and browser sessions. Only hashes are stored.

A token's id is its name, and the owner of what is done with it: whoever gets a new token under the same name goes on
with the jobs of the old one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Any

from landbridge_gateway.errors import Conflict, UnknownToken
from landbridge_gateway.model import Role
from landbridge_gateway.store.clock import later, timestamp
from landbridge_gateway.store.database import Database, Row, returning

OWNER = "owner"  # the token in the home's file
SESSION_SECONDS = 30 * 24 * 3600
LINK_SECONDS = 24 * 3600
MOST = 1000  # each is compared with every token that comes
_VALID = "tokens.revoked IS NULL AND (tokens.expires IS NULL OR tokens.expires > :now)"
_TOLD = "name, role, created, expires, revoked"


def new_secret() -> str:
    return "lb_" + secrets.token_urlsafe(32)


def topic_of(name: str) -> str:
    """What those listen to who wait for something by this token."""
    return f"token {name}"


def _hash(secret: str) -> str:
    # Tokens are 256 random bits, so a plain hash is as good as a slow one and costs a request nothing.
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    """``changes`` counts the tokens that were taken back since the start."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.changes = 0
        # Those that were valid when they were read; None after a change, which only this process makes.
        self._known: list[Row] | None = None
        self._lock, self._read = threading.Lock(), 0

    def ensure_owner(self, token: str) -> None:
        """Make the token of the home's file the owner's token; with another one, browsers sign in anew."""
        with self._db.write() as db:
            known = returning(db, "SELECT hash FROM tokens WHERE id = ?", (OWNER,))
            if known and known[0]["hash"] != _hash(token):
                db.execute("DELETE FROM sessions WHERE token = ?", (OWNER,))
            self._put(db, OWNER, Role.ADMIN, token, None)

    def add(self, name: str, role: Role, seconds: int | None = None, secret: str | None = None) -> tuple[Row, str]:
        """Make a token: what is told of it, and its secret, which nobody can be told again.

        Raises :class:`Conflict` for a name that has a valid one already.
        """
        secret = secret or new_secret()
        with self._db.write() as db:
            valid = returning(db, f"SELECT name FROM tokens WHERE {_VALID}", {"now": timestamp()})
            if name in [row["name"] for row in valid]:
                raise Conflict(
                    f"There is a token `{name}` already.", f"Take it back first: landbridge token revoke {name}."
                )
            if len(valid) >= MOST:
                raise Conflict(f"There are {MOST} tokens already.", "Take back what is not needed.")
            db.execute("DELETE FROM sessions WHERE token = ?", (name,))
            self._put(db, name, role, secret, None if seconds is None else later(seconds))
            return self._told(db, name), secret

    def _put(self, db: Any, name: str, role: Role, secret: str, expires: str | None) -> None:
        about = {"id": name, "name": name, "role": role, "hash": _hash(secret), "created": timestamp()}
        db.conn.execute(
            """INSERT INTO tokens (id, name, role, hash, created, expires)
               VALUES (:id, :name, :role, :hash, :created, :expires)
               ON CONFLICT (id) DO UPDATE SET role = excluded.role, hash = excluded.hash, expires = excluded.expires,
                 revoked = NULL, created = iif(hash = excluded.hash, created, excluded.created)""",
            about | {"expires": expires},
        )
        self._db.afterwards(self._forget)

    def revoke(self, name: str) -> Row:
        """Take a token back, with the browsers that were signed in by it; who waits by it is told at once."""
        with self._db.write() as db:
            if not returning(db, "SELECT 1 FROM tokens WHERE id = ?", (name,)):
                raise UnknownToken(name)
            db.execute("UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ?", (timestamp(), name))
            db.execute("DELETE FROM sessions WHERE token = ?", (name,))
            self.changes += 1
            self._db.afterwards(self._forget)
            self._db.touch(topic_of(name))
            return self._told(db, name)

    @staticmethod
    def _told(db: Any, name: str) -> Row:
        return returning(db, f"SELECT {_TOLD} FROM tokens WHERE id = ?", (name,))[0]

    def all(self) -> list[Row]:
        """What is told of each token, also of those that are no longer valid."""
        return self._db.rows(f"SELECT {_TOLD} FROM tokens ORDER BY name")

    def find(self, token: str) -> Row | None:
        """The valid token that this is. Every one is compared in full, so the time tells nothing about any."""
        wanted, found = _hash(token), None
        for row in self._valid():
            if hmac.compare_digest(row["hash"], wanted):
                found = row
        return found if found is None or found["expires"] is None or found["expires"] > timestamp() else None

    def _valid(self) -> list[Row]:
        """Some of them may have expired since they were read."""
        known, read = self._known, self._read
        if known is None:
            sql = f"SELECT name, role, expires, hash FROM tokens WHERE {_VALID}"
            known = self._db.rows(sql, {"now": timestamp()})
            with self._lock:
                if read == self._read:  # nobody changed them meanwhile
                    self._known = known
        return known

    def _forget(self) -> None:
        with self._lock:
            self._read += 1
            self._known = None

    def is_valid(self, name: str) -> bool:
        sql = f"SELECT 1 FROM tokens WHERE id = :name AND {_VALID}"
        return self._db.row(sql, {"name": name, "now": timestamp()}) is not None

    def new_link(self, name: str) -> str:
        """A code that signs one browser in, once."""
        return self._issue(name, "link", LINK_SECONDS)

    def redeem_link(self, code: str) -> str | None:
        """Turn a link's code into a session secret; a second try finds nothing."""
        with self._db.write() as db:
            used = returning(
                db,
                f"""DELETE FROM sessions WHERE hash = :hash AND kind = 'link' AND expires > :now
                    AND EXISTS (SELECT 1 FROM tokens WHERE tokens.id = sessions.token AND {_VALID}) RETURNING token""",
                {"hash": _hash(code), "now": timestamp()},
            )
        return self._issue(used[0]["token"], "cookie", SESSION_SECONDS) if used else None

    def session(self, secret: str) -> Row | None:
        """The token by which a browser was signed in; ``expires`` is the earlier of the two ends."""
        return self._db.row(
            f"""SELECT tokens.name, tokens.role,
                  min(sessions.expires, coalesce(tokens.expires, sessions.expires)) AS expires
                FROM sessions JOIN tokens ON tokens.id = sessions.token
                WHERE sessions.hash = :hash AND kind = 'cookie' AND sessions.expires > :now AND {_VALID}""",
            {"hash": _hash(secret), "now": timestamp()},
        )

    def end_session(self, secret: str) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))

    def _issue(self, name: str, kind: str, seconds: float) -> str:
        secret, now = secrets.token_urlsafe(32), timestamp()
        with self._db.write() as db:
            db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
            db.execute(
                "INSERT INTO sessions (hash, token, created, expires, kind) VALUES (?, ?, ?, ?, ?)",
                (_hash(secret), name, now, later(seconds), kind),
            )
        return secret
