"""The handle of a job."""

from __future__ import annotations

import asyncio
import builtins
import codecs
import os
import sys
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from landbridge.client import Client, DownloadSource, current
from landbridge.errors import BadAnswer, JobCancelled, JobFailed, JobLost, LandbridgeError, NeedsTrust, WaitTimeout
from landbridge.events import ENDED, MOST_NAMED, Waiter
from landbridge.handle import Handle
from landbridge.kinds import Json, RemoteWarning
from landbridge.notebook import html, text
from landbridge.progress_line import ProgressLine
from landbridge.values import decode

if TYPE_CHECKING:
    from landbridge.sweeps import Sweep

_FOLLOW = 20


class JobPart:
    """A part of a job's result, as a value for another job: its data never passes through this client."""

    def __init__(self, job: str, path: tuple[str | int, ...]) -> None:
        self._job = job
        self._path = path

    def __getitem__(self, step: str | int) -> JobPart:
        return JobPart(self._job, (*self._path, step))

    # Without this, Python would take __getitem__ for a sequence without an end.
    __iter__ = None

    def __landbridge_node__(self) -> Json:
        return {"kind": "job", "job": self._job, "path": list(self._path)}

    def __repr__(self) -> str:
        return f"<part of {self._job}{''.join(f'[{step!r}]' for step in self._path)}>"


