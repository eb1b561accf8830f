"""The folders of slots, and how one becomes the folder of a job. Every step may be the last one before a crash.

A slot's folder is mounted in its container. To hand it out the job's files are moved into it, and then it takes the
place of the job's own folder: a mount follows its folder wherever that is moved.
"""

from __future__ import annotations

import fcntl
import os
import re
import termios
from array import array
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.texts import write_text
from landbridge_gateway.depot.trees import remove_tree
from landbridge_gateway.model import new_id

SLOT_ID = r"slot_[0-9a-z]{16}"
_SLOT = re.compile(SLOT_ID)
_MARK = "slot"  # in the folder, so that a job's folder tells which slot it was
_PIPE = "go"


class Slots:
    def __init__(self, layout: Layout) -> None:
        self._layout, self._root = layout, layout.root / "slots"
        self._root.mkdir(mode=0o700, exist_ok=True)

    def folder(self, slot: str) -> JobFolder:
        if not _SLOT.fullmatch(slot):
            raise ValueError(f"not a slot: {slot!r}")
        return JobFolder(self._root / slot)

    def make(self) -> str:
        """Lay out a folder without a job."""
        slot = new_id("slot")
        folder = self.folder(slot)
        folder.path.mkdir(mode=0o755)
        folder.inputs.mkdir(mode=0o755)
        folder.make_out()
        folder.make_files()
        write_text(folder.path / _MARK, slot)
        os.mkfifo(folder.path / _PIPE, 0o644)
        # Nobody waits for a slot, and a job does for whatever is new then: the file system takes its time for that.
        for note in (self._note(slot), self._word(slot)):
            note.touch()
        return slot

    def hand_over(self, slot: str, attempt: str) -> JobFolder:
        """Make the slot's folder the attempt's. Raises ``OSError``; what was moved by then is the slot's."""
        here, there = self.folder(slot), self._layout.job_folder(attempt)
        write_text(self._note(slot), attempt)
        there.spec.rename(here.spec)
        if any(there.inputs.iterdir()):
            there.inputs.rename(here.inputs)
        with suppress(FileNotFoundError):
            there.secrets.rename(here.secrets)
        there.path.rename(self._aside(slot))  # removed when the job is over: it waits now
        here.path.rename(there.path)
        return there

    def attempt_of(self, slot: str) -> str | None:
        """The attempt that a slot was handed to, if its folder got there."""
        try:
            attempt = self._note(slot).read_text()
            mark = (self._layout.job_folder(attempt).path / _MARK).read_text()
        except (FileNotFoundError, ValueError):
            return None
        return attempt if mark == slot else None

    def slot_of(self, attempt: str) -> str | None:
        """The slot in whose container an attempt runs."""
        try:
            mark = (self._layout.job_folder(attempt).path / _MARK).read_text()
        except FileNotFoundError:
            return None
        return mark if _SLOT.fullmatch(mark) else None

    def give(self, slot: str) -> None:
        """Note that the worker is about to be told: from then on the job may have begun."""
        self._word(slot).rename(self._given(slot))

    def given(self, slot: str) -> bool:
        return self._given(slot).exists()

    def unmark(self, attempt: str) -> None:
        """The attempt's folder is no slot's any more."""
        for name in (_MARK, _PIPE):
            (self._layout.job_folder(attempt).path / name).unlink(missing_ok=True)

    def pipe_of(self, attempt: str) -> int | None:
        """The pipe of the slot that an attempt was given, while its worker still waits there."""
        return self.open_pipe(self._layout.job_folder(attempt))

    def awaited(self, attempt: str) -> bool:
        """Does the worker of the slot that an attempt was given still wait for the word, or has not read it yet?"""
        pipe = self.pipe_of(attempt)
        if pipe is not None:
            os.close(pipe)
        return pipe is not None

    def open_pipe(self, folder: JobFolder) -> int | None:
        """The pipe's end for writing; None while nobody reads, which is until the worker is ready."""
        try:
            return os.open(folder.path / _PIPE, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None

    @staticmethod
    def unread(pipe: int) -> bool:
        """Does what was written into a pipe, of which this is the end for writing, still stand in it?"""
        waiting = array("i", [0])
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
        return waiting[0] > 0

    def remove(self, slot: str) -> None:
        for note in (self._note(slot), self._word(slot), self._given(slot)):
            note.unlink(missing_ok=True)
        for path in (self.folder(slot).path, self._aside(slot)):
            remove_tree(path)

    def sweep(self, kept: Collection[str]) -> None:
        """Remove what is left of all slots but those that have a container."""
        for slot in {path.stem for path in self._root.iterdir() if _SLOT.fullmatch(path.stem)} - set(kept):
            self.remove(slot)

    def _word(self, slot: str) -> Path:
        return self._root / f"{slot}.word"

    def _given(self, slot: str) -> Path:
        return self._root / f"{slot}.given"

    def _aside(self, slot: str) -> Path:
        return self._root / f"{slot}.aside"

    def _note(self, slot: str) -> Path:
        return self._root / f"{slot}.to"
