"""Files of jobs and objects that nobody names any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from landbridge_gateway.depot.layout import Layout


def remove_object(layout: Layout, object_id: str, format: str) -> None:
    layout.object_file(object_id, format).unlink(missing_ok=True)


def remove_job(layout: Layout, job: str) -> None:
    """All folders of a job. That of a call lies in its session's, and only a link to it here."""
    with suppress(FileNotFoundError):
        for attempt in list(_folder(layout, job).iterdir()):
            if attempt.is_symlink():
                shutil.rmtree(attempt.resolve(), ignore_errors=True)
                attempt.unlink()
        shutil.rmtree(_folder(layout, job))


def jobs_bytes(layout: Layout, jobs: set[str]) -> Iterator[int]:
    """What the folders of each job hold that has any; links in them lead to what is counted elsewhere."""
    for job in jobs.intersection(os.listdir(layout.jobs)):  # noqa: PTH208 - names alone, of a hundred thousand
        yield sum(
            os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - as os.walk gives them
            for folder, _, names in os.walk(_folder(layout, job))
            for name in names
        )


def _folder(layout: Layout, job: str) -> Path:
    return layout.job_folder(f"{job}.1").path.parent
