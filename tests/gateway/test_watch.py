"""What the warden hears of the folders of jobs."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.warden.watch import FolderWatch

LONG = 20  # seconds that nothing takes


class Heard:
    """A watch and what it said, in order."""

    def __init__(self) -> None:
        self.said: queue.Queue[tuple[str, str]] = queue.Queue()
        self.watch = FolderWatch(
            finished=lambda attempt: self.said.put(("finished", attempt)),
            active=lambda attempt: self.said.put(("active", attempt)),
        )

    def next(self) -> tuple[str, str]:
        return self.said.get(timeout=LONG)


@pytest.fixture
def folder(tmp_path: Any) -> JobFolder:
    made = JobFolder(tmp_path / "job")
    made.out.mkdir(parents=True)
    return made


@pytest.fixture
def heard(folder: JobFolder) -> Iterator[Heard]:
    made = Heard()
    made.watch.add("job.1", folder)
    yield made
    made.watch.drop("job.1")


def append(folder: JobFolder) -> None:
    with folder.events.open("a") as events:
        events.write("{}\n")


def publish(folder: JobFolder) -> None:
    (folder.out / ".result.tmp").write_text("{}")
    (folder.out / ".result.tmp").rename(folder.result)


def test_one_that_never_pauses_is_told_of_again_and_again(folder, heard):
    for _ in range(3):
        while heard.said.empty():
            append(folder)
        assert heard.next() == ("active", "job.1")


def test_what_is_written_after_it_was_told_of_is_told_of_too(folder, heard):
    for _ in range(3):
        append(folder)
        assert heard.next() == ("active", "job.1")


def test_its_end_is_told_at_once_although_it_is_busy(folder, heard):
    append(folder)
    publish(folder)
    assert heard.next() == ("finished", "job.1")


def test_nothing_is_told_of_one_that_is_over(folder, heard, tmp_path):
    append(folder)
    publish(folder)
    assert heard.next() == ("finished", "job.1")
    heard.watch.drop("job.1")
    other = JobFolder(tmp_path / "other")
    other.out.mkdir(parents=True)
    heard.watch.add("job.2", other)
    append(other)
    assert heard.next() == ("active", "job.2")
    heard.watch.drop("job.2")


def test_an_end_before_the_watch_is_told(folder):
    publish(folder)
    heard = Heard()
    heard.watch.add("job.2", folder)
    assert heard.next() == ("finished", "job.2")
