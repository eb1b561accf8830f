"""Secrets by owner and name, and what open attempts were given of them. Only sealed values are stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import cast

from landbridge_gateway.errors import SecretSealed, UnknownSecret
from landbridge_gateway.model import split_attempt
from landbridge_gateway.sealing import NotSealed, seal, unseal
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database, Row, returning

Values = dict[str, str]
_TOLD = "name, owner, created, changed"


class Secrets:
    """``key`` gives the home's key, and is asked for it only where there is a secret to seal or to open."""

    def __init__(self, database: Database, key: Callable[[], bytes]) -> None:
        self._db, self._key = database, key

    def put(self, owner: str, name: str, value: str) -> tuple[Row, bool]:
        """Store a value, in place of an earlier one; whether it is the first of its name."""
        now, sealed = timestamp(), seal(self._key(), value, _purpose(owner, name))
        with self._db.write() as db:
            row = returning(
                db,
                f"""INSERT INTO secrets (owner, name, sealed, created, changed) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (owner, name) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed
                    RETURNING {_TOLD}""",
                (owner, name, sealed, now, now),
            )[0]
        return row, row["created"] == now

    def list(self, owner: str) -> list[Row]:
        """What an owner has, without the values."""
        return self._db.rows(f"SELECT {_TOLD} FROM secrets WHERE owner = ? ORDER BY name", (owner,))

    def get(self, owner: str, name: str) -> Row:
        """One secret without its value; another owner's does not exist."""
        row = self._db.row(f"SELECT {_TOLD} FROM secrets WHERE owner = ? AND name = ?", (owner, name))
        if row is None:
            raise UnknownSecret(name)
        return row

    def remove(self, owner: str, name: str) -> Row:
        with self._db.write() as db:
            gone = returning(db, f"DELETE FROM secrets WHERE owner = ? AND name = ? RETURNING {_TOLD}", (owner, name))
        if not gone:
            raise UnknownSecret(name)
        return gone[0]

    def values(self, owner: str, names: Iterable[str]) -> Values:
        """The values themselves. Raises :class:`UnknownSecret` and :class:`SecretSealed`."""
        return {name: self._value(owner, name) for name in names}

    def _value(self, owner: str, name: str) -> str:
        row = self._db.row("SELECT sealed FROM secrets WHERE owner = ? AND name = ?", (owner, name))
        if row is None:
            raise UnknownSecret(name)
        try:
            return unseal(self._key(), row["sealed"], _purpose(owner, name))
        except NotSealed:
            raise SecretSealed(name) from None

    # What attempts were given.

    def give(self, attempt: str, values: Values) -> None:
        """Note what an attempt is given, before it is."""
        sealed = seal(self._key(), json.dumps(values), attempt)
        with self._db.write() as db:
            db.execute("INSERT OR REPLACE INTO given_secrets (attempt, sealed) VALUES (?, ?)", (attempt, sealed))

    def given(self) -> dict[str, Values | None]:
        """By attempt; None for what this home's key does not open. At the start: nothing is being begun meanwhile."""
        rows = self._db.rows("SELECT attempt, sealed FROM given_secrets")
        begun = [row for row in rows if self._was_begun(row["attempt"])]
        for row in rows:
            if row not in begun:
                self.take_back(row["attempt"])
        return {row["attempt"]: self._given(row) for row in begun}

    def _was_begun(self, attempt: str) -> bool:
        # A call is laid out, and given its secrets, just before it is begun; a crash may come between the two.
        return self._db.row("SELECT 1 FROM attempts WHERE job = ? AND number = ?", split_attempt(attempt)) is not None

    def _given(self, row: Row) -> Values | None:
        try:
            return cast(Values, json.loads(unseal(self._key(), row["sealed"], row["attempt"])))
        except NotSealed:
            return None

    def take_back(self, attempt: str) -> None:
        """The attempt is over."""
        with self._db.write() as db:
            db.execute("DELETE FROM given_secrets WHERE attempt = ?", (attempt,))


def _purpose(owner: str, name: str) -> str:
    # One secret's bytes in the place of another's, or of another owner's, open nothing.
    return f"secret {owner} {name}"
