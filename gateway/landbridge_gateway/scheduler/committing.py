"""Several steps of one attempt in one commit. Part of the loop, and on its thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from landbridge_gateway.scheduler.decisions import Flight
from landbridge_gateway.store.database import Database


@contextmanager
def one_commit(database: Database, flight: Flight, durable: bool) -> Iterator[None]:
    """What is written within is committed together. Where the disk refuses that, what the flight was believed to have
    come to is taken back as well, so that all of it is done again.
    """
    before = dict(vars(flight))
    try:
        with database.write(durable=durable):
            yield
    except BaseException:
        vars(flight).update(before)
        raise
