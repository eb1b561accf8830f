"""The engine seam: run this job folder in this runtime with these limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landbridge_gateway.model import Exit, Json, Limits, RuntimeState, Usage

SLOT = "slot_"  # how the names of slots begin, which stand in the place of an attempt's


class EngineError(Exception):
    """The engine could not do what was asked; the message is a sentence, ``hint`` the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class PrepareFailed(EngineError):
    """A runtime's image could not be made; ``log_tail`` holds the builder's last lines."""

    def __init__(self, message: str, hint: str, log_tail: list[str]) -> None:
        super().__init__(message, hint)
        self.log_tail = log_tail


class PrepareAbandoned(PrepareFailed):
    """Nobody waited for it any more, and it was ended."""


@dataclass(frozen=True)
class Order:
    """What to start: ids, the task's language and limits. The folder follows from the attempt's id.

    ``runtime`` is a runtime, or one with packages; ``wanted`` says what these are, should they be gone.
    """

    attempt: str
    runtime: str
    language: str
    folder: Path
    limits: Limits
    warm: bool = False  # a slot: its worker waits for the job that its folder is handed to
    held: bool = False  # a session: its container sees the folders of its calls as well
    wanted: Json | None = None


class Engine(Protocol):
    """Every method may block; the warden calls them from threads of its own."""

    name: str
    warms: bool  # whether a container can be started before there is a job for it
    near: bool  # whether its workers are on this machine, and read the pipes of their folders themselves

    def runtimes(self) -> list[RuntimeState]: ...

    def prepare(self, runtime: str, progress: Callable[[str], None], wanted: Json | None = None) -> str:
        """Have the runtime's image, and the packages that are wanted with it; gives the image's digest.

        Raises :class:`PrepareFailed`.
        """
        ...

    def there(self, runtime: str) -> bool:
        """Is there nothing to build of it?"""
        ...

    def abandon(self, runtime: str) -> None:
        """Nobody waits for a runtime with packages any more: what is being built of it is ended."""
        ...

    def built(self, runtime: str) -> Json | None:
        """What a runtime with packages came to: its id, its packages and their digest; None of a runtime alone."""
        ...

    def image(self, runtime: str) -> str | None:
        """The digest of the image that the next container of a runtime would have; None where it is not known yet."""
        ...

    def refresh(self, runtime: str) -> None:
        """Look again which image a runtime has: somebody may have built another."""
        ...

    def start(self, order: Order) -> str:
        """Start a container; gives the digest of the image it runs. Raises :class:`EngineError`."""
        ...

    def watch(self, ended: Callable[[str, Exit], None], paused: Callable[[str], None]) -> None:
        """Call ``ended(attempt, exit)`` for every container of ours that ends from now on, and ``paused(attempt)`` for
        one that somebody pauses, or has paused before; does not return.
        """
        ...

    def found(self) -> dict[str, Exit | None]:
        """Every container of ours by attempt: None while it runs, else how it ended."""
        ...

    def usage(self, attempt: str) -> Usage | None:
        """What the kernel has counted of a container until now; None where that cannot be known."""
        ...

    def tell(self, attempt: str, pipe: Path, line: str) -> None:
        """Hand a line to a session through its pipe. Raises :class:`EngineError` when nobody reads it."""
        ...

    def give(self, attempt: str, pipe: Path, line: str) -> None:
        """Leave a line for the worker of an attempt in its pipe, started or not; one that was given it already has it.

        The line is secret: it is kept nowhere. Raises :class:`EngineError`.
        """
        ...

    def forget(self, attempt: str) -> None:
        """Let go of what an attempt was told and has not read."""
        ...

    def interrupt(self, attempt: str) -> None:
        """Send a session what Ctrl-C sends. One that is gone is fine."""
        ...

    def resume(self, attempt: str) -> None:
        """Let a container go on that somebody paused. One that runs, or is gone, is fine."""
        ...

    def stop(self, attempt: str, grace: int) -> None:
        """Ask, wait ``grace`` seconds, kill. One that is gone is fine."""
        ...

    def remove(self, attempt: str) -> None:
        """Remove what is left of an attempt. One that is gone is fine."""
        ...

    def close(self) -> None: ...