class Job(Handle):
    """One submitted job; close to ``concurrent.futures.Future``.

    ``job["coef"]`` or ``job.part("coef", 0)`` is a part of its result for use as an argument of another job.
    """

    def __init__(self, client: Client, document: Json, cursor: int | None) -> None:
        super().__init__(client, document)
        self._cursor = cursor
        self._warned = False

    @property
    def state(self) -> str:
        """``waiting``, ``queued``, ``running``, ``succeeded``, ``failed``, ``cancelled`` or ``lost``, as it is now."""
        return self.refresh().known_state

    @property
    def known_state(self) -> str:
        """The state as it was last told; nobody is asked."""
        return str(self._document["state"])

    def refresh(self) -> Job:
        """Ask the gateway, unless the job has ended already."""
        if self.known_state not in ENDED or "result" not in self._document:
            answer = self._client.get(f"/jobs/{self.id}")
            self._document, self._cursor = job_in(self._client, answer, self.id)
        return self

    def _known_cursor(self) -> int:
        """From where on events tell what this handle does not know yet."""
        if self._cursor is None:
            self.refresh()
        return self._cursor or 0

    def done(self) -> bool:
        """Has it ended, well or not?"""
        return self.state in ENDED

    def cancel(self) -> None:
        """Ask for its end; an ended job stays as it is."""
        answer = self._client.post(f"/jobs/{self.id}/cancel")
        self._document, self._cursor = job_in(self._client, answer, self.id)

    def end(self) -> None:
        """Of a session: ask it to end once the jobs that it was given have."""
        answer = self._client.post(f"/jobs/{self.id}/end")
        self._document, self._cursor = job_in(self._client, answer, self.id)

    def rerun(self) -> Job:
        """Run it once more: a new job of the same task, values and seed, of a point of a sweep as well."""
        answer = self._client.post(f"/jobs/{self.id}/rerun", key=os.urandom(16).hex())
        return Job(self._client, *job_in(self._client, answer))

    def wait(self, timeout: float | None = None) -> Job:
        """Wait until it has ended, at most ``timeout`` seconds: then :class:`WaitTimeout`.

        Ctrl-C stops the waiting only, and the job goes on.
        """
        for _ in completed([self], timeout):
            break
        return self

    def result(self, timeout: float | None = None, trust: bool = False) -> Any:
        """Wait, and return what the function returned. ``trust=True`` also loads pickled Python objects.

        Raises :class:`JobFailed`, :class:`JobCancelled`, :class:`JobLost`, :class:`WaitTimeout`, :class:`NeedsTrust`.
        """
        self.wait(timeout)
        problem = self._problem()
        if problem is not None:
            raise problem from _as_builtin(problem)
        self._warn()
        node = self._document["result"]
        if node["kind"] == "native" and node["language"] == "python" and not trust:
            raise NeedsTrust("Python", (node.get("class") or ["object"])[0])
        return decode(node, DownloadSource(self._client), trust)

    def exception(self, timeout: float | None = None) -> LandbridgeError | None:
        """Wait, and return what :meth:`result` would raise for a job that did not succeed; None for one that did."""
        self.wait(timeout)
        return self._problem()

    def _problem(self) -> JobFailed | JobCancelled | JobLost | None:
        state, error = self.refresh().known_state, self._document.get("error") or {}
        if state == "cancelled":
            return JobCancelled(f"Job {self.id} was cancelled.", job=self.id)
        if state == "lost":
            message = error.get("message") or "its container is gone."
            return JobLost(f"Job {self.id} was lost: {message}", error.get("hint"), job=self.id, remote=error)
        return JobFailed(self.id, self._document.get("cause"), error) if state == "failed" else None

    def _warn(self) -> None:
        if self._warned:
            return
        self._warned = True
        for heard in self._document.get("warnings") or []:
            category = heard.get("category")
            prefix = f"{category}: " if category and category != "UserWarning" else ""
            warnings.warn(f"{prefix}{heard['message']} (job {self.id})", RemoteWarning, stacklevel=3)

    def attempts(self) -> list[Json]:
        """Each try at running it, the first one first: dicts of number, state, cause, message, seconds and more.

        There is more than one only where the task asked for it by ``retries``, or where one never began.
        """
        return list(self._client.get(f"/jobs/{self.id}/attempts")["attempts"])

    def logs(
        self,
        stream: str | None = None,
        tail: int | None = 100,
        follow: bool = False,
        attempt: int | None = None,
    ) -> Any:
        """What the job printed: ``stdout`` and then ``stderr``, or one ``stream``; the last ``tail`` lines of each.

        Of its last attempt, or of the one with the number ``attempt``. With ``follow`` an iterator over pieces of text
        of one stream (``stdout`` if None) that ends with the log.
        """
        if follow:
            return self._follow(stream or "stdout", tail)
        streams = [stream] if stream else ["stdout", "stderr"]
        return "".join(self._log(one, tail, attempt) for one in streams)

    def _log(self, stream: str, tail: int | None, attempt: int | None) -> str:
        query = {"tail": tail} if tail is not None else {"offset": 0}
        query |= {"attempt": attempt} if attempt is not None else {}
        return self._client.read(f"/jobs/{self.id}/log", stream=stream, **query)[1].decode("utf-8", "replace")

    def _follow(self, stream: str, tail: int | None) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        query: Json = {"tail": tail} if tail is not None else {"offset": 0}
        while True:
            headers, data = self._client.read(
                f"/jobs/{self.id}/log", patience=_FOLLOW, stream=stream, wait=_FOLLOW, **query
            )
            piece = decoder.decode(data)
            if piece:
                yield piece
            if headers.get("Landbridge-Log-End") == "true":
                return
            offset = headers.get("Landbridge-Offset", "")
            if not offset.isdigit():
                raise BadAnswer("The gateway's answer does not say where the log goes on.")
            query = {"offset": int(offset)}

    def record(self) -> Json:
        """What the job reported until now: metrics, params, tags, progress, messages, warnings, artifacts, files."""
        return self._client.get(f"/jobs/{self.id}/record")

    def metrics(self) -> list[Json]:
        """The metrics as dicts of name, value, step and at, in the order they came."""
        return [metric | {"value": float(metric["value"])} for metric in self.record()["metrics"]]

    def fidelity(self) -> list[Json]:
        """What became of each column of each table: dicts of value, column, step, verdict and reason.

        ``step`` is "sent" or "received", ``verdict`` "exact", "equal" or "lossy". Empty for a gateway that keeps none.
        """
        return list(self.record().get("fidelity") or [])

    def part(self, *path: str | int) -> JobPart:
        """A part of the result by keys and zero-based positions, for use as an argument of another job."""
        return JobPart(self.id, path)

    def __getitem__(self, step: str | int) -> JobPart:
        return self.part(step)

    __iter__ = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        waiter = Waiter([self.id], lambda: loop.call_soon_threadsafe(changed.set))
        complete = self._client.events.join(waiter, await asyncio.to_thread(self._known_cursor))
        try:
            if not complete:
                await asyncio.to_thread(self.refresh)
            while self.known_state not in ENDED:
                await changed.wait()
                changed.clear()
                self._hear(waiter.take())
        finally:
            self._client.events.leave(waiter)
        return await asyncio.to_thread(self.result)

    def _hear(self, told: dict[str, Json]) -> None:
        if self.id in told:
            # Of what was known before, the result and its like are to be asked for again, unless they are told now.
            self._document = {name: value for name, value in self._document.items() if name != "result"}
            self._document |= told[self.id]

    def __repr__(self) -> str:
        return text(self._document)

    def _repr_html_(self) -> str:
        try:
            self.refresh()
        except LandbridgeError:
            # A picture of the last known state is better than none.
            return html(self._document)
        return html(self._document)


