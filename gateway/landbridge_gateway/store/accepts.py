"""Submissions stored together: one commit, and one wait for the disk, for all that came while the last one was made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from landbridge_gateway.failpoints import reach
from landbridge_gateway.store.database import Database, Row
from landbridge_gateway.store.jobs import Jobs, NewJob


class _Submission:
    def __init__(self, new: NewJob, check: Callable[[Any], None]) -> None:
        self.new, self.check = new, check
        self.stored: tuple[Row, bool] | None = None
        self.problem: Exception | None = None


class Accepts:
    """:meth:`add` returns when the job is on the disk; however many threads call it, they share the commits."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._db, self._jobs = database, jobs
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._arrived: list[_Submission] = []

    def add(self, new: NewJob, check: Callable[[Any], None] = lambda _: None) -> tuple[Row, bool]:
        """As :meth:`Jobs.add`. What is wrong with one submission is raised to who made it, and to nobody else."""
        mine = _Submission(new, check)
        with self._lock:
            self._arrived.append(mine)
        with self._turn:
            # Whoever had the turn before may have stored this one along with its own.
            if mine.stored is None and mine.problem is None:
                with self._lock:
                    together, self._arrived = self._arrived, []
                self._store(together)
        if mine.problem:
            raise mine.problem
        reach("job row committed")
        assert mine.stored is not None
        return mine.stored

    def _store(self, together: list[_Submission]) -> None:
        if len(together) == 1:
            self._store_one(together[0])
            return
        try:
            with self._db.write():
                for one in together:
                    self._store_one(one)
        except Exception as problem:  # noqa: BLE001 - nothing was committed, which all of them are told
            for one in together:
                one.problem = problem

    def _store_one(self, one: _Submission) -> None:
        try:
            one.stored = self._jobs.add(one.new, one.check)
        except Exception as problem:  # noqa: BLE001 - raised where it was submitted
            one.problem = problem
