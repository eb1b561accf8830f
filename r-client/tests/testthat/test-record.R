log_answer <- function(text, offset, end = TRUE, ...) {
  headers <- list(`Landbridge-Offset` = as.character(offset), `Landbridge-Log-End` = if (end) "true")
  answer(paste0("/jobs/", job_id(1), "/log"), text = text, headers = drop_null(headers), ...)
}

test_that("logs of both streams are lists of lines", {
  local_gateway(job_answer(1), log_answer("one\ntwo\n", 8), log_answer("", 0))
  found <- logs(job_id(1))
  expect_equal(unclass(found), list(stdout = c("one", "two"), stderr = character()))
  expect_output(print(found), "stdout\none\ntwo", fixed = TRUE)
  queries <- vapply(seen(paste0("/jobs/", job_id(1), "/log")), `[[`, "", "query")
  expect_equal(queries, c("stream=stdout&tail=100", "stream=stderr&tail=100"))
})

test_that("a log in parts is read to its end, and the tail is kept", {
  parts <- list(log_answer("on", 2, FALSE), log_answer("e\ntwo\n\u00e4", 10, FALSE), log_answer("", 10, FALSE))
  do.call(local_gateway, c(list(job_answer(1)), parts))
  expect_equal(logs(job_id(1), "stdout", tail = 2), c("two", "\u00e4"))
  queries <- vapply(seen(paste0("/jobs/", job_id(1), "/log")), `[[`, "", "query")
  expect_equal(queries, c("stream=stdout&tail=2", "stream=stdout&offset=2", "stream=stdout&offset=10"))
  expect_s3_class(catch_error(logs(job_id(1), "stdin")), "landbridge_invalid_field")
})

test_that("following prints what comes until the end, over a broken connection too", {
  local_gateway(
    job_answer(1), log_answer("one\n", 4, FALSE), log_answer("", 0, FALSE, drop = TRUE), log_answer("two\n", 8)
  )
  job <- get_job(job_id(1))
  expect_output(logs(job, "stdout", follow = TRUE), "^one\ntwo$")
  queries <- vapply(seen(paste0("/jobs/", job_id(1), "/log")), `[[`, "", "query")
  expect_equal(queries, c("stream=stdout&tail=100&wait=20", rep("stream=stdout&offset=4&wait=20", 2)))
})

test_that("following ends with the gateway's error", {
  path <- paste0("/jobs/", job_id(1), "/log")
  local_gateway(job_answer(1), answer(path, gateway_error("unknown_job", "It is gone."), status = 404))
  expect_s3_class(catch_error(logs(job_id(1), "stdout", follow = TRUE)), "landbridge_unknown_job")
})

test_that("metrics and the record are frames and lists", {
  reported <- list(
    metrics = list(
      list(name = "loss", value = 0.5, step = 1, at = "2026-01-01T00:00:00.500000Z"),
      list(name = "loss", value = "NaN", step = NULL, at = "2026-01-01T00:00:01.000000Z")
    ),
    params = list(depth = 6), tags = list(stage = "trial"), progress = NULL,
    messages = list(list(text = "hello", at = "x")), warnings = list(list(message = "hm")),
    artifacts = list(list(name = "kept", value = list(kind = "scalar", type = "str", value = "yes"))),
    files = list(list(name = "a.png", object = "obj_0000000000000001", media_type = "image/png", size = 12))
  )
  path <- paste0("/jobs/", job_id(1), "/record")
  local_gateway(job_answer(1), answer(path, reported), answer(path, reported))
  job <- get_job(job_id(1))
  found <- metrics(job)
  expect_equal(found$name, c("loss", "loss"))
  expect_equal(found$value, c(0.5, NaN))
  expect_equal(found$step, c(1, NA))
  expect_equal(as.numeric(diff(found$at)), 0.5)
  kept <- record(job)
  expect_equal(kept$params$depth, 6)
  expect_equal(kept$tags, list(stage = "trial"))
  expect_equal(kept$messages, "hello")
  expect_equal(kept$artifacts, list(kept = "yes"))
  expect_equal(kept$files$size, 12)
})

test_that("lists of jobs are read page by page up to the limit", {
  brief <- function(number) job_json(number, "failed", cause = "error", submitted = "2026-01-01T00:00:00.000000Z")$job
  local_gateway(
    answer("/jobs", list(jobs = list(brief(1), brief(2)), `next` = "p2")), answer("/jobs", list(jobs = list(brief(3))))
  )
  found <- jobs(state = c("failed", "lost"), experiment = "a b&c", limit = 3)
  expect_equal(found$id, job_id(1:3))
  expect_equal(found$cause, rep("error", 3))
  expect_s3_class(found$submitted, "POSIXct")
  expect_true(all(is.na(found$ended)))
  queries <- vapply(seen("/jobs"), `[[`, "", "query")
  expect_equal(queries, c(
    "state=failed&state=lost&experiment=a%20b%26c&limit=3",
    "state=failed&state=lost&experiment=a%20b%26c&limit=1&page=p2"
  ))
})

test_that("no jobs are a frame of no rows", {
  local_gateway(answer("/jobs", list(jobs = list())))
  found <- jobs()
  expect_equal(nrow(found), 0)
  expect_true("state" %in% names(found))
})

test_that("each attempt is a row", {
  tried <- list(
    list(number = 1, state = "superseded", message = "nobody knew", seconds = 2, memory_peak = NULL, late = "result"),
    list(number = 2, state = "failed", cause = "memory", message = "too much", seconds = 3, exit_code = 137,
         memory_peak = 268435456, late = NULL)
  )
  local_gateway(job_answer(1), answer(paste0("/jobs/", job_id(1), "/attempts"), list(attempts = tried)))
  found <- attempts(get_job(job_id(1)))
  expect_equal(found$state, c("superseded", "failed"))
  expect_equal(found$cause, c(NA, "memory"))
  expect_equal(found$memory_peak, c(NA, 268435456))
  expect_equal(found$late, c("result", NA))
})
