"""The two halves as real processes: starting, stopping, dying, and saying what is wrong."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess

import pytest

from tests import processes
from tests.patience import LONG, PATIENCE
from tests.serving import COMMAND, Serving


def serve(home, *options, **environ):
    """Run `serve` where it is expected to end by itself."""
    return subprocess.run(
        [*COMMAND, "serve", "--home", str(home), *options],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


def test_it_says_ready_when_it_answers_and_finds_its_own_token(tmp_path):
    with Serving(tmp_path / "home", "process") as serving:
        assert serving.call("")["protocol"] == 1
        assert serving.said[-1] == f"ready {serving.url}"
        assert serving.said[0].startswith("ATTENTION: --engine process isolates nothing")
        for name in ("token", "gateway.json", "landbridge.db", "warden.sock"):
            assert (serving.home / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(tmp_path, number):
    serving = Serving(tmp_path / "home", "process").start()
    halves = [serving.child(name) for name in ("gateway", "warden")]
    assert serving.stop(number) == 0
    assert serving.said[-1] == "stopping"
    assert not (serving.home / "gateway.json").exists()
    assert not (serving.home / "warden.sock").exists()
    for pid in halves:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_database_that_is_taken_away_is_cried_out_and_no_empty_one_made(tmp_path):
    with Serving(tmp_path / "home", "process") as serving:
        database = serving.home / "landbridge.db"
        database.rename(tmp_path / "aside")
        assert serving.next_line().startswith("ATTENTION: The gateway's database landbridge.db is not where it was.")
        serving.kill("gateway")
        assert serving.next_line() == "the gateway ended and is started again"
        assert serving.next_line().startswith("The gateway's database landbridge.db is not where it was.")
        assert not database.exists()
        (tmp_path / "aside").rename(database)
        while serving.next_line() != "the gateway is back":
            assert len(serving.said) < 30, serving.said
        assert serving.call("")["protocol"] == 1


@pytest.mark.parametrize("name", ["gateway", "warden"])
def test_a_half_that_dies_is_started_again_on_the_same_address(tmp_path, name):
    with Serving(tmp_path / "home", "process") as serving:
        before = serving.kill(name)
        assert serving.next_line() == f"the {name} ended and is started again"
        # The socket is held by the supervisor, so a call made meanwhile is answered late and not refused.
        assert serving.call("")["protocol"] == 1
        assert serving.next_line() == f"the {name} is back"
        assert serving.child(name) != before


def test_the_halves_do_not_outlive_a_killed_supervisor(tmp_path):
    serving = Serving(tmp_path / "home", "process").start()
    halves = [os.pidfd_open(serving.child(name)) for name in ("gateway", "warden")]
    serving.stop(signal.SIGKILL)
    for descriptor in halves:
        assert processes.is_gone(descriptor, PATIENCE), "it still runs"
        os.close(descriptor)


def test_an_upload_that_is_cut_short_is_answered_and_leaves_nothing(tmp_path):
    with Serving(tmp_path / "home", "process") as serving:
        host, port = serving.url.removeprefix("http://").split(":")
        head = (
            f"POST /api/v1/objects?format=arrow HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n"
            f"Authorization: Bearer {serving.token}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(head.encode() + b"only this")
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"The upload was cut short" in answer
        assert [path.name for path in (serving.home / "depot" / "intake").iterdir()] == ["nonce"]
        assert serving.call("")["protocol"] == 1


def test_a_second_gateway_on_one_home_is_refused(tmp_path):
    with Serving(tmp_path / "home", "process") as serving:
        second = serve(serving.home, "--port", "0", "--engine", "process")
        assert second.returncode == 1
        holder = rf"process {serving.process.pid}, since \d{{4}}-\d\d-\d\d [\d:+-]+, at {serving.url}"
        assert re.search(rf"A gateway already uses {serving.home}: {holder}\.\n", second.stderr), second.stderr
        assert serving.call("")["protocol"] == 1


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve(tmp_path / "home", "--port", str(port), "--engine", "process")
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"Port {port} of 127.0.0.1 cannot be used: Address already in use.",
        "Choose another with --port, or --port 0.",
    ]


def test_an_address_that_others_could_reach_is_refused(tmp_path):
    ended = serve(tmp_path / "home", "--port", "0", "--engine", "process", LANDBRIDGE_HOST="0.0.0.0")
    assert ended.returncode == 1
    assert "Without TLS the gateway does not listen on `0.0.0.0`:" in ended.stderr
    assert "ssh -L" in ended.stderr


def test_without_docker_it_says_so_and_falls_back_to_nothing(tmp_path):
    ended = serve(tmp_path / "home", "--port", "0", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert ended.returncode == 1
    assert "The Docker engine does not answer." in ended.stderr
    assert "make setup" in ended.stderr
    assert "ready" not in ended.stdout
    assert not (tmp_path / "home" / "gateway.json").exists()


@pytest.mark.docker
def test_the_gateway_half_needs_no_right_to_the_engine(tmp_path):
    with Serving(tmp_path / "home") as serving:
        # Every connected Unix socket of the process: the one to the warden, and none to the engine.
        pid = serving.child("gateway")
        peers = subprocess.run(["ss", "-xp"], capture_output=True, text=True, check=True).stdout
        own = [line for line in peers.splitlines() if f"pid={pid}," in line]
        assert own
        assert not [line for line in own if "docker" in line]
        offered = {runtime["name"]: runtime["without"] for runtime in serving.call("")["runtimes"]}
        assert offered == {name: [] for name in ("r:4.6", "python:3.14", "polyglot", "python:3.13", "python:3.11")} | {
            "r:4.5": ["arrow"],
            "r:4.2": ["arrow", "nanoarrow"],
        }
