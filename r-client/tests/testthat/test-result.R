failed <- function(..., cause = "error") job_answer(1, "failed", cause = cause, error = list(...))

failing <- function(...) list(submitted(), events(11L, event(11L, 1, "failed")), failed(...))

remote_frames <- list(
  list(`function` = "run_job", file = "worker.R", line = 9L, source = list(), ours = TRUE),
  list(
    `function` = "fit", file = "train.R", line = 2L, ours = FALSE,
    source = list(list(2L, "fit <- function(x) deep(x)"))
  ),
  list(
    `function` = "deep", file = "train.R", line = 5L, ours = FALSE,
    source = list(list(4L, "deep <- function(x) {"), list(5L, "  stop(\"no\")"), list(6L, "}"))
  )
)

test_that("a result is waited for, decoded and asked for once", {
  do.call(local_gateway, c(list(submitted()), ended()))
  job <- submit(mean, 1)
  expect_equal(result(job), 42)
  expect_equal(result(job), 42)
  expect_length(seen(paste0("/jobs/", job_id(1))), 1)
})

test_that("a remote error keeps its classes, and is the parent", {
  do.call(local_gateway, failing(
    type = "my_error", classes = list("my_error", "rlang_error", "error", "condition"), message = "depth 7 is too deep",
    call = "deep(x)", frames = remote_frames, warnings = list(list(message = "hm", category = "simpleWarning")),
    session = list(language = "r", version = "4.6.1")
  ))
  caught <- tryCatch(result(submit(mean, 1)), my_error = function(error) error)
  expect_s3_class(caught, c("landbridge_job_failed", "landbridge_error", "my_error"))
  expect_equal(caught$message, "depth 7 is too deep")
  expect_equal(caught$detail$cause, "error")
  expect_s3_class(caught$parent, "my_error")
  expect_equal(conditionMessage(caught$parent), "depth 7 is too deep")
  expect_equal(conditionCall(caught$parent), quote(deep(x)))
  expect_equal(strsplit(conditionMessage(caught), "\n")[[1]], c(
    "Job job_0000000000000001 failed (r 4.6.1).", "Remote traceback, the last call raised:", "  fit  train.R:2",
    "    >    2 | fit <- function(x) deep(x)", "  deep  train.R:5", "         4 | deep <- function(x) {",
    "    >    5 |   stop(\"no\")", "         6 | }", "my_error in deep(x): depth 7 is too deep",
    "Warning before it: simpleWarning: hm"
  ))
})

test_that("an error that ends a script shows the traceback and the remote message once", {
  do.call(local_gateway, failing(
    type = "my_error", classes = list("my_error", "error", "condition"), message = "too deep", frames = remote_frames
  ))
  caught <- catch_error(result(submit(mean, 1)))
  shown <- rlang::cnd_message(caught)
  expect_match(shown, "^Job job_0000000000000001 failed\\.\n")
  expect_match(shown, "deep  train.R:5", fixed = TRUE)
  expect_length(gregexpr("too deep", shown, fixed = TRUE)[[1]], 1)
})

test_that("methods that others have for a remote class do no harm", {
  do.call(local_gateway, failing(
    type = "rlang_error", classes = list("packageNotFoundError", "error", "condition"), message = "no such package"
  ))
  caught <- tryCatch(result(submit(mean, 1)), packageNotFoundError = function(error) error)
  expect_match(conditionMessage(caught), "no such package", fixed = TRUE)
  expect_equal(conditionMessage(caught$parent), "no such package")
})

test_that("an error of Python is caught by its own classes", {
  do.call(local_gateway, failing(
    type = "ValueError", classes = list("ValueError", "Exception"), message = "bad", call = "fit(x", frames = NULL,
    session = list(language = "python", version = "3.14.2")
  ))
  caught <- tryCatch(result(submit(mean, 1)), ValueError = function(error) error)
  expect_s3_class(caught, "Exception")
  expect_null(conditionCall(caught$parent))
  expect_match(conditionMessage(caught), "ValueError in fit(x: bad", fixed = TRUE)
})

test_that("a death shows its cause, the last lines and the way out", {
  do.call(local_gateway, failing(
    type = "memory", message = "The job used more than its 64 MB.", hint = "Give it more with task(memory = ).",
    log_tail = list(stdout = list("one", "two"), stderr = "three\nfour\n"), cause = "memory"
  ))
  caught <- catch_error(result(submit(mean, 1)))
  expect_equal(caught$detail$cause, "memory")
  expect_equal(caught$hint, "Give it more with task(memory = ).")
  lines <- strsplit(conditionMessage(caught), "\n")[[1]]
  expect_equal(lines[-1], c(
    "memory: The job used more than its 64 MB.", "Last lines of stdout:", "  one", "  two", "Last lines of stderr:",
    "  three", "  four", "Give it more with task(memory = )."
  ))
})

