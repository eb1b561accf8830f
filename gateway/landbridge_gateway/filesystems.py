"""Where a home may lie: which file systems hold what the gateway promises, and which do not."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from pathlib import Path

from landbridge_gateway.errors import UnfitHome

_MOUNTS = Path("/proc/self/mounts")
# Locks and shared memory, on which the database stands, hold on one machine there or not at all.
_REFUSED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse"}
)
_GOES = {
    "overlay": "a container's own layer, which goes with the container: give it a volume for what should stay",
    "tmpfs": "memory, which goes with the machine's next start",
    "ramfs": "memory, which goes with the machine's next start",
}
_UNKNOWN = "of which nobody has tested that a commit survives a power cut"
_DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "apfs"})


@dataclass(frozen=True)
class Mounted:
    """The file system that a folder lies on, and where that is mounted."""

    kind: str
    at: str

    @property
    def refused(self) -> bool:
        return self.kind in _REFUSED

    @property
    def caution(self) -> str | None:
        """What to know of it, where it is no disk."""
        return None if self.kind in _DISKS else _GOES.get(self.kind, _UNKNOWN)


def mounted(folder: Path, mounts: Path = _MOUNTS) -> Mounted | None:
    """None where the system does not tell."""
    if not mounts.exists():
        return None
    found, place = None, folder.resolve()
    for line in mounts.read_text().splitlines():
        _, at, kind, *_ = line.split(" ")
        at = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), at)
        # Of two at the same place the later one hides the other.
        if place.is_relative_to(at) and (found is None or len(at) >= len(found.at)):
            found = Mounted(kind, at)
    return found


def check_filesystem(home: Path, mounts: Path = _MOUNTS) -> str | None:
    """A sentence to know before a gateway starts here, if there is one. Raises :class:`UnfitHome` where none can."""
    found = mounted(home, mounts)
    if found is None:
        return None
    if found.refused:
        raise UnfitHome(
            f"The database cannot lie in {home}: that is on {found.kind} (mounted at {found.at}), where neither locks"
            " nor shared memory hold.",
            "Choose a folder on a disk of this machine, with --home or LANDBRIDGE_HOME.",
        )
    return f"{home} is on {found.kind}: {found.caution}." if found.caution else None


def check_one_device(folders: list[Path]) -> None:
    """Files are moved between these folders by renaming them, which is tried here once."""
    first, *others = folders
    probe = first / ".moved"
    probe.touch()
    try:
        for folder in others:
            probe = probe.rename(folder / probe.name)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        raise UnfitHome(
            f"{folder} is another file system than {probe.parent}, and files are moved between them by renaming.",
            "Let the whole depot lie on one: mount it at the home folder, or choose another one with --home.",
        ) from None
    finally:
        probe.unlink(missing_ok=True)
