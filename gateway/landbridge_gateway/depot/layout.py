"""Where everything in the depot lies. Paths follow from ids, and an id that is not one of ours has no path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from landbridge_gateway.depot.durable import make_folder
from landbridge_gateway.model import FORMATS, JOB_ID, OBJECT_ID, split_attempt

_OBJECT = re.compile(OBJECT_ID)
_ATTEMPT = re.compile(JOB_ID + r"\.[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class JobFolder:
    """One attempt's folder: what the container sees as ``/job``."""

    path: Path

    @cached_property
    def spec(self) -> Path:
        return self.path / "job.json"

    @cached_property
    def adopted(self) -> Path:
        """Which object each of the job's new files became: written before the file is moved."""
        return self.path / "adopted"

    @cached_property
    def inputs(self) -> Path:
        return self.path / "in"

    @cached_property
    def recall(self) -> Path:
        """Of a sweep's chunk: while it is there, the worker begins no further point."""
        return self.inputs / "recall"

    @cached_property
    def cancelled(self) -> Path:
        """Of a sweep's chunk: a file for each point that the worker is to pass over."""
        return self.inputs / "cancelled"

    @cached_property
    def secrets(self) -> Path:
        """Of a job with secrets: the pipe by which its worker is given them."""
        return self.path / "secrets"

    @cached_property
    def out(self) -> Path:
        return self.path / "out"

    @cached_property
    def objects(self) -> Path:
        return self.out / "objects"

    @cached_property
    def files(self) -> Path:
        return self.out / "files"

    @cached_property
    def events(self) -> Path:
        return self.out / "events.jsonl"

    @cached_property
    def result(self) -> Path:
        return self.out / "result.json"

    @cached_property
    def error(self) -> Path:
        return self.out / "error.json"

    @cached_property
    def draft(self) -> Path:
        """Where it is there, and empty, the worker writes its result or error into it, and then renames it."""
        return self.out / ".draft"

    @cached_property
    def calls(self) -> Path:
        """Of a session: the folders of the jobs that run in it."""
        return self.path / "calls"

    @cached_property
    def requests(self) -> Path:
        """Of a session: the pipe by which it is told of its next call."""
        return self.calls / "requests"

    def make_out(self) -> None:
        """The folders that are the worker's to write in."""
        for path in (self.out, self.objects, self.files):
            path.mkdir()
            # The container's user is not ours. The depot above is closed to everyone else.
            path.chmod(0o777)

    def make_files(self) -> None:
        """The files that the worker would else make while somebody waits for it."""
        for path in (self.events, self.log("stdout"), self.log("stderr"), self.draft):
            path.touch()
            path.chmod(0o666)

    def log(self, stream: str) -> Path:
        return self.out / f"{stream}.log"


@dataclass(frozen=True)
class Layout:
    root: Path

    def prepare(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.objects, self.intake, self.jobs):
            make_folder(folder)

    def has_jobs(self) -> bool:
        return self.jobs.exists() and any(self.jobs.iterdir())

    @cached_property
    def objects(self) -> Path:
        return self.root / "objects"

    @cached_property
    def intake(self) -> Path:
        """Files that are not whole yet, or not named yet by the client that wrote them."""
        return self.root / "intake"

    @cached_property
    def jobs(self) -> Path:
        return self.root / "jobs"

    def object_file(self, object_id: str, format: str) -> Path:
        if not _OBJECT.fullmatch(object_id):
            raise ValueError(f"not an object id: {object_id!r}")
        return self.objects / object_id[4:6] / (object_id + FORMATS[format])

    @lru_cache(1024)  # noqa: B019 - there is one layout
    def job_folder(self, attempt: str) -> JobFolder:
        if not _ATTEMPT.fullmatch(attempt):
            raise ValueError(f"not an attempt: {attempt!r}")
        job, number = split_attempt(attempt)
        return JobFolder(Path(f"{self.jobs}/{job}/{number}"))
