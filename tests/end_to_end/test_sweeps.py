"""Sweeps in real containers, from both clients: the same story in the words of each."""

from __future__ import annotations

import landbridge as lb
import pandas as pd
import pytest
from landbridge import errors

from tests.patience import LONG

pytestmark = pytest.mark.docker


def fit(table, depth, rate=0.1):
    import landbridge as lb

    table["x"] = table["x"] * depth
    lb.log_metric("loss", rate / depth)
    print(f"depth {depth}")
    if depth == 3:
        raise ValueError("no three")
    return {"total": float(table["x"].sum()), "depth": depth}


def crash(n):
    import os

    if n == 1:
        os.kill(os.getpid(), 11)
    return n


def draw(_):
    import random

    return random.random()


def total(results):
    return sum(results)


TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def test_points_share_a_table_that_none_of_them_changes_for_another(client):
    sweep = lb.map(lb.task(fit, experiment="depths"), TABLE, depth=[1, 2, 4])
    assert [one["total"] for one in sweep.result(timeout=LONG)] == [6.0, 12.0, 24.0]
    frame = sweep.frame()
    assert frame["depth"].tolist() == [1, 2, 4]
    assert frame["loss"].tolist() == [0.1, 0.05, 0.025]
    assert sweep[1].logs("stdout") == "depth 2\n"
    assert sweep.state == "succeeded"
    assert [job.id for job in lb.jobs(experiment="depths", limit=10)] == [sweep.id]


def test_an_error_is_its_points_and_the_rest_is_there(client):
    sweep = lb.map(fit, TABLE, lb.combinations(depth=[2, 3], rate=[0.5, 0.25]))
    with pytest.raises(errors.JobFailed, match="no three") as caught:
        sweep.result(timeout=LONG)
    assert caught.value.detail["point"] == 2
    found = sweep.result(on_error="return")
    assert [isinstance(one, errors.JobFailed) for one in found] == [False, False, True, True]
    assert sweep.counts["failed"] == 2
    assert "2 of 4 points did not succeed" in lb.get(sweep.id).refresh().document["error"]["message"]


def test_a_crash_takes_down_its_own_point_alone(client):
    sweep = lb.map(crash, range(6))
    found = sweep.result(timeout=LONG, on_error="return")
    assert [one for one in found if isinstance(one, int)] == [0, 2, 3, 4, 5]
    assert found[1].cause == "killed"


def test_a_point_gives_the_same_run_again_alone(client):
    sweep = lb.map(lb.task(draw, seed=11), range(8))
    first = sweep.result(timeout=LONG)
    assert len(set(first)) == 8
    assert lb.map(lb.task(draw, seed=11), range(8)).result(timeout=LONG) == first
    assert sweep[5].rerun().result(timeout=LONG) == first[5]


def test_a_job_takes_the_results_of_a_sweep_and_a_sweep_those_of_jobs(client):
    squares = lb.map(lb.python("def f(x):\n    return x * x"), [lb.submit(total, [n, n]) for n in (1, 2)])
    assert lb.submit(total, squares).result(timeout=LONG) == 20


def test_a_sweep_of_no_points_and_one_that_cannot_be_loaded(client):
    assert lb.map(draw, []).result(timeout=LONG) == []
    sweep = lb.map(lb.python("import no_such_module\n\ndef f(x):\n    return x"), list(range(50)))
    with pytest.raises(errors.JobFailed, match="no_such_module"):
        sweep.result(timeout=LONG)
    assert sweep.counts["failed"] == 50


def test_a_thousand_points_in_both_languages(client):
    for function in (lb.python("def f(x):\n    return x"), lb.r("f <- function(x) x")):
        sweep = lb.map(function, range(1000))
        assert sweep.result(timeout=LONG) == list(range(1000))


def test_cancelling_a_sweep_ends_what_has_not_ended(client):
    sweep = lb.map(lb.python("import time\n\ndef f(x):\n    time.sleep(x)\n    return x"), [0, 0, 600, 600, 600])
    for job in sweep.as_completed(timeout=LONG):
        assert job.result() == 0
        break
    sweep.cancel()
    sweep.wait(timeout=LONG)
    assert sweep.state == "cancelled"
    assert sweep.counts["cancelled"] >= 3


STORY = """
library(landbridge)
fit <- function(table, depth, rate = 0.1) {
  log_metric("loss", rate / depth)
  if (depth == 3) stop("no three")
  table$x <- table$x * depth
  list(total = sum(table$x), depth = depth)
}
table <- data.frame(x = c(1, 2, 3))
sweep <- map_jobs(fit, table, depth = c(1, 2, 4))
stopifnot(identical(vapply(result(sweep), function(one) one$total, 0), c(6, 12, 24)))
found <- as.data.frame(sweep)
stopifnot(identical(found$loss, c(0.1, 0.05, 0.025)), identical(found$total, c(6, 12, 24)))
bad <- map_jobs(fit, table, each(data.frame(depth = c(2, 3), rate = c(0.5, 0.25))))
message <- tryCatch(result(bad), landbridge_job_failed = conditionMessage)
stopifnot(grepl("no three", message))
stopifnot(inherits(result(bad, on_error = "return")[[2]], "landbridge_job_failed"))
draw <- function(x) stats::runif(1)
first <- result(map_jobs(task(draw, seed = 11), seq_len(4)))
again <- map_jobs(task(draw, seed = 11), seq_len(4))
stopifnot(identical(result(again), first), identical(result(rerun(again[[3]])), first[[3]]))
python_sweep <- map_jobs(python("def f(x):\\n    return 2 * x\\n"), c(1, 2, 3))
stopifnot(identical(unlist(result(python_sweep)), c(2, 4, 6)))
stopifnot(identical(result(submit(function(xs) sum(unlist(xs)), python_sweep)), 12))
cat("all of it\\n")
"""


def test_the_same_from_r(run_r):
    assert run_r(STORY).strip().endswith("all of it")
