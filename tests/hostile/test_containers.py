"""Probe jobs of both languages look around in their containers, and are to find nothing that is not theirs."""

from __future__ import annotations

import secrets
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import landbridge as lb
import pandas as pd
import pyarrow as pa
import pytest
from landbridge_gateway.engines.outbound import own_addresses

from tests.serving import COMMAND, Serving

pytestmark = pytest.mark.docker
HERE = Path(__file__).parent
BOTH = pytest.mark.parametrize("language", ["python", "r"])
CANARY = f"canary-{secrets.token_hex(8)}"
TABLE = pd.DataFrame({"a": [1.5, 2.5]})
METADATA = "169.254.169.254:80"
CALLS = ("mount", "unshare", "bpf", "keyctl", "userfaultfd", "init_module", "clock_settime", "setns", "reboot")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    subprocess.run([*COMMAND, "images", "build"], check=True)
    home = tmp_path_factory.mktemp("probed") / "home"
    with Serving(home, LANDBRIDGE_TEST_CANARY=CANARY) as serving:
        lb.connect(serving.url, serving.token)
        yield serving


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A port of this machine that is open on all of its addresses, as a careless service would be."""
    with socket.create_server(("0.0.0.0", 0), backlog=64) as server:
        yield server.getsockname()[1]


def code(language: str, name: str) -> object:
    return lb.python(str(HERE / "probe.py"), name) if language == "python" else lb.r(str(HERE / "probe.R"), name)


def nearby(gateway: Serving, port: int) -> list[str]:
    """The gateway, every address of this machine, the networks around it, and a cloud's metadata."""
    own = [address for address in own_addresses() if ":" not in address]
    return [
        gateway.url.removeprefix("http://"),
        *(f"{address}:{port}" for address in own),
        f"10.0.0.1:{port}",
        f"192.168.0.1:{port}",
        METADATA,
    ]


@BOTH
@pytest.mark.row("CO1", "CO2", "CO3", "CO4", "CO6", "CO7", "CO8", "CO9", "CO10", "CO15", "CO16", "CO17", "CO18")
def test_a_job_finds_nothing_but_its_own(gateway: Serving, listener: int, language: str) -> None:
    other = lb.submit(lb.task(lb.python(LEAVES), seconds=120))
    assert other.result() == 4
    addresses = nearby(gateway, listener)
    hidden = [gateway.token, CANARY, socket.gethostname(), (gateway.home / "id").read_text().strip()]
    about = {"addresses": addresses, "backwards": [text[::-1] for text in hidden]}
    job = lb.submit(code(language, "probe"), about, TABLE)
    found = job.result()
    assert int(found.pop("open files").split()[1]) <= 2**20
    assert found.pop("mapped") in ("0", "100000")
    for stored in (gateway.home / "depot" / "objects").rglob("*.arrow"):
        assert pa.ipc.open_file(stored).read_all()["a"].to_pylist() == [1.5, 2.5]
    workers = {"python": ["docker-init,python3"], "r": ["R,docker-init,sh", "R,docker-init"]}[language]
    assert found.pop("processes") in workers
    assert found == {
        "status": ",".join(["0000000000000000"] * 3 + ["1", "2", "64000", "64000", "64000"]),
        "writable": "/dev/mqueue,/dev/shm,/job/out,/tmp",
        "sockets": "",
        "network": ",".join("closed" for _ in addresses),
        "names": "none",
        "calls": ",".join(f"{name} EPERM" for name in CALLS),
        "raw sockets": "EPERM,EPERM",
        "ptrace": "ESRCH",
        "set-group-id": "True False",
        "kernel files": "",
        "other jobs": "",
        "leftovers": "",
        "input": "",
        "core": "0 0",
        "secrets": "",
    }


LEAVES = """
from pathlib import Path

def leaves():
    places = ["/tmp", "/dev/shm", "/job/out", "/job/out/files"]
    for place in places:
        Path(place, "leftover").write_text("of another job")
    return len(places)
"""


@BOTH
@pytest.mark.row("CO5")
def test_a_job_that_may_reach_out_reaches_nothing_near(gateway: Serving, listener: int, language: str) -> None:
    addresses = nearby(gateway, listener)
    task = lb.task(code(language, "reached"), network="outbound")
    job = lb.submit(task, addresses)
    assert job.result() == ["closed"] * len(addresses)
    held = subprocess.run(
        ["docker", "ps", "--filter", "label=landbridge.network", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (gateway.home / "id").read_text().strip() in held


LETS_OUT = """
import socket

def sent(addresses):
    found = []
    for address in addresses:
        host, port = address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(b"x", (host, int(port)))
                found.append("sent")
            except PermissionError:
                found.append("refused")
        # An interface that is named is a way around the routes, which is why there are rules.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            try:
                out.sendto(b"x", (host, int(port)))
                found.append("sent")
            except PermissionError:
                found.append("refused")
    return found
"""


@pytest.mark.row("CO5")
def test_the_rules_let_the_public_internet_through_and_nothing_else(gateway: Serving, listener: int) -> None:
    near = nearby(gateway, listener)[1:]
    public = ["203.0.113.9:9", "9.9.9.9:9"]
    found = lb.submit(lb.task(lb.python(LETS_OUT), network="outbound"), [*near, *public]).result()
    assert found == ["refused"] * 2 * len(near) + ["sent"] * 2 * len(public)
