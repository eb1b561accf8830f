"""A backup while jobs are submitted and end; a new home from it; and what is refused."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import subprocess
import tarfile
import threading

import pytest
from landbridge_gateway.errors import BadBackup, Conflict
from landbridge_gateway.home import Home
from landbridge_gateway.keeping.backups import deliver
from landbridge_gateway.keeping.commands import back_up
from landbridge_gateway.keeping.restoring import restore
from landbridge_gateway.keeping.snapshots import snapshot_folder
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import ROOT, source_task, submission, submit


def upload(client, data=b"bytes"):
    answer = client.post("/api/v1/objects?format=file", data=data)
    assert answer.status_code == 201, answer.json
    return answer.json["object"]["id"]


def node(object_id):
    return {"kind": "file", "object": object_id, "name": "x.bin"}


def run(client, road, body=None):
    """A job that makes an object and prints a line."""
    job = submit(client, body)
    attempt = road.started()
    folder = road.folder(attempt)
    (folder.objects / "o.bin").write_bytes(attempt.encode())
    folder.log("stdout").write_text(f"hello from {attempt}\n")
    road.leave(attempt, result={"kind": "file", "object": "new:o.bin", "name": "o.bin"})
    road.exit(attempt, 0)
    return job["id"]


def backed_up(client, home, target):
    """As `landbridge backup` does it beside a running gateway."""
    made = client.post("/api/v1/snapshots")
    assert made.status_code == 201, made.json
    folder = snapshot_folder(home, made.json["snapshot"]["id"])
    about = deliver(folder, target)
    shutil.rmtree(folder, ignore_errors=True)
    return about


@pytest.fixture
def opened(tmp_path):
    """Open a restored home, as a gateway would; closed at the end."""
    made = []

    def open_home(path):
        made.append(Services.open(Settings.load({}, home=path, running=2), Schemas(ROOT / "containers" / "schema")))
        return made[-1]

    yield open_home
    for services in made:
        services.close()


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_a_backup_under_load_is_whole_and_its_home_goes_on(client, road, services, home, tmp_path, opened, name):
    """Jobs come and end all the time; a job of each state is there for sure."""
    kept = run(client, road, submission(source_task(), [None, node(upload(client))]))
    running = submit(client)["id"]
    attempt = road.started()
    road.folder(attempt).log("stdout").write_text("so far\n")
    waits = submit(client, submission(source_task(), [None, {"kind": "job", "job": running}]))["id"]
    ended, begun = threading.Event(), threading.Event()

    def load():
        for number in itertools.count():
            run(client, road, submission(source_task(), [None, node(upload(client, str(number).encode()))]))
            begun.set()
            if ended.is_set():
                return

    loader = threading.Thread(target=load)
    loader.start()
    assert begun.wait(60)
    try:
        about = backed_up(client, home, tmp_path / name)
    finally:
        ended.set()
        loader.join()
    assert list((home.path / "snapshots").iterdir()) == []
    found = restore(tmp_path / name, tmp_path / "new")
    # What ran when it was made, and no more than may run at once.
    assert running in found.lost
    assert len(found.lost) <= 2
    there = opened(tmp_path / "new")
    assert len(there.database.rows("SELECT id FROM jobs")) == about["jobs"] >= 4
    assert there.jobs.get(running)["state"] == "lost"
    assert there.jobs.get(running)["error"]["message"] == (
        "The job ran when the backup was made that this home was restored from, and what became of it is not known."
    )
    assert there.jobs.get(waits)["state"] == "waiting"
    assert there.jobs.open_attempts() == []
    for row in there.database.rows("SELECT * FROM objects"):
        path = there.layout.object_file(row["id"], row["format"])
        assert path.stat().st_size == row["size"]
    for job in (row["id"] for row in there.database.rows("SELECT id FROM jobs WHERE state = 'succeeded'")):
        result = there.jobs.get(job)["result"]
        assert there.layout.object_file(result["object"], "file").read_bytes() == f"{job}.1".encode()
        assert there.layout.job_folder(f"{job}.1").log("stdout").read_text() == f"hello from {job}.1\n"
    assert there.jobs.get(kept)["state"] == "succeeded"
    assert there.layout.job_folder(attempt).log("stdout").read_text() == "so far\n"
    # Its identity is its own: neither claims the other's containers, signatures, browsers or token.
    for own in ("gateway_id", "token", "signing_key"):
        assert getattr(there.home, own)() != getattr(home, own)(), own


def test_a_folder_can_be_checked_by_anybody_and_holds_no_secret(client, road, home, tmp_path):
    run(client, road, submission(source_task(), [None, node(upload(client))]))
    client.post("/api/v1/sign-in-links")
    backed_up(client, home, tmp_path / "backup")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "backup", check=False
    )
    assert checked.returncode == 0
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert {path.name for path in files if path.parent.name == "backup"} == {
        "SHA256SUMS", "backup.json", "landbridge.db",
    }  # fmt: skip
    secrets = [home.token().encode(), home.signing_key().hex().encode()]
    assert not [path for path in files for secret in secrets if secret in path.read_bytes()]
    with sqlite3.connect(tmp_path / "backup" / "landbridge.db") as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    db.close()


@pytest.mark.row("SE6")
def test_a_backup_has_no_log_of_a_job_that_runs_with_secrets_nor_a_key(client, road, home, tmp_path):
    assert client.put("/api/v1/secrets/password", json={"value": "hunter2-canary"}).status_code == 201
    submit(client, submission(source_task(secrets=["password"])))
    attempt = road.started()
    road.folder(attempt).log("stdout").write_text("hunter2-canary\n")
    backed_up(client, home, tmp_path / "backup")
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert files
    for secret in (b"hunter2-canary", home.secrets_key()):
        assert not [path for path in files if secret in path.read_bytes() or secret.hex().encode() in path.read_bytes()]


def test_a_sweep_goes_on_but_for_the_points_that_a_worker_held(client, road, home, tmp_path, opened, commands):
    columns = [{"kind": "vector", "type": "int", "values": list(range(6))}]
    body = submission(source_task(), [None, {"kind": "each", "column": 0}])
    sweep = client.post("/api/v1/jobs/batch", json=body | {"points": {"n": 6, "columns": columns}}).json["job"]["id"]
    road.step()
    backed_up(client, home, tmp_path / "backup")
    held = {row["id"] for row in road.services.database.rows("SELECT id FROM jobs WHERE chunk IS NOT NULL")}
    assert held
    assert set(restore(tmp_path / "backup", tmp_path / "new").lost) == held
    there = opened(tmp_path / "new")
    assert there.sweeps.counts(sweep)["lost"] == len(held)
    assert there.sweeps.counts(sweep)["queued"] == 6 - len(held)


def test_a_home_that_is_not_empty_is_refused(client, home, tmp_path):
    backed_up(client, home, tmp_path / "backup")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    with pytest.raises(Conflict, match=r"new is not empty\."):
        restore(tmp_path / "backup", tmp_path / "new")
    (tmp_path / "new" / "file").unlink()
    restore(tmp_path / "backup", tmp_path / "new")
    with pytest.raises(Conflict, match=r"new is not empty\."):
        restore(tmp_path / "backup", tmp_path / "new")


def flipped(folder):
    path = next((folder / "depot").rglob("obj_*"))
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    # Another file, for this one is the running home's as well.
    path.unlink()
    path.write_bytes(data)


def without_an_object(folder):
    next((folder / "depot").rglob("obj_*")).unlink()


def with_more(folder):
    (folder / "depot" / "x").write_text("x")
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  depot/x\n")


def with_a_link(folder):
    (folder / "depot" / "link").symlink_to("/etc/passwd")


def of_the_future(folder):
    (folder / "backup.json").write_text(json.dumps({"format": 2}))


def row_without_a_file(folder):
    path = next((folder / "depot").rglob("obj_*"))
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if path.name not in line))
    path.unlink()


WRONG = {
    "does not have the digest that it had": flipped,
    "is missing": without_an_object,
    "`depot/x` is no file of a backup": with_more,
    "`depot/link` is missing or no plain file": with_a_link,
    "it is of format 2, and this version reads 1": of_the_future,
    "is missing or of another size": row_without_a_file,
    "`backup.json` is missing or no plain file": lambda folder: (folder / "backup.json").unlink(),
    "there is none at": shutil.rmtree,
}


@pytest.mark.parametrize("why", WRONG)
def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_left(client, road, home, tmp_path, why):
    run(client, road)
    backed_up(client, home, tmp_path / "backup")
    WRONG[why](tmp_path / "backup")
    with pytest.raises(BadBackup) as refused:
        restore(tmp_path / "backup", tmp_path / "new")
    assert refused.value.message.startswith("The backup cannot be restored: ")
    assert why in refused.value.message
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "backup") == ["home"]


def test_a_tar_file_that_is_cut_short_or_leads_outside_is_refused(client, road, home, tmp_path):
    run(client, road)
    backed_up(client, home, tmp_path / "backup.tar")
    whole = (tmp_path / "backup.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadBackup):
        restore(tmp_path / "cut.tar", tmp_path / "new")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        archive.add(ROOT / "README.md", "../outside")
    with pytest.raises(BadBackup, match=r"`\.\./outside` is no file of a backup"):
        restore(tmp_path / "backup.tar", tmp_path / "new")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "new").exists()


def test_a_home_without_a_gateway_is_backed_up_by_the_command_itself(client, road, services, home, tmp_path):
    job = run(client, road)
    target = tmp_path / "far" / "backup"
    about = back_up(home.path, target)
    assert (about["jobs"], about["objects"]) == (1, 1)
    assert json.loads((target / "backup.json").read_text())["jobs"] == 1
    with pytest.raises(Conflict, match="is there already"):
        back_up(home.path, target)
    restore(target, tmp_path / "new")
    copied = Home(tmp_path / "new").depot / "jobs" / job / "1" / "out" / "stdout.log"
    assert copied.read_text() == f"hello from {job}.1\n"


def test_of_a_backup_and_a_removal_one_waits_for_the_other(client, services):
    with services.keeping:
        refused = client.post("/api/v1/snapshots")
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "conflict")
        assert client.post("/api/v1/removals?older_than=0").status_code == 409
