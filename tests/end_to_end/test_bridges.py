"""Functions and tables that live in the other language's bridge are submitted as they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.docker

IN_PYTHON = """
import landbridge as lb
import rpy2.robjects as ro

ro.r('''
scale_by <- 3L
times <- function(x) x * scale_by
fit <- function(d, extra) {
  d$n <- times(d$n) + as.integer(extra)
  d
}
table <- data.frame(n = c(1L, NA, 3L), f = factor(c("a", NA, "b"), levels = c("b", "a", "z")))
con <- textConnection("x")
''')
job = lb.submit(ro.globalenv["fit"], ro.globalenv["table"], extra=1)
result = job.result()
assert job.name == "f"
assert result["n"].dropna().tolist() == [4, 10] and result["n"].isna().tolist() == [False, True, False]
assert list(result["f"].cat.categories) == ["b", "a", "z"]
assert lb.submit(ro.globalenv["times"], 2).result() == 6
assert lb.submit(lambda d: int(d["n"].isna().sum()), ro.globalenv["table"]).result() == 1
try:
    lb.submit(ro.globalenv["times"], ro.globalenv["con"])
except lb.errors.ValueCannotCross as refused:
    print(refused.message)
"""

IN_R = """
library(landbridge)
options(warn = 2)
writeLines("
import threading

import pandas as pd

scale_by = 3

def times(x):
    return x * scale_by

def fit(d, extra):
    return d.assign(n=times(d['n']) + extra)

table = pd.DataFrame({'n': pd.array([1, None, 3], 'Int32'), 'c': pd.Categorical(['a', None, 'b'], ['b', 'a', 'z'])})
lock = threading.Lock()
", "model.py")
main <- reticulate::import_from_path("model", convert = FALSE)
back <- result(submit(main$fit, main$table, extra = 1L))
stopifnot(identical(back$n, c(4L, NA, 10L)), identical(levels(back$c), c("b", "a", "z")))
stopifnot(identical(result(submit(main$times, 2L)), 6L))
stopifnot(identical(result(submit(function(d) sum(is.na(d$n)), main$table)), 1L))
caught <- tryCatch(submit(main$times, main$lock), landbridge_value_cannot_cross = function(error) error)
cat(caught$message)
"""


def test_functions_and_tables_of_r_from_a_python_notebook(gateway, tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(IN_PYTHON)
    done = subprocess.run(
        [sys.executable, str(script)], env=gateway.environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot cross: it is a connection" in done.stdout


def test_functions_and_tables_of_python_from_r(run_r):
    told = run_r(IN_R, RETICULATE_PYTHON=sys.executable)
    assert "cannot cross" in told
    assert "lock" in told
