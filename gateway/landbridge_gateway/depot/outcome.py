"""The outcome ladder: what became of an attempt, decided from its folder, its exit and what we did to it.

The order is the meaning. What the worker published counts before anything that happened to the process afterwards.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from landbridge_gateway.depot.written import MOST_FILES, Written
from landbridge_gateway.model import Cause, Exit, Gone, Json, State, Usage

_SIGNAL_EXIT = 128
# How Python and R say that a process could not be started. It counts where the kernel says that it refused some.
_REFUSED_WORDS = ("resource temporarily unavailable", "can't start new thread", "unable to fork", "cannot fork")

_TOO_LARGE = "file too large"  # what the kernel says to Python, and which ends R


@dataclass(frozen=True)
class Facts:
    """What is known of an attempt. ``unreadable`` says why a file that is there cannot be understood."""

    result: Json | None = None
    error: Json | None = None
    unreadable: str | None = None
    exit: Exit | None = None
    stop_reason: str | None = None  # cancel | timeout
    limits: Json | None = None
    usage: Usage | None = None  # where it is known before the exit is
    written: Written | None = None  # what it left on the disk
    left: bool = False  # its worker said that it ends by itself

    @property
    def counted(self) -> Usage:
        """The last count: what was known before the exit may be from long before."""
        return (self.exit.usage if self.exit else None) or self.usage or Usage()

    def limit(self, name: str) -> int:
        return int((self.limits or {}).get(name) or 0)

    @property
    def output_full(self) -> bool:
        """Did it write as much as it may? The kernel bounds each file, and the warden all of them together."""
        most = self.limit("disk")
        wrote = self.written
        return wrote is not None and most > 0 and (wrote.beyond(most) or wrote.largest >= most)


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
        return _raised(facts, facts.error)
    if facts.exit is None:
        return None
    return _death(facts, facts.exit)


def _stopped(facts: Facts) -> Outcome:
    if facts.stop_reason == "cancel":
        return Outcome(State.CANCELLED)
    sentence = f"The job ran longer than its limit of {facts.limit('seconds')} s."
    return _failed(Cause.TIMEOUT, sentence, "Give it more with task(seconds = ...).", facts)


def _raised(facts: Facts, error: Json) -> Outcome:
    """User code's own error; of a limit that it ran into, with the way out."""
    said = str(error.get("message")).lower()
    if facts.output_full or (_TOO_LARGE in said and "OSError" in error.get("classes", ())):
        return Outcome(State.FAILED, Cause.DISK, error=error | {"hint": f"{_disk_sentence(facts)} {_MORE_DISK}"})
    if facts.counted.refused and any(word in said for word in _REFUSED_WORDS):
        return Outcome(State.FAILED, Cause.PIDS, error=error | {"hint": f"{_refused_sentence(facts)} {_MORE_PIDS}"})
    return Outcome(State.FAILED, Cause.ERROR, error=error)


def _death(facts: Facts, exited: Exit) -> Outcome:
    if exited.gone or exited.code is None:
        return _vanished(facts, exited)
    # 137 alone is any SIGKILL; only the word of the engine or the kernel makes it memory.
    short = exited.oom or facts.counted.oom_kills > 0
    if short and exited.code == _SIGNAL_EXIT + signal.SIGKILL and not facts.left:
        return _failed(Cause.MEMORY, _memory_sentence(facts), "Give it more with task(memory = ...).")
    if exited.code == _SIGNAL_EXIT + signal.SIGXFSZ or facts.output_full:
        return _failed(Cause.DISK, _disk_sentence(facts), _MORE_DISK, facts)
    if facts.unreadable:
        return _failed(Cause.PROTOCOL, f"The job's outcome cannot be read: {facts.unreadable}.", _PROTOCOL_HINT)
    if exited.code == 64:
        return _failed(Cause.PROTOCOL, "The worker could not understand its job folder.", _PROTOCOL_HINT)
    if exited.code == 0:
        return _failed(
            Cause.PROTOCOL, "The job ended without a result.", "Something in it ended the process early.", facts
        )
    sentence = _exit_sentence(exited.code, facts.left)
    return _failed(Cause.KILLED, sentence, "The last lines of its log may tell why.", facts)


