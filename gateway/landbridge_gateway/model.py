"""The nouns of the house and the one table of allowed transitions. No IO."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
PROTOCOL = 1
SEEDS = 2**31  # seeds are whole numbers below it


class State(StrEnum):
    """Where a job stands. Exactly one of the last four is its end."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return not TRANSITIONS[self]


class Role(StrEnum):
    """What a token may do: see everything, work on what is its own, or everything."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class Cause(StrEnum):
    """Why a failed job failed."""

    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    DISK = "disk"
    PIDS = "pids"
    KILLED = "killed"
    ENVIRONMENT = "environment"
    INPUT = "input"
    PROTOCOL = "protocol"
    ENGINE = "engine"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.WAITING: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED, State.LOST}),
    # Back in line where the task asked for another attempt.
    State.RUNNING: frozenset({State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.LOST}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.LOST: frozenset(),
}


def sources(target: State) -> list[State]:
    """The states from which ``target`` may be entered."""
    return [state for state, targets in TRANSITIONS.items() if target in targets]


@dataclass(frozen=True)
class Limits:
    """What one job may use. ``memory`` and ``disk`` in bytes, ``seconds`` of running time."""

    cpus: float = 1.0
    memory: int = 2 * 1024**3
    seconds: int = 3600
    pids: int = 256
    disk: int = 10 * 1024**3
    network: str = "none"

    def with_given(self, given: Mapping[str, Any]) -> Limits:
        return replace(self, **given)

    def as_json(self) -> Json:
        return dict(vars(self))


# Ranges are part of the answer to a bad value, so they stand beside the model and not in the schema alone.
LIMIT_RANGES: Mapping[str, tuple[float, float]] = {
    "cpus": (0.1, 256),
    "memory": (64 * 1024**2, 4 * 1024**4),
    "seconds": (1, 30 * 24 * 3600),
    "pids": (16, 32768),
    "disk": (1024**2, 4 * 1024**4),
}


@dataclass(frozen=True)
class RuntimeState:
    """A runtime that the engine offers, and whether its image is there.

    ``languages`` are those that tasks for it may be of: its own alone when none are given. ``without`` says what others
    of its language can do and it cannot.
    """

    name: str
    language: str
    default: bool
    state: str  # ready | absent | building | failed
    image: str | None = None
    languages: Sequence[str] = ()
    without: Sequence[str] = ()

    def runs(self, language: str) -> bool:
        return language in (self.languages or (self.language,))

    def as_json(self) -> Json:
        about = {"name": self.name, "language": self.language, "default": self.default, "state": self.state}
        return {**about, "languages": list(self.languages or (self.language,)), "without": list(self.without)}


@dataclass(frozen=True)
class Usage:
    """What the kernel counted of a container: bytes; processes that it ended for want of memory, or did not start."""

    limit: int | None = None
    peak: int | None = None
    oom_kills: int = 0
    refused: int = 0

    def as_json(self) -> Json:
        return dict(vars(self))


class Gone(StrEnum):
    """Why an end is not the job's own, or was not seen."""

    REMOVED = "removed"  # somebody removed its container
    ENGINE = "engine"  # the engine stopped, and its containers with it
    MACHINE = "machine"  # the machine did


@dataclass(frozen=True)
class Exit:
    """How a container ended. ``code`` is None when the container was gone before its end was seen."""

    code: int | None
    oom: bool = False
    gone: str | None = None
    usage: Usage | None = None

    def as_json(self) -> Json:
        return {**vars(self), "usage": self.usage.as_json() if self.usage else None}

    @classmethod
    def from_json(cls, told: Json) -> Exit:
        usage = told.get("usage")
        return cls(told["code"], bool(told.get("oom")), told.get("gone"), Usage(**usage) if usage else None)


MOST_RETRIES = 20
# What a task may name in `retry_on`: ends that another attempt may not come to.
RETRIED = ("lost", "engine", "memory", "killed", "timeout", "pids", "disk", "error")
# Where a task names none: what the job itself had no part in.
RETRIED_UNASKED = ("lost", "engine")


def attempt_id(job: str, number: int) -> str:
    """The name of an attempt in labels, folders and commands."""
    return f"{job}.{number}"


def split_attempt(attempt: str) -> tuple[str, int]:
    job, _, number = attempt.partition(".")
    return job, int(number)


_ALPHABET = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")


def new_id(prefix: str) -> str:
    """An id of 80 random bits: unguessable, safe in paths, labels and addresses, and easy to read aloud."""
    return new_ids(prefix, 1)[0]


def new_ids(prefix: str, count: int) -> list[str]:
    """Many of them: to draw for each by itself takes several times as long."""
    drawn = b32encode(secrets.token_bytes(10 * count)).translate(_ALPHABET).decode()
    return [f"{prefix}_{drawn[start : start + 16]}" for start in range(0, 16 * count, 16)]


def point_seed(seed: int, point: int) -> int:
    """The seed of a point: the same in every sweep of this seed, and unlike those of points and seeds nearby."""
    mixed = hashlib.sha256(f"{seed}:{point}".encode()).digest()
    return int.from_bytes(mixed[:4]) % SEEDS


# Lower case, so that no two differ only by case; each has a variable of the environment outside a job.
SECRET_NAME = r"[a-z][a-z0-9_]{0,63}"
# What is shorter could not be hidden in a log without hiding much else.
SECRET_BYTES = (8, 16 * 1024)

JOB_ID = r"job_[0-9a-z]{16}"
OBJECT_ID = r"obj_[0-9a-z]{16}"
FORMATS = {"arrow": ".arrow", "rds": ".rds", "pickle": ".pkl", "png": ".png", "file": ".bin"}
EXTENSION_FORMATS = {extension: name for name, extension in FORMATS.items()}

# The same as in containers/schema/value.schema.json and in both clients.
LONGEST_NAME = 255
_NO_FILE_NAME = re.compile(
    r"[/\\\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]|^[.]*$|\s$"
)


def is_file_name(name: str) -> bool:
    """Names one file, in no folder, and reads as it is written."""
    return len(name) <= LONGEST_NAME and _NO_FILE_NAME.search(name) is None
