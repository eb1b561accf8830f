"""The secrets of a job: one file in memory, which the worker fills from the job's pipe before user code runs.

The file is on a tmpfs, can be read by the job's user alone, and goes with the job. Where it is stands in a variable of
the environment, so that child processes and the other language of a job find it too; the values stand in none.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from landbridge import in_job
from landbridge.errors import UnknownSecret
from landbridge.job_folder import JobFolder
from landbridge.kinds import Json
from landbridge.traces import describe

FILE = "LANDBRIDGE_SECRETS"
ELSEWHERE = "LANDBRIDGE_SECRET_"
_MEMORY = Path("/dev/shm")
_folder: list[Path] = []  # of this process, made with its first secrets


def secret(name: str) -> str:
    """The value of a secret that the job's task names: ``task(f, secrets="db_password")``.

    Outside a job it is the variable of the environment ``LANDBRIDGE_SECRET_<NAME>``, so that a script runs unchanged
    on a laptop. Inside a job that variable is not looked at.

    Raises :class:`~landbridge.errors.UnknownSecret` for a secret that the job was not given, and outside a job where
    the variable is not set; the hint says what to do.
    """
    if not os.environ.get(in_job.FOLDER):
        return _elsewhere(name)
    place = os.environ.get(FILE)
    values: Json = json.loads(Path(place).read_bytes())["secrets"] if place else {}
    if name not in values:
        raise UnknownSecret(
            f"The job was not given a secret `{name}`.",
            f'Name it in its task: task(..., secrets = "{name}").',
            name=name,
        )
    return str(values[name])


def _elsewhere(name: str) -> str:
    variable = ELSEWHERE + name.upper()
    value = os.environ.get(variable)
    if value is None:
        raise UnknownSecret(
            f"There is no secret `{name}` outside a job.",
            f"Set the variable {variable}, or submit the code as a job.",
            name=name,
        )
    return value


def with_secrets(folder: JobFolder, run: Callable[[], int], within: JobFolder | None = None) -> int:
    """Run a job with the secrets that its task names, if it names any; the file is gone afterwards.

    ``within`` is the session of a call. Secrets that cannot be had are the job's error.
    """
    if not folder.document["task"].get("secrets"):
        return run()
    try:
        place = _received(folder, within or folder)
    except (UnknownSecret, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        folder.publish("error.json", describe(problem, []))
        return 0
    process = os.getpid()
    os.environ[FILE] = str(place)
    try:
        return run()
    finally:
        os.environ.pop(FILE, None)
        if os.getpid() == process:  # and not a child that user code forked
            place.unlink(missing_ok=True)


def remove_folder() -> None:
    """The worker ends."""
    while _folder:
        shutil.rmtree(_folder.pop(), ignore_errors=True)


def _received(folder: JobFolder, process: JobFolder) -> Path:
    line = _line(folder.path / "secrets")
    told = json.loads(line)
    if "problem" in told:
        raise UnknownSecret(told["problem"], "Submit the job again.")
    place = _own_folder(process) / _attempt(folder)
    opened = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
    with os.fdopen(opened, "w", encoding="utf-8") as stream:
        stream.write(line)
    return place


def _line(pipe: Path) -> str:
    while True:
        # The end of the pipe is the end of who would have written to it: another will come.
        with pipe.open(encoding="utf-8") as stream:
            line = stream.readline()
            if line.endswith("\n"):
                return line


def _own_folder(folder: JobFolder) -> Path:
    if not _folder:
        _check_memory()
        made = _MEMORY / f"landbridge-{_attempt(folder)}"
        made.mkdir(mode=0o700)
        _folder.append(made)
    return _folder[0]


def _attempt(folder: JobFolder) -> str:
    return f"{folder.document['job']}.{folder.document['attempt']}"


def _check_memory() -> None:
    """A file there must never be on a disk."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    if not any(mount.split()[1:3] == [str(_MEMORY), "tmpfs"] for mount in mounts):
        raise UnknownSecret(f"There is no tmpfs at {_MEMORY} for the job's secrets.", "Run the job in a container.")