def _as_builtin(problem: LandbridgeError) -> BaseException | None:
    """A ``ValueError`` of the job as a ``ValueError`` here, for whoever looks at the cause."""
    kind = getattr(builtins, problem.type, None) if isinstance(problem, JobFailed) else None
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        return None
    try:
        made: BaseException = kind(problem.message)
    except TypeError:
        return None
    return made


def completed(jobs: list[Job], timeout: float | None = None) -> Iterator[Job]:
    """The jobs in the order in which they end; :class:`WaitTimeout` when ``timeout`` seconds did not suffice."""
    left = {job.id: job for job in jobs}
    yield from _take_ended(left)
    for client in {job._client for job in left.values()}:
        mine = {key: job for key, job in left.items() if job._client is client}
        yield from _wait_for(client, mine, None if timeout is None else time.monotonic() + timeout, timeout)


def _take_ended(left: dict[str, Job]) -> list[Job]:
    ended = [job for job in left.values() if job.known_state in ENDED]
    for job in ended:
        del left[job.id]
    return ended


def _wait_for(client: Client, left: dict[str, Job], deadline: float | None, timeout: float | None) -> Iterator[Job]:
    line = ProgressLine()
    with client.events.alone() as alone, _going_on(left, line):
        if alone and deadline is None and not line.shown and len(left) <= MOST_NAMED:
            yield from _ask_for(client, left)
        else:
            yield from _listen_for(client, left, line, deadline, timeout)


@contextmanager
def _going_on(left: dict[str, Job], line: ProgressLine) -> Iterator[None]:
    """Ctrl-C ends the waiting alone, and says so."""
    try:
        yield
    except KeyboardInterrupt:
        line.clear()
        job = next(iter(left.values()))
        sys.stderr.write(f"Stopped waiting; {job.id} goes on: {job.url} (job.cancel() ends it)\n")
        raise


def _ask_for(client: Client, left: dict[str, Job]) -> Iterator[Job]:
    """In this thread, which has nothing else to look after."""
    cursor = min(job._known_cursor() for job in left.values())
    yield from _take_ended(left)  # a handle that had to be looked at first
    while left:
        told, cursor = client.events.ask(left, cursor)
        for job in left.values():
            job._hear(told)
        yield from _take_ended(left)


def _listen_for(
    client: Client, left: dict[str, Job], line: ProgressLine, deadline: float | None, timeout: float | None
) -> Iterator[Job]:
    """By the client's own threads, which wait for others as well."""
    changed = threading.Event()
    waiter = Waiter(left, changed.set, all_changes=line.shown)
    # A refresh may already find an end, which the first look below takes.
    complete = client.events.join(waiter, min(job._known_cursor() for job in left.values()))
    try:
        if not complete:
            for job in left.values():
                job.refresh()
        yield from _take_ended(left)
        while left:
            _show_note(line, left)
            if not changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                yield from _last_look(left, timeout)
                return
            changed.clear()
            told = waiter.take()
            for job in left.values():
                job._hear(told)
            ended = _take_ended(left)
            if ended:
                line.clear()
            yield from ended
    finally:
        line.clear()
        client.events.leave(waiter)


