"""The gateway's disk fills up: each step has a typed answer, leaves nothing half-done, and works again when there is
room, without a new start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import landbridge as lb
import numpy as np
import pandas as pd
import pytest
from landbridge import errors
from landbridge.client import Client, current

from tests.faults.test_transfers import r
from tests.serving import Serving

MEGABYTE = 1024**2
DISK = 40 * MEGABYTE
LARGE = 48 * MEGABYTE
MESSAGE = "The gateway's disk is full."

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk that is small")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)
    yield disk / "home"
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def gateway(home: Path) -> Iterator[Serving]:
    with Serving(home, engine="process") as serving:
        yield serving


@pytest.fixture
def client(gateway: Serving) -> Iterator[Client]:
    yield lb.connect(gateway.url, gateway.token)
    current().close()


class Filled:
    """All of the disk is taken, but for so many bytes."""

    def __init__(self, home: Path, left: int = 0) -> None:
        self._path, self._left = home.parent / "filler", left

    def __enter__(self) -> None:
        room = os.statvfs(self._path.parent)
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - self._left)

    def __exit__(self, *_: object) -> None:
        self._path.unlink()


def nothing_is_left(home: Path) -> bool:
    return [path.name for path in (home / "depot" / "intake").iterdir()] == ["nonce"]


def half(x: pd.DataFrame) -> int:
    return len(x) // 2


def frame(size: int) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(size // 8, dtype="float64")})


def by_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANDBRIDGE_SHARED_FILES", raising=False)


def over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_SHARED_FILES", "0")


WAYS: list[Callable[[pytest.MonkeyPatch], None]] = [by_mapping, over_http]


@pytest.mark.parametrize("way", WAYS)
def test_a_table_that_does_not_fit_is_refused_and_the_next_one_goes(client: Client, gateway, home, way, monkeypatch):
    way(monkeypatch)
    lb.connect(gateway.url, gateway.token)
    with pytest.raises(errors.DiskFull) as refused:
        lb.submit(half, frame(LARGE))
    assert refused.value.message == MESSAGE
    assert nothing_is_left(home)
    assert lb.submit(half, frame(MEGABYTE)).result(timeout=60) == MEGABYTE // 16
    assert nothing_is_left(home)


@pytest.mark.parametrize("shared", ["1", "0"])
def test_the_same_from_r(gateway: Serving, home: Path, tmp_path: Path, shared: str) -> None:
    code = f"""
    large <- function(to) {{
      said <- tempfile()
      if (system2("head", c("-c", "{LARGE}", "/dev/zero"), stdout = to, stderr = said) != 0) stop(readLines(said))
    }}
    invisible(landbridge:::client_sink(client)$put("bin", large))
    """
    assert r(gateway, gateway.url, code, LANDBRIDGE_SHARED_FILES=shared) == f"landbridge_disk_full: {MESSAGE}"
    assert nothing_is_left(home)


def test_a_disk_that_fills_up_while_a_part_arrives(client: Client, home: Path, tmp_path: Path, monkeypatch) -> None:
    """There is room when it begins, and none any more in the middle."""
    over_http(monkeypatch)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(30 * MEGABYTE))
    begun = client.ask("POST", "/uploads", query={"format": "file", "size": 30 * MEGABYTE})["upload"]
    place = f"/uploads/{begun['id']}"
    with Filled(home, left=12 * MEGABYTE):
        with pytest.raises((errors.DiskFull, errors.GatewayUnreachable)):
            client.ask("PUT", place, query={"offset": 0}, content=path.read_bytes())
        with pytest.raises(errors.DiskFull) as refused:
            client.get(place)
        assert refused.value.message == MESSAGE
        assert nothing_is_left(home)
    assert client.upload(path, "bin").startswith("obj_")


def test_a_submission_that_cannot_be_stored_is_told_so_and_the_gateway_goes_on(client: Client, home: Path) -> None:
    code = "def f(x):\n    return x\n" + "#" * 2 * MEGABYTE
    with Filled(home), pytest.raises(errors.DiskFull):
        for _ in range(20):
            lb.submit(lb.python(code), 1)
    assert lb.submit(lb.python(code), 1).result(timeout=60) == 1
