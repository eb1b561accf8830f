"""Certificates for tests: each signs itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    file: Path
    key: Path


def make(folder: Path, name: str, *names: str) -> Certificate:
    """A certificate of this machine by the names, such as ``DNS:localhost`` or ``IP:127.0.0.1``."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={','.join(names)}"),
            *("-out", str(made.file), "-keyout", str(made.key)),
        ],
        capture_output=True,
        check=True,
    )
    return made
