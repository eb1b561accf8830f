"""submit() from R, on a machine whose R has no arrow: the reticulate bridge is used for real."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.docker

LIBRARY = "library(landbridge)\noptions(warn = 2)\n"


def test_a_function_with_its_helpers(run_r):
    code = """
factor <- 3
times <- function(x) x * factor
triple <- function(x) times(x)
stopifnot(identical(result(submit(triple, 14)), 42))
"""
    run_r(LIBRARY + code)


def test_frames_come_back_in_the_kind_they_came(run_r):
    code = """
table <- data.frame(
  a = c(1L, NA, 3L), b = c(0.5, NA, 1.5), c = c("x", NA, "z"), d = factor(c("u", NA, "v")),
  e = as.Date(c("2013-01-01", NA, "1969-12-31")), f = c(TRUE, NA, FALSE)
)
for (kind in list(identity, tibble::as_tibble, data.table::as.data.table)) {
  given <- kind(table)
  back <- result(submit(function(x) x, given))
  stopifnot(identical(class(back), class(given)), isTRUE(all.equal(as.data.frame(back), table)))
}
"""
    run_r(LIBRARY + code)


def test_a_job_of_the_other_language_uses_the_result(run_r):
    code = """
first <- submit(function() data.frame(x = c(1.5, 2.5)))
second <- submit(python("def f(d):\\n    d['x'] = d['x'] * 2\\n    return d\\n"), first)
third <- submit(function(d) sum(d$x), second)
stopifnot(identical(result(third), 8), identical(as.numeric(result(second)$x), c(3, 5)))
part <- submit(function() list(left = c(1, 2), right = "yes"))
stopifnot(identical(result(submit(function(x) sum(x), job_part(part, "left"))), 3))
"""
    run_r(LIBRARY + code)


def test_an_error_keeps_its_class_and_shows_its_line(run_r):
    code = """
fails <- function(depth) {
  stop(structure(class = c("too_deep", "error", "condition"), list(message = "depth 7 is too deep", call = NULL)))
}
caught <- tryCatch(result(submit(fails, 7)), too_deep = function(condition) condition)
stopifnot(inherits(caught, "too_deep"), inherits(caught, "landbridge_job_failed"))
cat(conditionMessage(caught))
"""
    told = run_r(LIBRARY + code)
    assert "depth 7 is too deep" in told
    assert "fails" in told


def test_warnings_of_the_job_are_warnings_here(run_r):
    code = """
job <- submit(function() { warning("careful now"); 1 })
told <- NULL
value <- withCallingHandlers(result(job), warning = function(w) {
  told <<- c(told, conditionMessage(w))
  invokeRestart("muffleWarning")
})
stopifnot(identical(value, 1), length(told) == 1, grepl("careful now", told))
"""
    run_r(LIBRARY + code)


def test_logs_record_and_state_are_readable(run_r):
    code = """
reports <- function() {
  cat("hello\\n")
  landbridge::log_metric("loss", 0.5, step = 1)
  landbridge::log_param("depth", 6)
  landbridge::set_tag("stage", "trial")
  landbridge::save_value("kept", c(1, 2))
  NULL
}
job <- reports |> task(name = "reporter in R", experiment = "trials in R") |> submit()
stopifnot(is.null(result(job)), identical(state(job), "succeeded"), is_done(job))
stopifnot(any(grepl("hello", unlist(logs(job)))))
found <- metrics(job)
stopifnot(identical(found$name, "loss"), identical(found$value, 0.5))
stopifnot(identical(record(job)$params$depth, 6L) || identical(record(job)$params$depth, 6))
stopifnot(job$id %in% jobs(experiment = "trials in R")$id, identical(get_job(job$id)$id, job$id))
print(job)
"""
    assert "reporter in R" in run_r(LIBRARY + code)


def test_a_model_stays_in_r_and_is_used_there(run_r):
    code = """
model <- submit(function() lm(dist ~ speed, cars))
predicted <- submit(function(m) predict(m, data.frame(speed = 10)), model)
stopifnot(all.equal(unname(result(predicted)), 21.74499, tolerance = 1e-6))
stopifnot(inherits(result(model, trust = TRUE), "lm"))
"""
    run_r(LIBRARY + code)


def test_scripts_of_both_languages_run_as_they_are(run_r):
    code = """
