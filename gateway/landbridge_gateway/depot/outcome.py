"""The outcome ladder: what became of an attempt, decided from its folder, its exit and what we did to it.

The order is the meaning. What the worker published counts before anything that happened to the process afterwards.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.model import Cause, Exit, Json, State

_SIGNAL_EXIT = 128


@dataclass(frozen=True)
class Facts:
    """What is known of an attempt. ``unreadable`` says why a file that is there cannot be understood."""

    result: Json | None = None
    error: Json | None = None
    unreadable: str | None = None
    exit: Exit | None = None
    stop_reason: str | None = None  # cancel | timeout
    limits: Json | None = None


@dataclass(frozen=True)
class Outcome:
    state: State
    cause: Cause | None = None
    result: Json | None = None
    error: Json | None = None


def decide(facts: Facts) -> Outcome | None:
    """The outcome, or None while there is none yet."""
    if facts.result is not None:
        return Outcome(State.SUCCEEDED, result=facts.result)
    if facts.stop_reason and facts.exit:
        return _stopped(facts)
    # An error written because we asked the job to stop is our doing, so the stop is told once the container is gone.
    if facts.error is not None and not facts.stop_reason:
        return Outcome(State.FAILED, Cause.ERROR, error=facts.error)
    if facts.exit is None:
        return None
    return _death(facts, facts.exit)


def _stopped(facts: Facts) -> Outcome:
    if facts.stop_reason == "cancel":
        return Outcome(State.CANCELLED)
    seconds = (facts.limits or {}).get("seconds")
    error = _error(
        Cause.TIMEOUT, f"The job ran longer than its limit of {seconds} s.", "Give it more with task(seconds = ...)."
    )
    return Outcome(State.FAILED, Cause.TIMEOUT, error=error)


def _death(facts: Facts, exited: Exit) -> Outcome:
    if exited.code is None:
        return lost("The job's container is gone, and it left no result.")
    # 137 alone is any SIGKILL; only the engine's own word makes it memory.
    if exited.oom and exited.code == _SIGNAL_EXIT + signal.SIGKILL:
        return _failed(Cause.MEMORY, _memory_sentence(facts.limits), "Give it more with task(memory = ...).")
    if facts.unreadable:
        return _failed(Cause.PROTOCOL, f"The job's outcome cannot be read: {facts.unreadable}.", _PROTOCOL_HINT)
    if exited.code == 64:
        return _failed(Cause.PROTOCOL, "The worker could not understand its job folder.", _PROTOCOL_HINT)
    if exited.code == 0:
        return _failed(Cause.PROTOCOL, "The job ended without a result.", "Something in it ended the process early.")
    return _failed(Cause.KILLED, _exit_sentence(exited.code), "The last lines of its log may tell why.")


_PROTOCOL_HINT = "The image and the gateway may be of different versions: run `landbridge images build`."


def _memory_sentence(limits: Json | None) -> str:
    limit = (limits or {}).get("memory")
    size = f" of {limit / 1024**2:,.0f} MiB" if limit else ""
    return f"The job needed more memory than its limit{size}."


def _exit_sentence(code: int) -> str:
    if code > _SIGNAL_EXIT:
        try:
            name = signal.Signals(code - _SIGNAL_EXIT).name
        except ValueError:
            name = f"signal {code - _SIGNAL_EXIT}"
        return f"The job's process was ended by {name} (exit code {code}) before it had a result."
    return f"The job's process ended with exit code {code} before it had a result."


def _failed(cause: Cause, message: str, hint: str) -> Outcome:
    return Outcome(State.FAILED, cause, error=_error(cause, message, hint))


def _error(cause: Cause | None, message: str, hint: str, **more: Any) -> Json:
    kind = str(cause or "lost")
    return {"type": kind, "classes": [kind], "message": message, "hint": hint, "call": None, "frames": [], **more}


def lost(message: str) -> Outcome:
    """An outcome of which nobody can tell whether the job did anything."""
    return Outcome(State.LOST, error=_error(None, message, "Submit the job again."))


def failure(cause: Cause, message: str, hint: str) -> Outcome:
    """An outcome that the gateway decides by itself: the environment, an input, the engine."""
    return _failed(cause, message, hint)
