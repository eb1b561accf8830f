"""The example pipeline on 336,776 flights: driven from R and from an executed notebook, with the same numbers."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from tests.end_to_end.conftest import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.slow]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def data():
    done = subprocess.run([sys.executable, "flights_data.py"], cwd=EXAMPLES, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_both_drivers_give_the_same_summary(gateway, data, tmp_path):
    from_r, from_python = tmp_path / "r.csv", tmp_path / "python.csv"
    subprocess.run(["Rscript", "flights.R", data, str(from_r)], cwd=EXAMPLES, env=gateway.environ, check=True)
    subprocess.run(
        [sys.executable, "run_notebook.py", "flights.ipynb", data, str(from_python)],
        cwd=EXAMPLES,
        env=gateway.environ,
        check=True,
    )
    agreed = subprocess.run(
        [sys.executable, "agree.py", str(from_r), str(from_python)], cwd=EXAMPLES, capture_output=True, text=True
    )
    assert agreed.returncode == 0, agreed.stderr
    summary = pd.read_csv(from_r)
    assert len(summary) == 16
    assert summary["name"].iloc[0] == "United Air Lines Inc."
    # 327,346 flights arrived; those without weather at their hour are left out.
    assert 300_000 < summary["flights"].sum() < 327_346
    assert (summary["rmse"] < summary["delay"].abs() + 60).all()
    jobs = gateway.call("/jobs?experiment=flights")["jobs"]
    assert [job["state"] for job in jobs] == ["succeeded"] * 8
    assert {job["tags"]["driver"] for job in jobs} == {"R", "Python"}
