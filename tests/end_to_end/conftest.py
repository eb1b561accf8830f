"""One real gateway with real containers for all tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import landbridge as lb
import pytest

from tests.patience import LONG
from tests.serving import COMMAND, Serving

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    subprocess.run([*COMMAND, "images", "build"], check=True)
    with Serving(tmp_path_factory.mktemp("gateway") / "home") as serving:
        yield serving


@pytest.fixture
def client(gateway: Serving) -> None:
    """The Python client's own functions, bound to the gateway under test."""
    lb.connect(gateway.url, gateway.token)


@pytest.fixture
def run_r(gateway: Serving, tmp_path: Path):
    """Runs R code as a user's script; gives what it printed. An error of the script fails the test."""

    def run(code: str, *arguments: str, expect: int = 0, **environ: str) -> str:
        script = tmp_path / "script.R"
        script.write_text(code)
        done = subprocess.run(
            ["Rscript", str(script), *arguments],
            env=gateway.environ | environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout if expect == 0 else done.stderr

    return run
