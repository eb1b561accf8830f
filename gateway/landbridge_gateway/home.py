"""The home folder: the files that people and clients find by name, and the lock that lets one gateway in."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from landbridge_gateway.depot.durable import make_folder, sync
from landbridge_gateway.errors import Conflict
from landbridge_gateway.sealing import KEY_BYTES

_BOOT = Path("/proc/sys/kernel/random/boot_id")


_ON_DISK, _UNKNOWN = "on-disk", "unknown"


def boot() -> str:
    """What tells one start of this machine from another; empty where nothing does."""
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync(path.parent)


@dataclass(frozen=True)
class Home:
    """Paths inside ``--home``. The folder belongs to its owner alone."""

    path: Path

    def prepare(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        sync(self.path.parent)
        for folder in (self.depot, self.logs):
            make_folder(folder)

    def check_private(self) -> None:
        """Refuse secrets that others may have read."""
        for path in (self.token_file, self.path / "signing_key"):
            if path.exists() and path.stat().st_mode & 0o077:
                raise Conflict(
                    f"Others than its owner may read {path}.",
                    f"If nobody has: chmod 600 {path}. Else remove it, and another one is made at the next start.",
                )

    @property
    def database(self) -> Path:
        return self.path / "landbridge.db"

    @property
    def depot(self) -> Path:
        return self.path / "depot"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def socket(self) -> Path:
        return self.path / "warden.sock"

    @property
    def token_file(self) -> Path:
        return self.path / "token"

    @property
    def address_file(self) -> Path:
        """What clients on this machine read to find the gateway."""
        return self.path / "gateway.json"

    def gateway_id(self) -> str:
        """The name that this home's containers are labelled with; made once."""
        path = self.path / "id"
        if not path.exists():
            write_private(path, secrets.token_hex(8) + "\n")
        return path.read_text().strip()

    def token(self) -> str:
        """The owner's token; made at the first start."""
        if not self.token_file.exists():
            write_private(self.token_file, "lb_" + secrets.token_urlsafe(32) + "\n")
        return self.token_file.read_text().strip()

    def signing_key(self) -> bytes:
        """The secret that native objects are signed with; made at the first start, and never leaves the home."""
        path = self.path / "signing_key"
        if not path.exists():
            write_private(path, secrets.token_hex(32) + "\n")
        return bytes.fromhex(path.read_text())

    def secrets_key(self) -> bytes:
        """The key that secrets are sealed with; made with the first one. A backup leaves it out."""
        path = self.path / "secrets_key"
        if not path.exists():
            write_private(path, secrets.token_hex(KEY_BYTES) + "\n")
        return bytes.fromhex(path.read_text())

    def machine_restarted(self) -> bool:
        """Has the machine started anew since a gateway of this home took up what it had found?"""
        path = self.path / "boot"
        return path.exists() and path.read_text().split()[:1] != [boot() or _UNKNOWN]

    def all_on_disk(self) -> bool:
        """Had the last gateway brought everything to the disk when it ended?"""
        path = self.path / "boot"
        return path.exists() and path.read_text().split()[1:] == [_ON_DISK]

    def begin_service(self) -> None:
        """From now on there may be what is not on the disk yet."""
        if self.all_on_disk():
            path = self.path / "boot"
            write_private(path, path.read_text().split()[0] + "\n")

    def note_boot(self) -> None:
        """From now on a restart of the machine is one after this."""
        if not (self.path / "boot").exists() or self.machine_restarted():
            write_private(self.path / "boot", (boot() or _UNKNOWN) + "\n")

    def note_on_disk(self) -> None:
        """Nothing would be lost if the machine were switched off now."""
        path = self.path / "boot"
        if path.exists():
            write_private(path, f"{path.read_text().split()[0]} {_ON_DISK}\n")

    def announce(self, url: str, certificate: str = "") -> None:
        # R clients without arrow look here for a Python that may have pyarrow.
        told = {"url": url, "pid": os.getpid(), "python": sys.executable}
        # Clients on this machine trust the gateway's own certificate, whoever signed it.
        told |= {"certificate": str(Path(certificate).absolute())} if certificate else {}
        write_private(self.address_file, json.dumps(told) + "\n")

    def withdraw(self) -> None:
        self.address_file.unlink(missing_ok=True)

    def lock(self) -> IO[str]:
        """Hold the home for this process; the lock goes with the returned file."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        stream = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(stream.read(), self.address_file)
            stream.close()
            raise Conflict(
                f"A gateway already uses {self.path}: {holder}.",
                "Stop that one first, or give this one another folder with --home.",
            ) from None
        stream.seek(0)
        stream.truncate()
        stream.write(json.dumps({"pid": os.getpid(), "since": datetime.now().astimezone().isoformat(" ", "seconds")}))
        stream.flush()
        return stream


def _holder(lock: str, address: Path) -> str:
    """Who holds a home: its process, since when, and where it answers, as far as it said so."""
    try:
        told = json.loads(lock)
        text = f"process {told['pid']}, since {told['since']}"
    except (ValueError, TypeError, KeyError):
        return "a process that did not say which"
    with suppress(OSError, ValueError, KeyError):
        text += f", at {json.loads(address.read_text())['url']}"
    return text
