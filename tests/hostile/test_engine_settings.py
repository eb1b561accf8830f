"""Another container runtime and another engine, each by one setting: known, or refused in words."""

from __future__ import annotations

import subprocess

import pytest
from landbridge_gateway.engines.abilities import known_runtime
from landbridge_gateway.engines.interface import EngineError
from landbridge_gateway.engines.outbound import OutboundNetwork, own_addresses

from tests.serving import COMMAND

TOLD = {"Runtimes": {"runc": {}, "runsc": {}}, "DefaultRuntime": "runc", "MemoryLimit": True, "PidsLimit": True}


def test_a_runtime_is_the_engines_own_or_one_that_it_knows():
    assert known_runtime(TOLD, "") == "runc"
    assert known_runtime(TOLD, "runsc") == "runsc"
    with pytest.raises(EngineError) as caught:
        known_runtime(TOLD, "kata")
    assert caught.value.message == "The Docker engine knows no container runtime `kata`."
    assert caught.value.hint.startswith("It knows: runc, runsc.")


def test_an_engine_that_cannot_limit_jobs_is_refused():
    with pytest.raises(EngineError) as caught:
        known_runtime(TOLD | {"MemoryLimit": False, "PidsLimit": False}, "")
    assert caught.value.message == (
        "The Docker engine cannot limit memory and processes, so a job could take the whole machine."
    )


def test_outbound_is_refused_under_a_runtime_with_a_network_of_its_own():
    network = OutboundNetwork(None, {}, "runsc", lambda: "image")
    with pytest.raises(EngineError, match='cannot have network = "outbound" under the container runtime `runsc`'):
        network.open("job_0000000000000001.1", "name")


def test_own_addresses_are_read_from_the_kernels_tables(tmp_path):
    (tmp_path / "fib_trie").write_text(
        "Local:\n           |-- 127.0.0.1\n              /32 host LOCAL\n           |-- 192.0.2.2\n"
        "              /32 host LOCAL\n           |-- 192.0.2.255\n              /32 link BROADCAST\n"
    )
    (tmp_path / "if_inet6").write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\nfd000000000000000000000000000002 02 40 00 82     eth0\n"
    )
    assert own_addresses(tmp_path) == ["192.0.2.2", "fd00::2"]


@pytest.mark.docker
def test_the_doctor_asks_the_engine_of_the_setting(tmp_path, monkeypatch):
    (tmp_path / "engine.sock").symlink_to("/var/run/docker.sock")
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/at/all.sock")
    assert "FAIL engine: the Docker engine does not answer" in doctor()
    address = f"unix://{tmp_path / 'engine.sock'}"
    monkeypatch.setenv("LANDBRIDGE_DOCKER_HOST", address)
    told = doctor()
    assert f" at {address}" in told
    assert "ok   container runtime: containers run under runc" in told
    monkeypatch.setenv("LANDBRIDGE_CONTAINER_RUNTIME", "no-such-runtime")
    assert "FAIL container runtime: the Docker engine knows no container runtime `no-such-runtime`" in doctor()


def doctor() -> str:
    return subprocess.run([*COMMAND, "doctor"], capture_output=True, text=True, check=False).stdout
