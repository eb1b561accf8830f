"""Failpoints are for tests alone."""

import re
import subprocess
import sys
from pathlib import Path

from landbridge_gateway import failpoints
from landbridge_gateway.settings import TABLE

PACKAGE = Path(failpoints.__file__).parent
IN_THE_JOB = {"log half written", "result half written"}


def sources():
    return {path: path.read_text() for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts}


def test_nothing_in_the_package_arms_them():
    for path, text in sources().items():
        if path.name != "failpoints.py":
            assert not re.search(r"failpoints(\.|\s+import\s+.*)\barm\b|_reached\b", text), path
    assert "environ" not in (PACKAGE / "failpoints.py").read_text()
    assert not any("fail" in setting.name or "test" in setting.name for setting in TABLE)


def test_a_gateway_that_is_started_as_people_do_has_none_whatever_its_environment_says():
    code = (
        "import landbridge_gateway.cli, landbridge_gateway.web.server, landbridge_gateway.warden.run\n"
        "from landbridge_gateway import failpoints; raise SystemExit(failpoints._reached is not None)"
    )
    environ = {"LANDBRIDGE_TESTS_MEET": "/tmp", "LANDBRIDGE_FAILPOINTS": "running", "FAILPOINTS": "running"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, check=False)
    assert done.returncode == 0


def test_each_step_is_reached_somewhere():
    reached = {step for text in sources().values() for step in re.findall(r'\breach\("([^"]+)"\)', text)}
    assert reached == set(failpoints.STEPS) - IN_THE_JOB
    assert len(failpoints.STEPS) == 23