test_that("cancelled and lost are conditions of their own", {
  reason <- list(message = "its node is gone.", hint = "Submit it again.")
  local_gateway(job_answer(1, "cancelled"), job_answer(2, "lost", error = reason))
  error <- catch_error(result(get_job(job_id(1))))
  expect_s3_class(error, "landbridge_job_cancelled")
  expect_equal(error$message, "Job job_0000000000000001 was cancelled.")
  error <- catch_error(result(get_job(job_id(2))))
  expect_s3_class(error, "landbridge_job_lost")
  expect_equal(error$message, "Job job_0000000000000002 was lost: its node is gone.")
  expect_equal(error$hint, "Submit it again.")
})

test_that("a lost job shows its last words", {
  reason <- list(message = "its node is gone.", hint = "Submit it again.", log_tail = list(stdout = list("one", "two")))
  local_gateway(job_answer(2, "lost", error = reason))
  lines <- strsplit(conditionMessage(catch_error(result(get_job(job_id(2))))), "\n")[[1]]
  expect_equal(lines[-1], c("Last lines of stdout:", "  one", "  two", "Submit it again."))
})

test_that("warnings of the job are warnings here, once", {
  noted <- list(list(message = "careful now", category = "my_warning", call = NULL))
  do.call(local_gateway, c(list(submitted()), ended(1, warnings = noted)))
  job <- submit(mean, 1)
  told <- list()
  value <- withCallingHandlers(result(job), landbridge_remote_warning = function(warning) {
    told <<- c(told, list(warning))
    invokeRestart("muffleWarning")
  })
  expect_equal(value, 42)
  expect_length(told, 1)
  expect_s3_class(told[[1]], "my_warning")
  expect_equal(conditionMessage(told[[1]]), "careful now")
  expect_silent(result(job))
})

test_that("an object of R waits for trust", {
  native <- list(kind = "native", object = "obj_0000000000000008", language = "r", codec = "rds", class = list("lm"))
  path <- withr::local_tempfile()
  saveRDS(c(a = 1), path)
  bytes <- jsonlite::base64_enc(readBin(path, "raw", 1e4))
  digest <- file_digest(path)
  local_gateway(
    job_answer(1, result = native),
    answer("/objects/obj_0000000000000008", base64 = bytes, headers = list("Landbridge-Digest" = digest))
  )
  job <- get_job(job_id(1))
  error <- catch_error(result(job))
  expect_s3_class(error, "landbridge_needs_trust")
  expect_equal(error$message, "The result is an R object of class lm; it is loaded only when trusted.")
  expect_equal(result(job, trust = TRUE), c(a = 1))
})

test_that("an object that came without a digest is never loaded", {
  native <- list(kind = "native", object = "obj_0000000000000007", language = "r", codec = "rds", class = list("lm"))
  path <- withr::local_tempfile()
  writeBin(raw(3), path)
  local_gateway(
    job_answer(1, result = native), answer("/objects/obj_0000000000000007", base64 = "AAAA"),
    answer("/objects/obj_0000000000000007/digest", list(digest = way_digest(path)))
  )
  error <- catch_error(result(get_job(job_id(1)), trust = TRUE))
  expect_s3_class(error, "landbridge_digest_mismatch")
  expect_match(error$message, "The gateway sent no digest")
})

test_that("an R without SHA-256 says that it could not check", {
  client <- list2env(list(objects = new.env(), digests = new.env()))
  file <- withr::local_tempfile(lines = "x")
  assign("obj_0000000000000006", file, envir = client$objects)
  assign("obj_0000000000000006", "sha256:00", envir = client$digests)
  expect_warning(found <- checked_path(client, "obj_0000000000000006", function(path) NULL), "cannot compute SHA-256")
  expect_identical(found, file)
})

test_that("an object of Python is a handle that shows what it is", {
  native <- list(
    kind = "native", object = "obj_0000000000000009", language = "python", codec = "pickle",
    class = list("sklearn.Ridge"), summary = list(text = "Ridge(alpha=1)")
  )
  local_gateway(job_answer(1, result = native))
  handle <- result(get_job(job_id(1)))
  expect_s3_class(handle, "landbridge_native")
  expect_output(print(handle), "python object of class sklearn.Ridge.*Ridge\\(alpha=1\\)")
})

test_that("a success without a result is refused", {
  broken <- job_json(1)
  broken$job$result <- NULL
  local_gateway(answer(paste0("/jobs/", job_id(1)), broken))
  expect_s3_class(catch_error(result(get_job(job_id(1)))), "landbridge_bad_answer")
})
