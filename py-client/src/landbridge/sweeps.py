"""Sweeps: one task over many points by one call."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from landbridge.client import Client, DownloadSource, current
from landbridge.errors import InvalidField, LandbridgeError, WaitTimeout
from landbridge.events import ENDED
from landbridge.handle import Handle
from landbridge.job import Job, jobs, until_ready
from landbridge.kinds import Json
from landbridge.notebook import html, sweep_text
from landbridge.progress_line import ProgressLine
from landbridge.submission import check_arguments, document, sink_for
from landbridge.sweep_frames import frame_of
from landbridge.tasks import Task, as_task, parameters_of
from landbridge.values import decode
from landbridge.varying import is_table, varying

_WAIT = 30
_AT_ONCE = 1000
_ON_ERROR = ("raise", "return", "skip")


def map(what: Any, /, *args: Any, **kwargs: Any) -> Sweep:
    """Run a function over many values by one call: each point is a job of its own. Returns the sweep at once.

    A bare list or range varies from point to point, and everything else is common to all; :func:`each` lets other
    values vary, or the rows of a frame, and :func:`common` keeps a list common. What varies is of one length.

    Raises what ``submit()`` raises, and ``InvalidField`` where nothing varies, or in different lengths.
    """
    made = as_task(what)
    if made.document is not None and made.document["type"] == "script":
        raise InvalidField("A script cannot be a sweep.", "Give a function.", field="what")
    if made.options.get("session"):
        raise InvalidField("A sweep cannot run in a session.", "Leave the option `session` out.", field="session")
    found = varying(*by_name(made, args, kwargs))
    arguments = tuple(found.arguments)
    paths = check_arguments(made, arguments, found.named)
    client = current()
    sink = sink_for(client, made)
    body = document(made, arguments, found.named, paths, sink)
    names = found.names(paths)
    body |= {"points": found.table(names, sink)}
    answer = client.post("/jobs/batch", body, key=os.urandom(16).hex())
    return Sweep(client, answer["job"], dict(zip(names, found.columns, strict=True)))


def by_name(made: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with their names where these are known: so the record says what varied."""
    known = parameters_of(made)
    tables = tuple(given for given in args if is_table(given))
    given = [one for one in args if not is_table(one)]
    if known is None or len(given) > len(known.positional):
        return args, kwargs
    names = known.positional[: len(given)]
    if any(name not in known.named or name in kwargs for name in names):
        return args, kwargs
    return tables, dict(zip(names, given, strict=True)) | kwargs


