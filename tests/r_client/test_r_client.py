"""The R package's own tests, on this machine's R (which reads Arrow files through the bridge) and in the R image
(which has arrow)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.harness import image_of, image_of_runtime

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "r-client" / "tests" / "testthat"
RUN = (
    "options(warn = 2); "
    "done <- as.data.frame(testthat::test_dir({folder!r}, package = 'landbridge', load_package = 'installed', "
    "reporter = 'check', stop_on_failure = FALSE)); "
    "cat(sprintf('checks %d failed %d errors %d', sum(done$nb), sum(done$failed), sum(done$error)))"
)


def verdict(done: subprocess.CompletedProcess[str]) -> None:
    """Some checks were made and none failed; otherwise what testthat said is the message."""
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert done.returncode == 0, done.stdout + done.stderr
    assert last.startswith("checks "), done.stdout + done.stderr
    counts = dict(zip(*[iter(last.split())] * 2, strict=True))
    assert int(counts["checks"]) > 100, last
    assert (counts["failed"], counts["errors"]) == ("0", "0"), done.stdout


@pytest.mark.row("AR15", "CL6", "DE2")
def test_on_this_machine_through_the_bridge():
    code = RUN.format(folder=str(TESTS))
    verdict(
        subprocess.run(
            ["Rscript", "--vanilla", "-e", code],
            env=os.environ | {"LANDBRIDGE_BRIDGE_PYTHON": sys.executable, "NOT_CRAN": "true"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    )


@pytest.mark.docker
@pytest.mark.row("AR15")
def test_in_the_image_with_arrow():
    verdict(in_image(image_of("r"), RUN))


@pytest.mark.docker
def test_the_ways_of_tables_in_an_image_with_nanoarrow_and_the_bridge():
    verdict(in_image(image_of_runtime("r:4.5"), RUN.replace("reporter", "filter = '^(codecs|bridge)$', reporter")))


def in_image(image: str, code: str) -> subprocess.CompletedProcess[str]:
    command = [
        *("docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp:exec,mode=1777"),
        *("-e", "NOT_CRAN=true", "-e", f"CODE={code.format(folder='/tmp/tests')}", "-v", f"{TESTS}:/tests:ro"),
        *("--entrypoint", "sh", image, "-c", 'cp -r /tests /tmp/tests && Rscript --vanilla -e "$CODE"'),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
