"""Snapshots: the whole of a home at one moment, laid out as a home inside it. A gateway that runs goes on meanwhile."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from landbridge_gateway.depot.copies import copy_folders, link_objects
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.home import Home
from landbridge_gateway.model import attempt_id, new_id
from landbridge_gateway.store.copies import DatabaseCopy, copy_database

_LEFT_FOR = 24 * 3600.0  # seconds after which a snapshot that nobody took away is taken for a dead command's


def make_snapshot(home: Home) -> str:
    """Gives its name, by which it lies in the home's ``snapshots``.

    The database first: every object that its rows name is in its place by then, and nothing is removed meanwhile,
    for which the caller cares.
    """
    _sweep(home)
    name = new_id("snap")
    there = Home(snapshot_folder(home, name))
    there.path.mkdir(mode=0o700, parents=True)
    try:
        copy_database(home.database, there.database)
        copied, here, target = DatabaseCopy(there.database), Layout(home.depot), Layout(there.depot)
        link_objects(here, target, copied.objects())
        copy_folders(here, target, (attempt_id(row["job"], row["number"]) for row in copied.attempts()))
    except BaseException:
        shutil.rmtree(there.path, ignore_errors=True)
        raise
    return name


def snapshot_folder(home: Home, name: str) -> Path:
    return home.path / "snapshots" / name


def _sweep(home: Home) -> None:
    for left in (home.path / "snapshots").glob("snap_*"):
        if left.stat().st_mtime < time.time() - _LEFT_FOR:
            shutil.rmtree(left, ignore_errors=True)
