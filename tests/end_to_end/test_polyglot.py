"""The runtime of both languages: R from Python and Python from R, inside jobs and on this machine."""

from __future__ import annotations

import subprocess
import sys

import landbridge as lb
import pandas as pd
import pytest

pytestmark = pytest.mark.docker

FRAME = pd.DataFrame(
    {
        "n": pd.array([1, None, 3], "Int32"),
        "f": pd.Categorical(["a", None, "b"], ["b", "a", "z"]),
        "t": pd.to_datetime(["2024-01-01 10:00:00.123456", None, "2024-06-01 00:00:00.5"]).tz_localize("Europe/Berlin"),
        "text": ["x", None, "é"],
    }
)


def through_r(df, k):
    import landbridge as lb

    lb.log_metric("before", 1)
    out = lb.bridge.r("function(df, k) { stopifnot(is.integer(df$n), is.na(df$n[2])); df$n <- df$n * k; df }", df, k=k)
    lb.log_metric("after", 2)
    return out


def types_in_r(df):
    import landbridge as lb

    return lb.bridge.r("function(d) lapply(d, function(column) class(column)[[1]])", df)


def failing_r():
    import landbridge as lb

    text = (
        "function(x) stop(structure(class = c('too_small', 'error', 'condition'), list(message = 'no', call = NULL)))"
    )
    try:
        lb.bridge.r(text, 1)
    except lb.bridge.RError as error:
        return [error.message, error.type, list(error.classes), error.code]
    raise AssertionError("R raised nothing")


def uncaught_r():
    import landbridge as lb

    lb.bridge.r("stats::quantile", "text")


def fits_twice(df):
    import landbridge as lb

    model = lb.bridge.r("function(d) lm(y ~ x, data = d)", df)
    slope = lb.bridge.r("function(model) unname(coef(model)[['x']])", model)
    return {"slope": slope, "model": model}


def numbers_of_r():
    import landbridge as lb

    return lb.bridge.r("stats::runif", 2)


def both_ways():
    import landbridge as lb

    return lb.bridge.r("function() landbridge::with_python('def f(x):\\n    return x + 1\\n', 41L)")


def warns_in_r():
    import landbridge as lb

    return lb.bridge.r("function() { warning('careful'); message('told by R'); cat('printed by R\\n'); 1L }")


@pytest.fixture
def polyglot(client):
    """Runs a function in a job of the runtime and gives the job, which ended."""

    def run(function, *values, **options):
        job = lb.submit(lb.task(function, runtime="polyglot", **options), *values)
        job.wait()
        return job

    return run


class TestRFromPython:
    def test_a_table_comes_back_as_it_was_but_for_what_r_changed(self, polyglot):
        job = polyglot(through_r, FRAME, 2)
        pd.testing.assert_frame_equal(job.result(), FRAME.assign(n=pd.array([2, None, 6], "Int32")))
        assert (job.document["language"], job.document["runtime"]) == ("python", "polyglot")
        assert [metric["name"] for metric in job.metrics()] == ["before", "after"]

    def test_columns_are_of_rs_own_classes(self, polyglot):
        expected = {"n": "integer", "f": "factor", "t": "POSIXct", "text": "character"}
        assert polyglot(types_in_r, FRAME).result() == expected

    def test_an_error_of_r_is_an_exception_with_its_message_and_classes(self, polyglot):
        told = ["no", "too_small", ["too_small", "error", "condition"], "r_error"]
        assert polyglot(failing_r).result() == told

    def test_an_error_of_r_that_nobody_catches_is_the_jobs(self, polyglot):
        with pytest.raises(lb.errors.JobFailed) as caught:
            polyglot(uncaught_r).result()
        assert caught.value.type == "landbridge.bridge.RError"
        assert "simpleError" in caught.value.message

    def test_a_model_of_r_goes_from_call_to_call_and_into_the_result(self, polyglot):
        result = polyglot(fits_twice, pd.DataFrame({"x": [1.0, 2, 3], "y": [2.0, 4, 6.5]})).result()
        assert result["slope"] == pytest.approx(2.25)
        assert result["model"].classes == ("lm",)
        slope = lb.submit(lb.r("function(m) unname(coef(m)[['x']])"), result["model"]).result()
        assert slope == pytest.approx(2.25)

    def test_the_jobs_seed_is_rs_too(self, polyglot):
        one, same, other = (list(polyglot(numbers_of_r, seed=seed).result()) for seed in (5, 5, 6))
        assert one == same != other

    def test_what_r_says_is_heard(self, polyglot):
        job = polyglot(warns_in_r)
        with pytest.warns(lb.RemoteWarning, match="careful"):
            assert job.result() == 1
        assert "printed by R" in job.logs("stdout")
        assert "told by R" in job.logs("stderr")

    def test_r_may_call_python_in_turn(self, polyglot):
        assert polyglot(both_ways).result() == 42

    def test_the_plain_image_names_the_way_out(self, client):
        with pytest.raises(lb.errors.JobFailed, match=r'runtime="polyglot"') as caught:
            lb.submit(uncaught_r).result()
        assert caught.value.type == "landbridge.errors.CodecMissing"


