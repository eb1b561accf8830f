"""Sessions: one held container for interactive work, whose state stays between calls."""

from __future__ import annotations

from typing import Any, Self

from landbridge.client import current
from landbridge.environments import settled
from landbridge.errors import InvalidField, UnknownOption
from landbridge.job import Job
from landbridge.submission import send, submit
from landbridge.tasks import Task, nearest, task

OPTIONS = ("packages", "image", "cpus", "memory", "pids", "disk", "network", "name", "experiment", "tags", "seed")


class Session:
    """A container that is yours until it is ended: packages stay loaded, and what a call makes global stays there.

    As a context manager it ends with its block, once the jobs that it was given have ended; a block that is left by an
    error cancels them.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def id(self) -> str:
        """The id, which is that of a job: a session is listed, shown and logged like one."""
        return self.job.id

    @property
    def runtime(self) -> str:
        """Language and version, such as ``"r:4.6"``."""
        return str(self.job.document["runtime"])

    @property
    def state(self) -> str:
        """``waiting``, ``queued``, ``running``, or how it ended."""
        return self.job.state

    @property
    def url(self) -> str:
        """Its page."""
        return self.job.url

    def submit(self, what: Any, /, *args: Any, **kwargs: Any) -> Job:
        """As :func:`landbridge.submit`, in this session: jobs run there one after another, in the order they came.

        Raises :class:`~landbridge.errors.Conflict` when the session has ended, and what ``submit()`` raises.
        """
        return submit(task(what, session=self.id), *args, **kwargs)

    def close(self) -> None:
        """End it once the jobs that it was given have ended. Returns at once; one that has ended stays as it is."""
        self.job.end()

    def cancel(self) -> None:
        """End it now, and every job in it."""
        self.job.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.cancel()

    def __repr__(self) -> str:
        state, note = self.state, self.job.document.get("note")
        return f"<Session {self.id} {self.runtime} {state}{f' ({note})' if note else ''}>"


def session(
    runtime: str | None = None, *, language: str | None = None, idle: int | None = None, **options: Any
) -> Session:
    """Start a session: ``with lb.session("r:4.6") as s: s.submit(f, table).result()``.

    ``runtime`` is a language or a language with its version; Python's default where there is none. ``language`` is that
    of the jobs where the runtime has both. ``idle`` is how many seconds it may wait for a job before it ends by itself
    (3600). Options: ``packages``, ``image``, ``cpus``, ``memory``, ``pids``, ``disk``, ``network``, ``name``,
    ``experiment``, ``tags`` and ``seed``, as those of :func:`~landbridge.task`.

    Raises ``InvalidField``, ``UnknownOption``, ``UnknownRuntime``, and ``Overloaded`` when the gateway holds no more.
    """
    if idle is not None and (not isinstance(idle, int) or isinstance(idle, bool) or not 1 <= idle <= 604800):
        raise InvalidField(f"`idle` cannot be `{idle!r}`.", "It is a number of seconds, up to 7 days.", field="idle")
    for name in options:
        if name not in OPTIONS:
            meant = nearest(name, OPTIONS)
            hint = f"Did you mean `{meant}`?" if meant else f"There are: {', '.join(OPTIONS)}."
            raise UnknownOption(f"`{name}` is not an option of session().", hint, option=name)
    made = task(_of(runtime, language, idle), **options)
    client = current()
    asked = made.fields() | settled(made, made.document) | {"function": made.document}
    body = {"protocol": 1, "client": "landbridge for Python", "task": asked}
    return Session(send(client, body | {"values": {"items": []}}))


def _of(runtime: str | None, language: str | None, idle: int | None) -> Task:
    wanted = runtime or "python"
    if not isinstance(wanted, str):
        raise InvalidField(f"`runtime` cannot be `{wanted!r}`.", 'It is text such as "r:4.6".', field="runtime")
    named = wanted.partition(":")[0]
    spoken = language or (named if named in ("r", "python") else "python")
    if spoken not in ("r", "python"):
        raise InvalidField(f"`language` cannot be `{spoken!r}`.", 'It is "r" or "python".', field="language")
    document = {"type": "session", "idle": idle}
    return Task(spoken, document=document, options={} if wanted == spoken else {"runtime": wanted})