writeLines("total <- depth + 1", "report.R")
writeLines("total = depth + 2", "report.py")
stopifnot(result(submit(task("report.R", outputs = "total"), depth = 3))$total == 4)
stopifnot(result(submit(task("report.py", outputs = "total"), depth = 3))$total == 5)
"""
    run_r(LIBRARY + code)


def test_a_cancelled_job_says_so(run_r):
    code = """
job <- submit(function() Sys.sleep(600))
cancel(job)
caught <- tryCatch(result(job), landbridge_job_cancelled = function(condition) condition)
cat(conditionMessage(caught))
"""
    assert "was cancelled." in run_r(LIBRARY + code)


@pytest.mark.parametrize(
    ("code", "condition", "sentence"),
    [
        (
            "task(identity, memroy = '4g')",
            "unknown_option",
            "`memroy` is not an option of task().\nDid you mean `memory`?",
        ),
        (
            "fit <- function(x, depth) x; submit(fit, 1, detph = 2)",
            "unknown_argument",
            "`fit` has no argument `detph`.\nDid you mean `depth`?",
        ),
        (
            "con <- textConnection('x'); f <- function() readLines(con); submit(f)",
            "function_not_captured",
            "`f` cannot be captured: ",
        ),
        ("submit(identity, list(a = list(1, textConnection('x'))))", "value_cannot_cross", "cannot cross: "),
        (
            "submit(task(function() 1, runtime = 'r:2.7'))",
            "unknown_runtime",
            "There is no runtime `r:2.7` for r.",
        ),
        ("submit(r('f <- function(x) {\\n  x +\\n}', 'f'), 1)", "code_does_not_parse", "(line 3)"),
        ("submit(python('def f(x):\\n    return (x\\n', 'f'), 1)", "code_does_not_parse", "(line 2)"),
        ("get_job('job_0000000000000000')", "unknown_job", "There is no job `job_0000000000000000`."),
        (
            "connect('http://127.0.0.1:9', 'x'); submit(function() 1)",
            "gateway_unreachable",
            "No gateway answers at http://127.0.0.1:9.\nStart one with `landbridge serve`, or set LANDBRIDGE_URL.",
        ),
        (
            "connect(Sys.getenv('URL'), 'lb_wrong'); submit(function() 1)",
            "unauthorized",
            "The token is not one of this gateway's.",
        ),
        (
            "result(submit(function() stats::lm(dist ~ speed, datasets::cars)))",
            "needs_trust",
            "The result is an R object of class lm; it is loaded only when trusted.",
        ),
        ("result(submit(function() quit(status = 3)))", "job_failed", "exit code 3"),
        (
            "result(submit(function() tools::pskill(Sys.getpid(), 9)))",
            "job_failed",
            "SIGKILL",
        ),
    ],
)
def test_bad_input_is_a_typed_condition_with_the_same_sentence(run_r, gateway, code, condition, sentence):
    caught = f"""
caught <- tryCatch({{ {code} }}, landbridge_error = function(condition) condition)
stopifnot(inherits(caught, "landbridge_{condition}"))
cat(paste(c(caught$message, caught$hint), collapse = "\\n"), conditionMessage(caught), sep = "\\n")
"""
    assert sentence in run_r(LIBRARY + caught, URL=gateway.url)


def test_the_container_is_hardened(run_r):
    code = """
probe <- function() {
  status <- readLines("/proc/self/status")
  field <- function(name) trimws(sub(".*:", "", grep(paste0("^", name, ":"), status, value = TRUE)))
  refused <- function(expression) inherits(try(suppressWarnings(expression), silent = TRUE), "try-error")
  c(
    field("CapEff"), field("NoNewPrivs"), field("Seccomp"), strsplit(field("Uid"), "\\\\s+")[[1]][[1]],
    refused(writeLines("x", "/probe")), refused(writeLines("x", "/job/job.json")),
    refused(socketConnection("172.17.0.1", 80, timeout = 2)), file.exists("/var/run/docker.sock")
  )
}
expected <- c("0000000000000000", "1", "2", "64000", "TRUE", "TRUE", "TRUE", "FALSE")
stopifnot(identical(result(submit(probe)), expected))
"""
    run_r(LIBRARY + code)