class Sweep(Handle):
    """One task over many points. ``sweep[17]`` is the job of a point, ``for job in sweep`` goes through all."""

    def __init__(self, client: Client, told: Json, given: dict[str, list[Any]] | None = None) -> None:
        super().__init__(client, told)
        self._given = given
        self._ended: dict[int, Json] = {}
        self._next, self._complete = 0, False
        self._handles: dict[int, Job] = {}

    def refresh(self) -> Sweep:
        """Ask the gateway for the sweep's state."""
        self._document = self._client.get(f"/jobs/{self.id}")["job"]
        return self

    @property
    def state(self) -> str:
        """``succeeded`` when all points are, ``failed`` when all have ended and not all well; else as of any job."""
        return str(self.refresh()._document["state"])

    @property
    def counts(self) -> dict[str, int]:
        """How many points there are in all (``total``) and in each state."""
        return dict(self.refresh()._document["points"])

    def done(self) -> bool:
        """Have all points ended, well or not?"""
        return self.state in ENDED

    def cancel(self) -> None:
        """Ask for the end of all points that have not ended."""
        self._document = self._client.post(f"/jobs/{self.id}/cancel")["job"]

    def __len__(self) -> int:
        return int(self._document["points"]["total"])

    # Waiting.

    def wait(self, timeout: float | None = None, progress: bool | None = None) -> Sweep:
        """Wait until all points have ended, at most ``timeout`` seconds: then :class:`WaitTimeout`.

        A terminal and a notebook show how far it is; elsewhere ``progress=True`` does. Ctrl-C stops the waiting only.
        """
        for _ in self._as_told(timeout, progress):
            continue
        return self

    def as_completed(self, timeout: float | None = None) -> Iterator[Job]:
        """The jobs of the points in the order in which they end, as they do."""
        yield from (self[point] for point in list(self._ended))
        for points in self._as_told(timeout, False):
            yield from (self[point] for point in points)

    def _as_told(self, timeout: float | None, progress: bool | None) -> Iterator[list[int]]:
        """The numbers of points that ended, as they are told, until all have."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with ProgressLine(progress) as line:
            try:
                if line.shown and self._document["state"] == "waiting":
                    waiting = Job(self._client, self._document, None)
                    until_ready(waiting, line, _progress(self._document["points"]), deadline)
                while not self._complete:
                    left = _WAIT if deadline is None else min(_WAIT, deadline - time.monotonic())
                    yield self._ask(max(0.0, left))
                    line.show(_progress(self._document["points"]))
                    if not self._complete and deadline is not None and time.monotonic() >= deadline:
                        raise self._not_yet(timeout or 0)
            except KeyboardInterrupt:
                goes_on = f"Stopped waiting; {self.id} goes on: {self.url} (sweep.cancel() ends it)\n"
                sys.stderr.write(goes_on)
                raise

    def _ask(self, wait: float) -> list[int]:
        query = {"after": self._next, "limit": _AT_ONCE, "wait": wait, "values": "no" if self._given else "yes"}
        answer = self._client.get(f"/jobs/{self.id}/points", patience=wait, **query)
        self._document = self._document | {"points": answer["counts"]}
        self._next = int(answer["next"])
        told = {point["point"]: point for point in answer["points"]}
        self._ended |= told
        for point in told:
            self._handles.pop(point, None)
        self._complete = answer["ended"] and len(told) < _AT_ONCE
        if self._complete:
            self.refresh()
        return list(told)

    def _not_yet(self, timeout: float) -> WaitTimeout:
        told = _progress(self._document["points"])
        sentence = f"Sweep {self.id} has not ended after {timeout:g} s: {told}."
        return WaitTimeout(sentence, "It goes on; ask again, or sweep.cancel() ends it.", job=self.id)

    # Points.

    def __getitem__(self, point: int) -> Job:
        """The job of a point, counted from 0; from the end where negative."""
        if not isinstance(point, int):
            raise TypeError(f"points are counted by numbers, not by {type(point).__name__}")
        number = point + len(self) if point < 0 else point
        if not 0 <= number < len(self):
            raise IndexError(f"the sweep has {len(self):,} points, and no point {point}")
        if number not in self._handles:
            self._handles[number] = self._handle(number)
        return self._handles[number]

    def _handle(self, number: int) -> Job:
        told = self._ended.get(number)
        if told is None:
            answer = self._client.get("/jobs", sweep=self.id, sort="point", point=number, limit=1)
            return Job(self._client, answer["jobs"][0], None)
        about = {name: told[name] for name in ("state", "cause", "seconds", "result", "error", "point")}
        address = self.url.rpartition("/")[0]
        ids = {"id": told["job"], "name": self.name, "url": f"{address}/{told['job']}", "sweep": self.id}
        return Job(self._client, ids | about, None)

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all points, in their order."""
        if len(self._ended) < len(self):
            for job in jobs(sweep=self.id, sort="point", limit=len(self)):
                self._handles.setdefault(int(job.document["point"]), job)
        return [self[number] for number in range(len(self))]

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    # Results.

    def result(
        self, timeout: float | None = None, on_error: str = "raise", trust: bool = False, partial: bool = False
    ) -> list[Any]:
        """Wait, and return what the function returned for each point, in their order.

        ``on_error``: of a point that did not succeed ``"raise"`` raises the error, the first one's; ``"return"`` has it
        in the list; ``"skip"`` leaves it out, so that the list is shorter. ``partial=True`` does not wait, and has None
        for points that have not ended.

        Raises :class:`JobFailed`, :class:`JobCancelled`, :class:`JobLost`, :class:`WaitTimeout`, :class:`NeedsTrust`.
        """
        if on_error not in _ON_ERROR:
            raise InvalidField(f"`on_error` cannot be `{on_error!r}`.", "It is: raise, return, skip.", field="on_error")
        self._gather(timeout, partial)
        found: list[Any] = []
        for number in range(len(self)):
            if number not in self._ended:
                found.append(None)
                continue
            problem = self[number].exception()
            if problem is None:
                found.append(self[number].result(trust=trust))
            elif on_error == "raise":
                raise self._told_of(problem, number)
            elif on_error == "return":
                found.append(problem)
        return found

    def _gather(self, timeout: float | None, partial: bool) -> None:
        if not partial:
            self.wait(timeout)
        while partial and not self._complete and self._ask(0):
            continue

    def _told_of(self, problem: LandbridgeError, number: int) -> LandbridgeError:
        counts = self._document["points"]
        unwell = counts["failed"] + counts["cancelled"] + counts["lost"]
        problem.add_note(f"It is point {number} of a sweep of {len(self):,}; {unwell:,} did not succeed: {self.url}")
        problem.detail |= {"sweep": self.id, "point": number}
        return problem

    def frame(self, timeout: float | None = None, partial: bool = False) -> Any:
        """One row for each point: its number, what varied, its state, seconds, result and metrics.

        Results of scalars by name, or frames of one row, give a column for each name; others the column ``result``.
        ``error`` says of points that did not succeed why. A frame of pandas, else of polars, else of pyarrow.
        """
        self._gather(timeout, partial)
        return frame_of(len(self), self._varied(), self._ended, DownloadSource(self._client))

    def _varied(self) -> dict[str, list[Any]]:
        """What varied, by argument: of a sweep that was submitted elsewhere, as far as its points have told."""
        if self._given is not None:
            return self._given
        items = self._document["values"]["items"]
        names = [key or f"argument {place}" for place, (key, node) in enumerate(items, 1) if node["kind"] == "each"]
        source = DownloadSource(self._client)
        told = [self._ended.get(number, {}).get("values") for number in range(len(self))]
        rows = [None if nodes is None else [decode(node, source, False) for node in nodes] for nodes in told]
        return {name: [row and row[place] for row in rows] for place, name in enumerate(names)}

    def __repr__(self) -> str:
        return sweep_text(self._document)

    def _repr_html_(self) -> str:
        try:
            self.refresh()
        except LandbridgeError:
            # A picture of the last known state is better than none.
            return html(self._document)
        return html(self._document)


def _progress(counts: dict[str, int]) -> str:
    ended = sum(counts[state] for state in ENDED)
    unwell = ended - counts["succeeded"]
    return f"{ended:,} of {counts['total']:,} points" + (f", {unwell:,} did not succeed" if unwell else "")
