"""Lists of jobs: filters, sort and keyset pages. Names are looked up in tables; nothing of a request enters the SQL."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.errors import InvalidRequest
from landbridge_gateway.model import State
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.jobs import BRIEF, decoded

SORTS = {
    "submitted": "seq",
    "name": "name",
    "state": "state",
    "language": "language",
    "experiment": "coalesce(experiment, '')",
    "seconds": "coalesce(seconds, -1)",
    "point": "coalesce(point, -1)",
}
_MARK = 16  # bytes
FACETS = ("state", "language", "experiment")
MOST = 200
MOST_CHOSEN, LONGEST_CHOSEN = 50, 2200  # a tag is a name of 200 and a value of 2,000 characters


@dataclass(frozen=True)
class JobQuery:
    """What a list shows. ``sort`` is a key of :data:`SORTS`, with ``-`` before it for descending."""

    state: Sequence[str] = ()
    language: Sequence[str] = ()
    experiment: Sequence[str] = ()
    tag: Sequence[str] = ()
    text: str | None = None
    sweep: str | None = None
    point: int | None = None
    sort: str = "-submitted"
    limit: int = 50
    page: str | None = None

    def check(self) -> None:
        if self.sort.removeprefix("-") not in SORTS:
            raise InvalidRequest(f"`{self.sort[:50]}` is not something to sort by.", f"There are: {', '.join(SORTS)}.")
        for state in self.state:
            if state not in [str(known) for known in State]:
                raise InvalidRequest(f"`{state[:50]}` is not a state.", f"There are: {', '.join(State)}.")
        for name in (*FACETS, "tag"):
            chosen = getattr(self, name)
            if len(chosen) > MOST_CHOSEN or any(len(value) > LONGEST_CHOSEN for value in chosen):
                raise InvalidRequest(
                    f"`{name}` is given at most {MOST_CHOSEN} times, with at most {LONGEST_CHOSEN} characters each."
                )
        if len(self.text or "") > LONGEST_CHOSEN:
            raise InvalidRequest(f"`text` has at most {LONGEST_CHOSEN} characters.")
        if not 1 <= self.limit <= MOST:
            raise InvalidRequest(f"`limit` cannot be {self.limit}.", f"It goes from 1 to {MOST}.")


def list_jobs(database: Database, owner: str | None, query: JobQuery, key: bytes) -> tuple[list[Row], str | None]:
    """One page of an owner's jobs (None: of everybody's), and the token of the next one, which ``key`` ties to it."""
    query.check()
    place = _place(owner, query, key)
    where, values = _conditions(owner, query)
    column, descending = SORTS[query.sort.lstrip("-")], query.sort.startswith("-")
    compare, direction = ("<", "DESC") if descending else (">", "ASC")
    if query.page:
        last, seq = _open_page(place, query.page)
        where.append(f"({column}, seq) {compare} (?, ?)")
        values += [last, seq]
    sql = f"""SELECT {BRIEF}, {column} AS sort_key FROM jobs WHERE {" AND ".join(where)}
              ORDER BY {column} {direction}, seq {direction} LIMIT ?"""
    rows = [decoded(row) for row in database.rows(sql, [*values, query.limit + 1])]
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    following = _close_page(place, rows[-1]["sort_key"], rows[-1]["seq"]) if more else None
    for row in rows:
        del row["sort_key"]
    return rows, following


def facets(database: Database, owner: str | None, query: JobQuery) -> dict[str, list[Row]]:
    """How many jobs each value of a facet has under the other filters."""
    where, values = _conditions(owner, query)
    return {
        name: database.rows(
            f"""SELECT {name} AS value, count(*) AS count FROM jobs WHERE {" AND ".join(where)} AND {name} IS NOT NULL
                GROUP BY {name} ORDER BY count DESC, value LIMIT 30""",
            values,
        )
        for name in FACETS
    }


def _conditions(owner: str | None, query: JobQuery) -> tuple[list[str], list[Any]]:
    where: list[str] = [] if owner is None else ["owner = ?"]
    values: list[Any] = [] if owner is None else [owner]
    # A sweep stands in lists as one job.
    where.append("sweep IS NULL" if query.sweep is None else "sweep = ?")
    values += [] if query.sweep is None else [query.sweep]
    if query.point is not None:
        where.append("point = ?")
        values += [query.point]
    for name in FACETS:
        chosen = list(getattr(query, name))
        if chosen:
            where.append(f"{name} IN ({','.join('?' * len(chosen))})")
            values += chosen
    for tag in query.tag:
        name, _, value = tag.partition(":")
        where.append("id IN (SELECT job FROM tags WHERE name = ? AND value = ?)")
        values += [name, value]
    if query.text:
        where.append("(instr(lower(name), lower(?)) OR instr(lower(coalesce(experiment, '')), lower(?)) OR id = ?)")
        values += [query.text] * 3
    return where, values


def _place(owner: str | None, query: JobQuery, key: bytes) -> Callable[[bytes], bytes]:
    """What marks a token as one of this query: nobody else can make it, and it opens no other list."""
    asked = json.dumps([owner, vars(query) | {"page": None, "limit": None}], default=list).encode()
    return lambda told: hmac.digest(key, asked + told, "sha256")[:_MARK]


def _close_page(place: Callable[[bytes], bytes], sort_key: Any, seq: int) -> str:
    told = json.dumps([sort_key, seq]).encode()
    return base64.urlsafe_b64encode(place(told) + told).decode().rstrip("=")


def _open_page(place: Callable[[bytes], bytes], token: str) -> tuple[Any, int]:
    try:
        given = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        given = b""
    mark, told = given[:_MARK], given[_MARK:]
    if not hmac.compare_digest(mark, place(told)):
        raise InvalidRequest("This page's address is not one of this list.", "Start again from the first page.")
    sort_key, seq = json.loads(told)
    return sort_key, seq
