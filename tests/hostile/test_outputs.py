"""What a job leaves in its output folder, taken over without following where it leads."""

from __future__ import annotations

import gc
import os
import stat

import pytest
from landbridge_gateway.depot.folders import write_folder
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.objects import RefusedFile, adopt
from landbridge_gateway.model import new_id

from tests.gateway.conftest import submit
from tests.gateway.test_record import report

ATTEMPT = "job_0000000000000001.1"


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "depot")
    made.prepare()
    return made


@pytest.fixture
def folder(layout):
    return write_folder(layout, ATTEMPT, {"protocol": 1}, {})


def a_device(path):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 9))


@pytest.mark.row("PA7")
@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "folder", "socket", "device"])
def test_only_plain_files_of_the_jobs_own_become_objects(layout, folder, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    source = folder.files / "f"
    if kind == "device" and os.geteuid():
        pytest.skip("only root makes devices")
    {
        "symlink": lambda: source.symlink_to(secret),
        "hard link": lambda: source.hardlink_to(secret),
        "pipe": lambda: os.mkfifo(source),
        "folder": lambda: source.mkdir(),
        "socket": lambda: os.mknod(source, stat.S_IFSOCK | 0o666),
        "device": lambda: a_device(source),
    }[kind]()
    with pytest.raises(RefusedFile, match=r"^`f` is not a plain file$"):
        adopt(layout, source, "file", new_id("obj"))
    assert [path for path in layout.objects.rglob("*") if path.is_file()] == list(layout.intake.iterdir()) == []
    assert secret.read_text() == "mine"


@pytest.mark.row("PA8")
@pytest.mark.parametrize("name", ["files", "objects"])
def test_a_folder_that_was_swapped_for_a_link_gives_nothing_of_ours(layout, folder, tmp_path, name):
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "id_rsa").write_text("mine")
    (folder.out / name).rmdir()
    (folder.out / name).symlink_to(ours)
    with pytest.raises(RefusedFile, match=f"^`{name}` is not the folder that the job was given$"):
        adopt(layout, folder.out / name / "id_rsa", "file", new_id("obj"))
    assert (ours / "id_rsa").read_text() == "mine"


@pytest.mark.row("PA8")
def test_what_is_put_in_the_place_of_a_file_while_it_is_taken_is_refused(layout, folder, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    source = folder.files / "f"
    source.write_text("harmless")
    rename = os.rename

    def swapped(name, target, **places):
        source.unlink()
        source.symlink_to(secret)
        rename(name, target, **places)

    monkeypatch.setattr(os, "rename", swapped)
    with pytest.raises(RefusedFile, match="is not a plain file"):
        adopt(layout, source, "file", new_id("obj"))
    assert secret.read_text() == "mine"


@pytest.mark.row("AR17")
def test_a_file_that_its_job_still_holds_open_becomes_a_private_copy(layout, folder):
    source = folder.objects / "a.arrow"
    with source.open("w+b", buffering=0) as held:
        held.write(b"checked")
        stored = adopt(layout, source, "arrow", new_id("obj"))
        held.seek(0)
        held.write(b"changed")
    assert layout.object_file(stored.id, "arrow").read_bytes() == b"checked"
    # One that is closed is only moved: large results are not copied.
    source.write_bytes(b"whole")
    inode = source.stat().st_ino
    stored = adopt(layout, source, "arrow", new_id("obj"))
    assert layout.object_file(stored.id, "arrow").stat().st_ino == inode


@pytest.mark.row("PA7", "PA10")
def test_what_is_refused_is_listed_and_the_rest_is_kept(client, road, monkeypatch):
    monkeypatch.setattr("landbridge_gateway.scheduler.collect.MOST_ADOPTED", 3)
    job = submit(client)
    attempt = road.started()
    files = road.folder(attempt).files
    (files / "link").symlink_to("/etc/passwd")
    names = ["link", *(f"f{number}" for number in range(5))]
    for name in names[1:]:
        (files / name).write_text(name)
    events = [{"event": "file", "name": name, "file": f"files/{name}"} for name in names]
    report(road, attempt, *events)
    road.leave(attempt, result={"kind": "null"})
    road.exit(attempt, 0)
    assert road.job(job["id"])["state"] == "succeeded"
    found = client.get(f"/api/v1/jobs/{job['id']}/record").json
    assert [file["name"] for file in found["files"]] == ["f0", "f1"]
    told = "\n".join(warning["message"] for warning in found["warnings"])
    assert "`link` is not a plain file" in told
    assert "`f2` is beyond the 3 files that are kept of a job" in told


@pytest.mark.row("PA10")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_folder_as_deep_as_it_gets_is_removed_with_its_job(layout, folder):
    here = os.open(folder.files, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    again = write_folder(layout, ATTEMPT, {"protocol": 1}, {})
    gc.collect()  # of the attempt that went too deep a handle may be left, which Python closes and warns of
    assert list(again.files.iterdir()) == []


@pytest.mark.row("PA9")
@pytest.mark.parametrize("name", ["-rf", "--help", "$(id)", "`id`", "; id", "a b\n--x"])
def test_a_name_that_a_shell_would_act_on_is_a_name(client, road, name):
    job = submit(client)
    attempt = road.started()
    (road.folder(attempt).files / name).write_text("inert")
    report(road, attempt, {"event": "file", "name": name, "file": f"files/{name}"})
    road.leave(attempt, result={"kind": "null"})
    road.exit(attempt, 0)
    (file,) = client.get(f"/api/v1/jobs/{job['id']}/record").json["files"]
    assert file["name"] == name
    fetched = client.get(f"/api/v1/objects/{file['object']}")
    assert fetched.data == b"inert"
    fetched.close()
    assert "\n" not in fetched.headers.get("Content-Disposition", "")
