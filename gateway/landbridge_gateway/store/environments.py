"""What runtimes with packages were asked for, and what they came to: a list of packages is stored by its digest."""

from __future__ import annotations

import json
from typing import Any

from landbridge_gateway.model import Json
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database


class Environments:
    """``place`` names a runtime with packages."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def remember(self, place: str, wanted: Json) -> None:
        """Known before the first job of it is; on the disk with that job."""
        if self.wanted(place) is None:
            self._insert("environments (place, wanted, created)", place, wanted)

    def wanted(self, place: str) -> Json | None:
        row = self._db.row("SELECT wanted FROM environments WHERE place = ?", (place,))
        return json.loads(row["wanted"]) if row else None

    def solved(self, digest: str, packages: list[Json]) -> None:
        """Keep what a build came to."""
        if self.packages(digest) is None:
            self._insert("solutions (digest, packages, created)", digest, packages)

    def packages(self, digest: str | None) -> list[Json] | None:
        row = self._db.row("SELECT packages FROM solutions WHERE digest = ?", (digest,)) if digest else None
        return json.loads(row["packages"]) if row else None

    def _insert(self, into: str, key: str, document: Any) -> None:
        with self._db.write(durable=False) as db:
            db.execute(f"INSERT OR IGNORE INTO {into} VALUES (?, ?, ?)", (key, json.dumps(document), timestamp()))