_PROTOCOL_HINT = "The image and the gateway may be of different versions: run `landbridge images build`."
_MORE_DISK = "Give it more with task(disk = ...)."
_MORE_PIDS = "Give it more with task(pids = ...)."
_GONE = {
    Gone.REMOVED: "The job's container was removed by somebody, and it left no result.",
    Gone.ENGINE: "The container engine stopped while the job ran, and ended its container.",
    Gone.MACHINE: "The machine was started anew while the job ran.",
}


def _vanished(facts: Facts, exited: Exit) -> Outcome:
    sentence = _GONE[Gone(exited.gone)] if exited.gone else "The job's container is gone, and it left no result."
    return lost(_with_circumstances(sentence, facts))


def _memory_sentence(facts: Facts) -> str:
    usage, limit = facts.counted, facts.limit("memory")
    if not limit:
        return "The job needed more memory than its limit."
    # It was ended because it had reached the limit, whenever its peak was last read.
    peak = f" (peak {_mebibytes(max(usage.peak, limit))})" if usage.peak else ""
    return f"The job needed more memory than its limit of {_mebibytes(limit)}{peak}."


def _disk_sentence(facts: Facts) -> str:
    limit, wrote = facts.limit("disk"), facts.written or Written()
    if wrote.files > MOST_FILES:
        return f"The job left more than {MOST_FILES:,} files, which is as many as it may."
    if wrote.bytes > limit > wrote.largest:
        return f"The job wrote {_mebibytes(wrote.bytes)}, and its limit is {_mebibytes(limit)}."
    return f"The job wrote a file as large as its limit of {_mebibytes(limit)}."


def _refused_sentence(facts: Facts) -> str:
    times = f"{facts.counted.refused:,} times" if facts.counted.refused > 1 else "once"
    return f"The kernel refused {times} to start a process: the limit is {facts.limit('pids'):,}."


def _exit_sentence(code: int, left: bool) -> str:
    if code > _SIGNAL_EXIT and not left:
        try:
            name = signal.Signals(code - _SIGNAL_EXIT).name
        except ValueError:
            name = f"signal {code - _SIGNAL_EXIT}"
        return f"The job's process was ended by {name}, or by itself with exit code {code}, before it had a result."
    return f"The job's process ended with exit code {code} before it had a result."


def _mebibytes(count: int) -> str:
    return f"{count / 1024**2:,.0f} MiB"


def remarks(facts: Facts) -> list[str]:
    """What the kernel did to a job that is not its end: of a success and an error they are warnings."""
    found = []
    if facts.counted.oom_kills:
        many = facts.counted.oom_kills
        ended = f"{many:,} processes" if many > 1 else "a process"
        limit = facts.limit("memory")
        found.append(f"The kernel ended {ended} of the job for want of memory (limit {_mebibytes(limit)}).")
    if facts.counted.refused:
        found.append(_refused_sentence(facts))
    return found


def _with_circumstances(sentence: str, facts: Facts) -> str:
    usage, limit = facts.counted, facts.limit("memory")
    peak = [f"Its memory peak was {_mebibytes(usage.peak)} of {_mebibytes(limit)}."] if usage.peak and limit else []
    return " ".join([sentence, *remarks(facts), *peak])


def _failed(cause: Cause, message: str, hint: str, facts: Facts | None = None) -> Outcome:
    told = _with_circumstances(message, facts) if facts else message
    return Outcome(State.FAILED, cause, error=_error(cause, told, hint))


def _error(cause: Cause | None, message: str, hint: str, **more: Any) -> Json:
    kind = str(cause or "lost")
    return {"type": kind, "classes": [kind], "message": message, "hint": hint, "call": None, "frames": [], **more}


def lost(message: str) -> Outcome:
    """An outcome of which nobody can tell whether the job did anything."""
    hint = "Submit the job again. With task(retries = 1) it would be tried again by itself."
    return Outcome(State.LOST, error=_error(None, message, hint))


def failure(cause: Cause, message: str, hint: str) -> Outcome:
    """An outcome that the gateway decides by itself: the environment, an input, the engine."""
    return _failed(cause, message, hint)
