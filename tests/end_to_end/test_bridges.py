"""Functions and tables that live in the other language's bridge are submitted as they are."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

pytestmark = pytest.mark.docker

# Cells of a notebook; in those that begin with %%R live a function and tables of R.
CELLS = [
    """
import landbridge as lb
import rpy2.robjects as ro
%load_ext rpy2.ipython
""",
    """%%R
scale_by <- 3L
times <- function(x) x * scale_by
fit <- function(d, extra) {
  d$n <- times(d$n) + as.integer(extra)
  d
}
table <- data.frame(n = c(1L, NA, 3L), f = factor(c("a", NA, "b"), levels = c("b", "a", "z")))
con <- textConnection("x")
""",
    """
import pandas as pd
df = pd.DataFrame({"n": pd.array([1, None, 3], "Int32"), "f": pd.Categorical(["a", None, "b"], ["b", "a", "z"])})
back = lb.submit(ro.globalenv["fit"], df, 1).result()
pd.testing.assert_frame_equal(back, df.assign(n=pd.array([4, None, 10], "Int32")))
""",
    """
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
""",
]

# In a process of its own, so that the kernel has the environment of the gateway.
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=240).execute()
for cell in notebook.cells:
    for output in cell.outputs:
        print(output.get("text", ""))
"""
RUN_NOTEBOOK = [sys.executable, "-c", EXECUTE]

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

# As a user of reticulate has them: sourced, and held in `py`.
library(reticulate)
writeLines("
def twice(d):
    return d.assign(n=d['n'] * 2)
", "twice.py")
source_python("twice.py")
df <- data.frame(n = c(1L, NA, 3L), f = factor(c("a", NA, "b"), levels = c("b", "a", "z")))
stopifnot(identical(result(submit(py$twice, df)), transform(df, n = c(2L, NA, 6L))))
py_run_string("import pandas\ntable = pandas.DataFrame({'n': pandas.array([1, None], 'Int32')})")
held <- import_main(convert = FALSE)$table
stopifnot(identical(result(submit(py$twice, held))$n, c(2L, NA)))
caught <- tryCatch(submit(main$times, main$lock), landbridge_value_cannot_cross = function(error) error)
cat(caught$message)
"""


def test_functions_and_tables_of_r_from_a_python_notebook(gateway, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in CELLS])
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    command = [*RUN_NOTEBOOK, str(tmp_path / "notebook.ipynb")]
    done = subprocess.run(command, env=gateway.environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot cross: it is a connection" in done.stdout


def test_functions_and_tables_of_python_from_r(run_r):
    told = run_r(IN_R, RETICULATE_PYTHON=sys.executable)
    assert "cannot cross" in told
    assert "lock" in told