def _show_note(line: ProgressLine, left: dict[str, Job]) -> None:
    """What the first of the jobs waits for, such as an image that is being built."""
    job = next(iter(left.values()))
    note = job.document.get("note") if job.known_state == "waiting" else None
    if note:
        line.show(f"{job.name}: {note}" + (f" ({len(left):,} jobs open)" if len(left) > 1 else ""))
    else:
        line.clear()


def until_ready(job: Job, line: ProgressLine, usual: str, deadline: float | None) -> None:
    """Show what a job waits for, else the usual text, until it waits no more or the deadline is over."""
    changed = threading.Event()
    waiter = Waiter([job.id], changed.set, all_changes=True)
    complete = job._client.events.join(waiter, job._known_cursor())
    try:
        if not complete:
            job.refresh()
        while job.known_state == "waiting":
            note = job.document.get("note")
            line.show(f"{job.name}: {note}" if note else usual)
            if not changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                return
            changed.clear()
            job._hear(waiter.take())
    finally:
        job._client.events.leave(waiter)


def _last_look(left: dict[str, Job], timeout: float | None) -> Iterator[Job]:
    for job in left.values():
        job.refresh()
    yield from _take_ended(left)
    for job in left.values():
        sentence = f"Job {job.id} is still {job.known_state} after {timeout or 0:g} s."
        raise WaitTimeout(sentence, "It goes on; ask again, or job.cancel() ends it.", job=job.id)


def wait(jobs: list[Job], timeout: float | None = None) -> list[Job]:
    """Wait until all have ended, and return them as given; :class:`WaitTimeout` after ``timeout`` seconds."""
    for _ in completed(list(jobs), timeout):
        continue
    return list(jobs)


def as_completed(jobs: list[Job], timeout: float | None = None) -> Iterator[Job]:
    """The jobs in the order in which they end, as each does; :class:`WaitTimeout` after ``timeout`` seconds."""
    return completed(list(jobs), timeout)


def get(job: str) -> Job | Sweep:
    """The handle of a job by its id, or the sweep of that id; ``UnknownJob`` when there is none."""
    client = current()
    document, cursor = job_in(client, client.get(f"/jobs/{job}"), job)
    if document.get("points"):
        from landbridge.sweeps import Sweep

        return Sweep(client, document)
    return Job(client, document, cursor)


def job_in(client: Client, answer: Json, wanted: str | None = None) -> tuple[Json, int]:
    """The job of an answer, and its place among the events; ``BadAnswer`` when it is none, or not the wanted one."""
    job, cursor = answer.get("job"), answer.get("cursor")
    if not isinstance(job, dict) or not isinstance(job.get("id"), str) or not isinstance(job.get("state"), str):
        raise BadAnswer(f"The gateway at {client.url} answered with a job that has no id or no state.")
    if wanted is not None and job["id"] != wanted:
        raise BadAnswer(f"The gateway at {client.url} answered with job {job['id']} where {wanted} was asked for.")
    return job, cursor if isinstance(cursor, int) else 0


def jobs(*, limit: int = 50, tags: dict[str, str] | None = None, **filters: Any) -> list[Job]:
    """The newest jobs first. Filters: ``state``, ``language``, ``experiment``, ``text``, ``sort``, and ``tags``.

    A sweep is listed as one job; its points are with ``sweep=`` and its id.
    """
    client = current()
    found: list[Job] = []
    query: Json = {**filters, "limit": min(limit, 200)}
    if tags:
        query["tag"] = [f"{name}:{value}" for name, value in tags.items()]
    while len(found) < limit:
        answer = client.get("/jobs", **query)
        # A list comes without a cursor: such a handle looks before it waits.
        found += [Job(client, one, None) for one in answer["jobs"]]
        if not answer.get("next"):
            break
        query["page"] = answer["next"]
    return found[:limit]
