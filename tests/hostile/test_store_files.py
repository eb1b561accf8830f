"""The database's files replaced, cut short or taken away: found at the start, or when something is to be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from landbridge_gateway.errors import StoreDamaged, StoreGone
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.soundness import mark_file
from landbridge_gateway.web.services import Services

from tests.filling import fill
from tests.gateway.conftest import ROOT, submission, submit

# Opens the database, writes jobs, and dies without a word.
KILLED = """
import os, sys
from pathlib import Path
from landbridge_gateway.store.database import Database
from tests.filling import fill
database = Database(Path(sys.argv[1]))
fill(database, "owner", "x", int(sys.argv[2]))
os._exit(9)
"""


def written(path: Path, count: int = 200) -> None:
    """A database that was closed."""
    database = Database(path)
    fill(database, "owner", "x", count)
    database.close()


def killed(path: Path, count: int = 200) -> None:
    """One that was not: its last commits are in the log alone."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(count)], cwd=ROOT, check=False)
    assert done.returncode == 9


def jobs_in(path: Path) -> int:
    database = Database(path)
    try:
        return int(database.rows("SELECT count(*) AS n FROM jobs")[0]["n"])
    finally:
        database.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db"


def wal(path: Path) -> Path:
    return path.with_name("db-wal")


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def another(path: Path) -> None:
    other = path.with_name("other")
    written(other)
    other.replace(path)


def older_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    written(path, 1)
    path.with_name("copy").replace(path)


DAMAGED_AFTER_A_CLOSE = {
    "it is empty": lambda path: cut(path, 0),
    "SQLite cannot read it (database disk image is malformed)": lambda path: cut(path, path.stat().st_size // 2),
    "SQLite cannot read it (file is not a database)": lambda path: path.write_bytes(b"PAR1" * 4096),
    "it is another store's": another,
    "it is an older copy": older_copy,
    "its mark {}.mark cannot be read": lambda path: mark_file(path).write_text("half a line"),
}


@pytest.mark.row("DB7")
@pytest.mark.parametrize("why", DAMAGED_AFTER_A_CLOSE)
def test_files_that_were_changed_since_the_last_close_are_refused(path: Path, why: str) -> None:
    written(path)
    DAMAGED_AFTER_A_CLOSE[why](path)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged) as refused:
        Database(path)
    assert refused.value.message == (
        f"The database {path} is not what the last gateway left: {why.format(path)}. Nothing was changed."
    )
    assert "landbridge restore" in str(refused.value.hint)
    assert path.read_bytes() == before


DAMAGED_AFTER_A_KILL = {
    "its log db-wal is gone or empty, and with it what was committed last": lambda path: wal(path).unlink(),
    "its log db-wal is gone or empty, and with it what was committed last ": lambda path: cut(wal(path), 0),
    "its log db-wal was cut short": lambda path: cut(wal(path), wal(path).stat().st_size - 1),
    "its log db-wal is that of another database": lambda path: wal(path).write_bytes(bytes(wal(path).stat().st_size)),
    "another file was put in its place, beside the log db-wal of the right one": another,
}


@pytest.mark.row("DB7")
@pytest.mark.parametrize("why", DAMAGED_AFTER_A_KILL)
def test_files_that_were_changed_after_a_kill_are_refused(path: Path, why: str) -> None:
    killed(path)
    DAMAGED_AFTER_A_KILL[why](path)
    with pytest.raises(StoreDamaged) as refused:
        Database(path)
    assert f"left: {why.strip()}. Nothing" in refused.value.message


@pytest.mark.row("DB7")
def test_a_database_cut_short_beside_its_log_is_refused(path: Path) -> None:
    written(path, 2000)
    killed(path, 1)
    cut(path, path.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="it was cut short"):
        Database(path)


def test_what_a_kill_leaves_and_a_home_that_was_moved_are_taken(path: Path, tmp_path: Path) -> None:
    for times in (1, 2):
        before = path.stat().st_size if path.exists() else 0
        killed(path, 40_000)
        assert path.stat().st_size > before + 10 * 1024**2  # part of it was taken over from the log
        assert jobs_in(path) == times * 40_000
    for file in tmp_path.iterdir():
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "elsewhere") if file.is_file() else None
    assert jobs_in(tmp_path / "elsewhere" / "db") == 80_000


def test_it_is_taken_as_it_is_once_its_mark_is_gone(path: Path) -> None:
    written(path)
    older_copy(path)
    mark_file(path).unlink()
    assert jobs_in(path) == 200


class TestTakenAwayWhileItRuns:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings.load({}, home=tmp_path / "home", running=2)

    @pytest.mark.parametrize("how", ["moved", "replaced"])
    def test_nothing_is_taken_any_more_and_no_empty_one_made(self, client, services, road, how: str) -> None:
        kept = submit(client)
        path = services.home.database
        path.rename(path.with_name("aside"))
        if how == "replaced":
            path.touch()
        for call in ("/api/v1/jobs", "/api/v1/objects?format=file"):
            refused = client.post(call, json=submission())
            assert (refused.status_code, refused.json["error"]["code"]) == (500, "store_gone")
            assert refused.json["error"]["message"] == "The gateway's database landbridge.db is not where it was."
        assert client.get(f"/api/v1/jobs/{kept['id']}").status_code == 200  # reads go on while they can
        assert path.exists() == (how == "replaced")
        assert [file.name for file in services.layout.intake.iterdir()] == ["nonce"]
        path.with_name("aside").rename(path)
        submit(client)

    def test_a_gateway_that_starts_then_refuses_and_makes_none(self, services, settings) -> None:
        services.close()
        home = services.home
        for file in home.path.glob("landbridge.db*"):
            file.unlink() if file != mark_file(home.database) else None
        with pytest.raises(StoreGone):
            Services.open(settings, Schemas(ROOT / "containers" / "schema"))
        mark_file(home.database).unlink()
        (home.depot / "jobs" / "job_0000000000000001").mkdir()
        with pytest.raises(StoreGone):
            Services.open(settings, Schemas(ROOT / "containers" / "schema"))
        assert not home.database.exists()
        (home.depot / "jobs" / "job_0000000000000001").rmdir()
        services.database = Services.open(settings, Schemas(ROOT / "containers" / "schema")).database


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_the_mount_of_a_home_that_goes_is_a_store_that_is_gone(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], check=True)
    database = Database(disk / "db")
    try:
        fill(database, "owner", "x", 1)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        with pytest.raises(StoreGone):
            Jobs(database).annotate("job_0000000000000001", "x")
        assert list(disk.iterdir()) == []
    finally:
        database.close()
