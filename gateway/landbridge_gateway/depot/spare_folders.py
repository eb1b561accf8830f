"""Folders of jobs to come, made while nobody waits for them.

A job waits for whatever is new of its folder: on ext4 0.02 ms for each file or folder, and up to a millisecond where
many were removed lately. A folder that is there already only takes its place.
"""

from __future__ import annotations

from pathlib import Path

from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.texts import write_text
from landbridge_gateway.depot.trees import remove_tree
from landbridge_gateway.model import new_id, split_attempt

_READY = 2  # as many as are ready at a time


class SpareFolders:
    """In the loop's turn. What an earlier gateway left of them is removed."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._root = layout, layout.root / "spare"
        self._made: list[Path] = []
        remove_tree(self._root)

    def prepare(self) -> None:
        """Make those that are missing. Where one cannot be made nothing of it stays, and whoever needs it is told."""
        while len(self._made) < _READY:
            place = self._root / new_id("job")
            try:
                _make(JobFolder(place / "1"))
            except OSError:
                remove_tree(place)
                return
            self._made.append(place)

    def become(self, attempt: str) -> bool:
        """Let one take the place of the folder of a job's first attempt; False where it has to be made there."""
        job, number = split_attempt(attempt)
        if number != 1 or not self._made:
            return False
        made = self._made.pop()
        try:
            made.rename(self._layout.jobs / job)
        except OSError:
            remove_tree(made)
            return False
        return True


def _make(folder: JobFolder) -> None:
    folder.path.mkdir(parents=True, mode=0o755)
    folder.make_out()
    folder.inputs.mkdir(mode=0o755)
    write_text(folder.spec, "")
