"""Probe jobs of both languages look around in their containers, and are to find nothing that is not theirs."""

from __future__ import annotations

import json
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

from tests.patience import LONG
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
    hidden = [gateway.token, CANARY, (gateway.home / "id").read_text().strip()]
    if len(socket.gethostname()) > 5:  # a short one is part of other words
        hidden.append(socket.gethostname())
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
    # A network goes with its job, so this is that of one that is there as long as it is looked at.
    waits = lb.submit(lb.task(lb.python(WAITS), network="outbound"))
    while "begun" not in waits.logs("stdout"):
        gateway.call("/events?wait=0.1")
    held = subprocess.run(
        ["docker", "ps", "--filter", "label=landbridge.network", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (gateway.home / "id").read_text().strip() in held
    waits.cancel()
    assert waits.wait(LONG).state == "cancelled"


WAITS = """
import time

def waits():
    print("begun", flush=True)
    time.sleep(3600)
"""


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


FILLS = "cd /tmp && i=0; while true > f$i; do i=$((i+1)); done 2>/dev/null; echo $i; rm -f f*"
FORKS = "i=0; while [ $i -lt 10000 ]; do sleep 300 >/dev/null 2>&1 & i=$((i+1)); done 2>/dev/null"
SPINS = "for i in 1 2 3; do timeout 2 sh -c 'while :; do :; done' & done; wait"
TAKES = "dd if=/dev/zero of=/tmp/x bs=1M count=200 2>&1; rm -f /tmp/x"
LEAVES_FILE = "dd if=/dev/zero of=/job/out/files/x bs=1M count=40 2>&1"
# The same commands from both languages: what is probed is the container, and the language that waits for it.
PYTHON = f"""
import os, signal, subprocess, time
from pathlib import Path

def shell(command):
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout.strip()

def fills():
    return int(shell({FILLS!r}))

def forks():
    shell({FORKS!r})
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    for one in found:
        if (Path("/proc") / str(one) / "comm").read_text() == "sleep\\n":
            os.kill(one, signal.SIGKILL)
    return len(found)

def spins():
    begun, used = time.monotonic(), sum(os.times()[2:4])
    shell({SPINS!r})
    return (sum(os.times()[2:4]) - used) / (time.monotonic() - begun)

def takes():
    return shell({TAKES!r})

def leaves():
    shell({LEAVES_FILE!r})
    return Path("/job/out/files/x").stat().st_size

def grows():
    held = []
    while True:
        held.append(bytearray(32 * 1024 * 1024))

def outlives(mark):
    shell(f"setsid sh -c 'sleep {{mark}} & sleep {{mark}} &' >/dev/null 2>&1 &")
    return True

def forges(lines):
    with open("/job/out/events.jsonl", "a") as out:
        out.write("".join(line + "\\n" for line in lines) + "x" * 5_000_000 + "\\n")
    return True
"""
R = f"""
shell <- function(command) suppressWarnings(system(command, intern = TRUE))
fills <- function() as.integer(shell({FILLS!r}))
forks <- function() {{
  shell({FORKS!r})
  found <- grep("^[0-9]+$", list.files("/proc"), value = TRUE)
  sleeps <- function(one) identical(readLines(file.path("/proc", one, "comm")), "sleep")
  for (one in Filter(sleeps, found)) tools::pskill(as.integer(one), 9)
  length(found)
}}
spins <- function() {{
  begun <- proc.time()
  shell("{SPINS}")
  used <- proc.time() - begun
  sum(used[4:5]) / used[[3]]
}}
takes <- function() paste(shell({TAKES!r}), collapse = " ")
leaves <- function() {{
  shell({LEAVES_FILE!r})
  file.size("/job/out/files/x")
}}
grows <- function() {{
  held <- list()
  repeat held[[length(held) + 1]] <- rep(1, 4e6)
}}
outlives <- function(mark) {{
  system(sprintf("setsid sh -c 'sleep %s & sleep %s &' >/dev/null 2>&1 &", mark, mark))
  TRUE
}}
forges <- function(lines) {{
  cat(paste0(unlist(lines), "\\n"), strrep("x", 5e6), "\\n", sep = "", file = "/job/out/events.jsonl", append = TRUE)
  TRUE
}}
"""


def own(language: str, name: str) -> object:
    return lb.python(PYTHON, name) if language == "python" else lb.r(R, name)


@BOTH
@pytest.mark.row("CO12", "CO14")
@pytest.mark.filterwarnings("ignore::landbridge.kinds.RemoteWarning")
def test_files_processes_and_space_have_ends(gateway: Serving, language: str) -> None:
    asked = {"fills": {}, "forks": {"pids": 64}, "takes": {}, "leaves": {"disk": "8m"}}
    jobs = {name: lb.submit(lb.task(own(language, name), memory="256m", **limits)) for name, limits in asked.items()}
    found = {name: job.result(timeout=LONG) for name, job in jobs.items()}
    assert 1000 < found["fills"] <= 256 * 1024**2 // 8192
    assert 10 < found["forks"] <= 64
    assert "No space left on device" in found["takes"]
    assert found["leaves"] == 8 * 1024**2


@BOTH
@pytest.mark.row("CO13")
def test_a_job_that_spins_on_all_processors_gets_its_share(gateway: Serving, language: str) -> None:
    job = lb.submit(lb.task(own(language, "spins"), cpus=0.5))
    assert job.result(timeout=LONG) < 0.75
    assert gateway.call("/jobs?limit=1")["jobs"]


@BOTH
@pytest.mark.row("CO11")
def test_twice_the_memory_is_not_had_and_no_swap_is_taken(gateway: Serving, language: str) -> None:
    with pytest.raises(lb.errors.JobFailed, match="memory") as caught:
        lb.submit(lb.task(own(language, "grows"), memory="256m")).result(timeout=LONG)
    assert caught.value.cause == "memory"


@BOTH
@pytest.mark.row("CO19")
def test_nothing_outlives_its_container(gateway: Serving, language: str) -> None:
    mark = str(1_000_000 + secrets.randbelow(1_000_000))
    job = lb.submit(own(language, "outlives"), mark)
    assert job.result(timeout=LONG) is True
    cursor = gateway.call("/events")["cursor"]
    slot = gateway.home / "depot" / "jobs" / job.id / "1" / "slot"
    container = slot.read_text() if slot.exists() else job.id
    while [name for name in gateway.containers() if container in name]:
        gateway.call(f"/events?after={cursor}&wait=1")
    assert subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False).returncode == 1


@BOTH
@pytest.mark.row("CO20")
@pytest.mark.filterwarnings("ignore::landbridge.kinds.RemoteWarning")
def test_a_job_that_writes_nonsense_to_the_gateway_hurts_itself_alone(gateway: Serving, language: str) -> None:
    other = lb.submit(lb.python("def f():\n    return 7\n"))
    foreign = {"kind": "file", "object": "obj_0000000000000009", "name": "x", "media_type": "text/plain"}
    lines = [
        "{broken",
        '{"event": "point", "at": "now", "point": 0, "job": "' + other.id + '"}',
        json.dumps({"event": "artifact", "at": "now", "name": "taken", "value": foreign}),
    ]
    job = lb.submit(own(language, "forges"), lines)
    assert job.result(timeout=LONG) is True
    record = job.record()
    assert record["artifacts"] == []
    assert "could not be kept" in " ".join(warning["message"] for warning in record["warnings"])
    assert other.result(timeout=LONG) == 7


@pytest.mark.row("AR13")
def test_names_that_are_the_same_empty_or_differ_by_case_come_back_from_both_languages(gateway: Serving) -> None:
    names = ["a", "a", "", "A", "ä", "a.1"]
    table = pd.DataFrame([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], columns=names)
    through_python = lb.submit(
        lb.python("def f(x):\n    assert list(x.columns) == ['a', 'a', '', 'A', 'ä', 'a.1']\n    return x\n"), table
    )
    through_r = lb.submit(
        lb.r('f <- function(x) { stopifnot(identical(names(x), c("a", "a", "", "A", "\\u00e4", "a.1"))); x }'), table
    )
    for job in (through_python, through_r):
        back = job.result(timeout=LONG)
        assert list(back.columns) == names
        assert back.iloc[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
