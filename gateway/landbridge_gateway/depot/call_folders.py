"""The folders of a session's calls. The next one is made before it is wanted, while nobody waits for it.

A short call is waited for, and a file system takes its time for whatever is new: 0.02 ms for a file or a folder, and on
ext4 up to 0.7 ms where many were removed lately. So the files that its worker appends to are there as well.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from landbridge_gateway.depot.layout import JobFolder
from landbridge_gateway.depot.trees import remove_tree

_NEXT = "next"


def prepare_next(session: JobFolder) -> None:
    """Make the folder of the next call. One that is there already is fine, and so is a session that is gone."""
    if (session.calls / _NEXT).exists():
        return
    with suppress(OSError):  # then it is made when it is wanted
        made = Path(tempfile.mkdtemp(prefix=".next-", dir=session.calls))  # closed to the call before
        try:
            make_outputs(JobFolder(made))
            for path in _appended(JobFolder(made)):
                path.touch()
                path.chmod(0o666)
            made.rename(session.calls / _NEXT)
        except OSError:
            remove_tree(made)


def make_call(session: JobFolder, folder: JobFolder, attempt: str) -> None:
    """The folder of a call, where its session sees it, and the link by which all others find it. Raises ``OSError``."""
    place = session.calls / attempt
    if place.exists():  # left by one that was not begun after all
        remove_tree(place)
    try:
        (session.calls / _NEXT).rename(place)
        place.chmod(0o755)
    except FileNotFoundError:
        place.mkdir(mode=0o755)
        make_outputs(JobFolder(place))
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    folder.path.unlink(missing_ok=True)
    folder.path.symlink_to(os.path.relpath(place, folder.path.parent))


def make_outputs(folder: JobFolder) -> None:
    """The folders that are the worker's to write in."""
    for path in (folder.out, folder.objects, folder.files):
        path.mkdir()
        # The container's user is not ours. The depot above is closed to everyone else.
        path.chmod(0o777)


def _appended(folder: JobFolder) -> tuple[Path, ...]:
    return folder.events, folder.log("stdout"), folder.log("stderr")
