"""containers/engine.sh where nothing needs doing, and where nothing can be done; PATH plays the other machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

SCRIPT = ROOT / "containers" / "engine.sh"
TOOLS = ("cat", "dpkg-query", "grep", "id", "sleep", "tail", "timeout")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands: a Docker client that answers, and all that the script asks for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "dockerd", "iptables", "mmdebstrap", "newuidmap", "python3"):
        command(folder, name, "exit 0")
    return folder


def command(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def run(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The script adds the folders of daemons to the path; a copy without that line sees only this machine.
    text = SCRIPT.read_text().replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n", "")
    for tool in TOOLS:
        if not (machine / tool).exists():
            (machine / tool).symlink_to(f"/usr/bin/{tool}")
    return subprocess.run(
        ["/bin/sh", "-s", "--", *arguments],
        input=text,
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_machine_that_has_all_is_left_alone_without_a_word(machine: Path) -> None:
    done = run(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_option_is_named(machine: Path) -> None:
    done = run(machine, "--ruby")
    assert done.returncode == 1
    assert "does not know `--ruby`" in done.stderr
    assert "--r and --tests" in done.stderr


def test_another_system_is_told_what_is_missing(machine: Path) -> None:
    (machine / "mmdebstrap").unlink()
    done = run(machine)
    assert done.returncode == 1
    assert "not a Debian machine, and these are missing: mmdebstrap" in done.stderr


def test_without_root_nothing_is_installed(machine: Path, tmp_path: Path) -> None:
    (machine / "mmdebstrap").unlink()
    command(machine, "apt-get", f"touch {tmp_path}/called")
    command(machine, "id", "echo 1000")
    done = run(machine)
    assert done.returncode == 1
    assert "Installing mmdebstrap needs root." in done.stderr
    assert not (tmp_path / "called").exists()


def test_what_is_missing_is_installed_as_root(machine: Path, tmp_path: Path) -> None:
    (machine / "mmdebstrap").unlink()
    command(machine, "id", "echo 0")
    command(machine, "env", 'shift; exec "$@"')
    command(machine, "apt-get", f'echo "$*" >>{tmp_path}/called')
    done = run(machine)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == "installing: mmdebstrap"
    update, install = (tmp_path / "called").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends mmdebstrap")


def test_a_user_whom_the_engine_refuses_learns_of_the_group(machine: Path) -> None:
    command(machine, "docker", "echo 'permission denied while trying to connect' >&2; exit 1")
    command(machine, "id", "case $1 in -un) echo joe;; *) echo 1000;; esac")
    done = run(machine)
    assert done.returncode == 1
    assert "runs, but joe may not use it" in done.stderr
    assert "usermod -aG docker joe" in done.stderr
