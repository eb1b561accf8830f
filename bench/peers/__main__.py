"""Installs the peers: `python -m bench.peers`. What cannot be installed is said, and is no error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv

from bench.peers import PEERS, Peer, pins


def install(peer: Peer) -> bool:
    """Whether it is there afterwards."""
    if peer.program is not None:
        return True
    return _from_debian(peer) if peer.language == "r" else _from_index(peer)


def _from_index(peer: Peer) -> bool:
    shutil.rmtree(peer.environment, ignore_errors=True)
    venv.create(peer.environment, with_pip=True)
    pip = [str(peer.environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, *pins()[peer.package]], check=False).returncode:
        return False
    (peer.environment / ".ready").write_text("\n".join(pins()[peer.package]))
    return True


def _from_debian(peer: Peer) -> bool:
    if not shutil.which("apt-get"):
        return False
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*root, "apt-get", "install", "-qq", "-y", "--no-install-recommends", f"r-cran-{peer.package}"]
    try:
        subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return peer.program is not None


def main() -> int:
    for peer in PEERS:
        print(f"{peer.name}: {'installed' if install(peer) else 'missing'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
