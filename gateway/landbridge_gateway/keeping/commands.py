"""What the command line asks for: of the gateway that runs, which alone opens its database, or done here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.errors import Conflict, NotFound
from landbridge_gateway.home import Home
from landbridge_gateway.keeping.backups import check_target, deliver
from landbridge_gateway.keeping.removing import Wanted, remove
from landbridge_gateway.keeping.snapshots import make_snapshot, snapshot_folder
from landbridge_gateway.local import Local
from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.sweeps import Sweeps

Done = TypeVar("Done")


def back_up(path: Path, target: Path) -> Json:
    """Raises :class:`Conflict` where the target is there already. Gives what the backup holds."""
    home = Home(path)
    check_target(target)
    name = _whoever_may(
        home,
        lambda local: str(local.call("POST", "/snapshots", patience=None)["snapshot"]["id"]),
        lambda: make_snapshot(home),
    )
    snapshot = snapshot_folder(home, name)
    try:
        return deliver(snapshot, target)
    finally:
        shutil.rmtree(snapshot, ignore_errors=True)


def collect_garbage(path: Path, older_than: int | None, experiment: str | None, dry_run: bool) -> Json:
    home, wanted = Home(path), Wanted(older_than, experiment)
    wanted.check()
    query = {"older_than": older_than, "experiment": experiment, "dry_run": "yes" if dry_run else "no"}
    given: Json = {name: value for name, value in query.items() if value is not None}
    return _whoever_may(
        home,
        lambda local: dict(local.call("POST", "/removals", patience=None, **given)["removal"]),
        lambda: _removed_here(home, wanted, dry_run),
    )


def _whoever_may(home: Home, ask: Callable[[Local], Done], do: Callable[[], Done]) -> Done:
    if not home.database.exists():
        raise NotFound(f"No gateway was started with {home.path} yet.", "Start one with `landbridge serve`.")
    try:
        lock = home.lock()
    except Conflict:
        return ask(Local(home.path))
    with lock:
        return do()


def _removed_here(home: Home, wanted: Wanted, dry_run: bool) -> Json:
    database = Database(home.database)
    try:
        return remove(database, Layout(home.depot), Sweeps(database, Jobs(database)), wanted, dry_run).as_json()
    finally:
        database.close()
