"""Folders that a job filled, removed however deep they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; one that is gone is fine, and what cannot be removed stays."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:
        # It calls itself for each level, of which a job may make thousands; rm does not.
        subprocess.run(["rm", "-rf", "--", str(path)], check=False, capture_output=True)