R_JOBS = """
library(landbridge)
options(warn = 2)
df <- data.frame(
  n = c(1L, NA, 3L), f = factor(c("a", NA, "b"), levels = c("b", "a", "z")),
  t = as.POSIXct(c("2024-01-01 10:00:00.25", NA, "2024-06-01 00:00:00"), tz = "Europe/Berlin"),
  text = c("x", NA, "\\u00e9")
)
run <- function(f, ...) result(submit(task(f, runtime = "polyglot"), ...))

back <- run(function(df, by) {
  log_metric("before", 1)
  with_python("def f(df, by):\\n    return df.assign(n=df.n * by)\\n", df, by = by)
}, df, 2L)
stopifnot(identical(back, transform(df, n = c(2L, NA, 6L))))

kinds <- run(function(df) {
  with_python("def f(df):\\n    return [str(df[name].dtype) for name in df]\\n", df)
}, df)
stopifnot(identical(kinds[1:3], c("Int32", "category", "datetime64[us, Europe/Berlin]")))

stopifnot(identical(run(function(x) with_python("statistics:median", x), list(1, 2, 4)), 2))

told <- run(function() {
  tryCatch(
    with_python("def f():\\n    raise KeyError('gone')\\n"),
    KeyError = function(error) list(conditionMessage(error), class(error)[1:2], error$detail$type)
  )
})
stopifnot(identical(told, list("'gone'", c("landbridge_python_error", "landbridge_error"), "KeyError")))

failed <- tryCatch(
  run(function() with_python("def f():\\n    raise ValueError('no good')\\n")), landbridge_job_failed = function(e) e
)
stopifnot(inherits(failed, "landbridge_python_error"), inherits(failed, "ValueError"))
stopifnot(identical(failed$detail$remote$message, "no good"))

# The process in between holds neither this job's standard input nor its answers.
printed <- submit(task(function() {
  with_python("import subprocess\\ndef f():\\n    print('from Python')\\n    subprocess.run(['cat'])\\n    return 1\\n")
}, runtime = "polyglot"))
stopifnot(identical(result(printed), 1L), any(grepl("from Python", logs(printed)$stdout, fixed = TRUE)))

again <- run(function() {
  died <- tryCatch(with_python("import os\\ndef f():\\n    os._exit(3)\\n"), landbridge_python_error = conditionMessage)
  c(died, with_python("def f():\\n    return 'alive'\\n"))
})
stopifnot(grepl("ended before", again[[1]]), identical(again[[2]], "alive"))

handed <- run(function() {
  made <- with_python("import fractions\\ndef f():\\n    return fractions.Fraction(1, 3)\\n")
  list(with_python("def g(x):\\n    return x.denominator\\n", made), made)
})
stopifnot(identical(handed[[1]], 3L), inherits(handed[[2]], "landbridge_native"))
stopifnot(identical(result(submit(python("def g(x):\\n    return x.numerator\\n"), handed[[2]])), 1L))

drawn <- function(seed) {
  numbers <- function() {
    with_python("import random, numpy\\ndef f():\\n    return [random.random(), numpy.random.rand()]\\n")
  }
  unlist(result(submit(task(numbers, runtime = "polyglot", seed = seed))))
}
stopifnot(identical(drawn(5), drawn(5)), all(drawn(5) != drawn(6)))

plain <- tryCatch(
  result(submit(function() with_python("def f():\\n    return 1\\n"))), landbridge_job_failed = function(e) e
)
stopifnot(inherits(plain, "landbridge_codec_missing"))
cat(conditionMessage(plain))
"""


def test_python_from_jobs_of_r(run_r):
    assert 'runtime = "polyglot"' in run_r(R_JOBS)


ON_THIS_MACHINE = """
import landbridge as lb
import pandas as pd

frame = pd.DataFrame({"n": pd.array([1, None], "Int32"), "f": pd.Categorical(["a", None], ["b", "a"])})
pd.testing.assert_frame_equal(lb.bridge.r("function(d) d", frame), frame)
assert lb.bridge.r("stats::median", [1.0, 2.0, 9.0]) == 2
assert lb.bridge.r("max", 1, 2) == 2
try:
    lb.bridge.r("function() lapply(1, textConnection)")
except lb.bridge.RError as error:
    print(error.type)
"""


def test_r_from_python_on_this_machine():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_THIS_MACHINE], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "simpleError"


def test_python_from_r_on_this_machine(run_r):
    told = run_r(
        """
        library(landbridge)
        options(warn = 2)
        frame <- data.frame(n = c(1L, NA), f = factor(c("a", NA), levels = c("b", "a")))
        stopifnot(identical(with_python("def f(d):\\n    return d\\n", frame), frame))
        cat(tryCatch(with_python("math:sqrt", -1), ValueError = function(error) class(error)[[1]]))
        """,
        RETICULATE_PYTHON=sys.executable,
    )
    assert told == "landbridge_python_error"
