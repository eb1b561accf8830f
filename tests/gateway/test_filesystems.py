"""Where a home may lie."""

from __future__ import annotations

import os
import subprocess

import pytest
from landbridge_gateway import supervisor
from landbridge_gateway.errors import UnfitHome
from landbridge_gateway.filesystems import Mounted, check_filesystem, check_one_device, mounted
from landbridge_gateway.home import Home
from landbridge_gateway.settings import Settings
from landbridge_gateway.supervisor import Supervisor

MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
tmpfs /home/ann tmpfs rw 0 0
server:/homes /home nfs4 rw 0 0
/dev/sdb1 /home/ann xfs rw 0 0
//server/share /mnt/a\040b cifs rw 0 0
ann@server: /mnt/ssh fuse.sshfs rw 0 0
overlay /srv overlay rw 0 0
gluster /mnt/far fuse.glusterfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path):
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    return path


def test_a_folder_is_on_what_was_mounted_nearest_and_last(mounts, tmp_path):
    def kind(place):
        return mounted(place, mounts)

    assert kind(tmp_path / "x") == Mounted("ext4", "/")
    assert kind(tmp_path.__class__("/home/bob")) == Mounted("nfs4", "/home")
    assert kind(tmp_path.__class__("/home/ann/.landbridge")) == Mounted("xfs", "/home/ann")
    assert kind(tmp_path.__class__("/homestead")) == Mounted("ext4", "/")
    assert kind(tmp_path.__class__("/mnt/a b/c")) == Mounted("cifs", "/mnt/a b")
    assert mounted(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize("place", ["/home/bob", "/mnt/a b/home", "/mnt/ssh"])
def test_none_starts_on_a_network_file_system(mounts, place):
    with pytest.raises(UnfitHome, match="where neither locks nor shared memory hold") as refused:
        check_filesystem(Home(mounts.__class__(place)).path, mounts)
    assert refused.value.hint == "Choose a folder on a disk of this machine, with --home or LANDBRIDGE_HOME."


def test_what_is_no_disk_is_told_and_a_disk_is_not(mounts):
    folder = mounts.__class__
    assert check_filesystem(folder("/home/ann"), mounts) is None
    assert check_filesystem(folder("/srv/home"), mounts) == (
        "/srv/home is on overlay: a container's own layer, which goes with the container: give it a volume for what"
        " should stay."
    )
    assert "nobody has tested" in str(check_filesystem(folder("/mnt/far"), mounts))


def test_the_command_asks_before_it_makes_the_home(monkeypatch, tmp_path):
    def refuse(home):
        raise UnfitHome("It lies on nfs4.", "Choose another.")

    monkeypatch.setattr(supervisor, "check_filesystem", refuse)
    with pytest.raises(UnfitHome):
        Supervisor(Settings.load({}, home=tmp_path / "home"), print).run()
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_depot_in_two_parts_is_refused(tmp_path):
    folders = [tmp_path / name for name in ("jobs", "objects", "intake")]
    for folder in folders:
        folder.mkdir()
    check_one_device(folders)
    # The same disk twice is still two mounts, between which nothing can be renamed.
    subprocess.run(["mount", "--bind", str(folders[1]), str(folders[1])], check=True)
    try:
        with pytest.raises(UnfitHome) as refused:
            check_one_device(folders)
    finally:
        subprocess.run(["umount", str(folders[1])], check=True)
    assert refused.value.message == (
        f"{folders[1]} is another file system than {folders[0]}, and files are moved between them by renaming."
    )
    assert [list(folder.iterdir()) for folder in folders] == [[], [], []]
