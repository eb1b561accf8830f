counts_of <- function(total, succeeded = 0L, failed = 0L, ...) {
  utils::modifyList(
    list(
      total = total, waiting = 0L, queued = 0L, running = 0L, succeeded = succeeded, failed = failed, cancelled = 0L,
      lost = 0L
    ),
    list(...)
  )
}

sweep_answer <- function(total, state = "running", path = "/jobs/batch", method = "POST", ...) {
  answer(path, job_json(9, state, name = "fit", points = counts_of(total), result = NULL, ...), method, status = 201)
}

# What the gateway tells of a point that has ended, counted from 0.
ended_point <- function(number, value = NULL, state = "succeeded", ...) {
  point <- list(
    done = number + 1L, point = number, job = job_id(100 + number), state = state, seconds = 0.5, metrics = NULL
  )
  if (state == "succeeded") point$result <- encode_value(value, local_store())
  utils::modifyList(point, list(...))
}

failed_point <- function(number, message) {
  error <- list(
    type = "simpleError", classes = list("simpleError", "error", "condition"), message = message, frames = list()
  )
  ended_point(number, state = "failed", cause = "error", error = error)
}

points_answer <- function(points, counts, ended = TRUE, following = length(points)) {
  body <- list(points = points, counts = counts, "next" = following, ended = ended)
  answer(paste0("/jobs/", job_id(9), "/points"), body)
}

sent <- function() parse_protocol_json(seen("/jobs/batch")[[1]]$body)

test_that("bare vectors and lists vary, scalars and frames are common, by one call", {
  local_gateway(sweep_answer(3L))
  fit <- function(depth, rate, kept, extra) depth
  sweep <- map_jobs(fit, c(a = 1, b = NA, c = 0.1), "slow", kept = common(1:2), extra = list(1L, 2L, 3L))
  expect_s3_class(sweep, "landbridge_sweep")
  expect_length(sweep, 3)
  expect_length(seen(), 1)
  body <- sent()
  expect_equal(body$points$n, 3)
  expect_equal(body$points$columns[[1]][c("kind", "type", "n", "values")], list(
    kind = "vector", type = "float", n = 3L, values = list(1L, NULL, 0.1)
  ))
  expect_equal(body$points$columns[[2]]$values, list(1L, 2L, 3L))
  expect_equal(body$values$items[[1]], list(NULL, list(kind = "each", column = 0L)))
  expect_equal(body$values$items[[2]][[2]]$value, "slow")
  expect_equal(body$values$items[[3]][[2]]$kind, "vector")
  expect_equal(body$values$items[[4]], list("extra", list(kind = "each", column = 1L)))
  expect_equal(body$task[["function"]]$name, "fit")
})

test_that("a frame's columns are arguments, and of combinations the first name varies slowest", {
  local_gateway(sweep_answer(4L))
  map_jobs(function(depth, rate) depth, combinations(depth = c(2L, 4L), rate = c("a", "b")))
  body <- sent()
  expect_equal(lapply(body$points$columns, function(column) unlist(column$values)), list(
    c(2L, 2L, 4L, 4L), c("a", "b", "a", "b")
  ))
  expect_equal(vapply(body$values$items, `[[`, "", 1), c("depth", "rate"))
  tell_gateway(sweep_answer(2L))
  map_jobs(function(n, day) n, each(data.frame(n = 1:2, day = as.Date("2024-01-01") + 0:1)))
  expect_equal(sent()$points$columns[[2]]$values, list("2024-01-01", "2024-01-02"))
})

test_that("classes of R vary too; what is no column of single values goes as nodes", {
  local_gateway(sweep_answer(2L))
  times <- as.POSIXct("2024-01-01", tz = "UTC") + 0:1
  map_jobs(function(...) 1, factor(c("u", "v")), times, list(1:2, "x"), each(complex(2)))
  columns <- sent()$points$columns
  expect_equal(vapply(columns, `[[`, "", "kind"), c("vector", "list", "list", "vector"))
  expect_equal(columns[[1]]$tags$levels, list("u", "v"))
  expect_equal(decode_value(columns[[2]]$items[[2]][[2]], NULL), times[[2]])
  expect_equal(columns[[3]]$items[[1]][[2]]$kind, "vector")
})

test_that("what cannot be a sweep is refused before anything is sent", {
  local_gateway()
  message_of <- function(expression) catch_error(expression)$message
  expect_equal(message_of(map_jobs(sum, 1:2, c(1, 2, 3))), "`argument 1` has 2 values, and `argument 2` has 3.")
  expect_equal(message_of(map_jobs(sum, 1)), "Nothing varies from point to point.")
  expect_equal(message_of(map_jobs(task(sum, session = "job_1"), 1:2)), "A sweep cannot run in a session.")
  script <- withr::local_tempfile(fileext = ".R", lines = "1")
  expect_equal(message_of(map_jobs(script, x = 1:2)), "A script cannot be a sweep.")
  expect_equal(message_of(map_jobs(sum, each(sum))), "each() cannot go through a function.")
  told <- message_of(map_jobs(sum, x = combinations(a = 1:2)))
  expect_equal(told, "`x` is a frame, whose columns are arguments themselves.")
  expect_equal(message_of(map_jobs(sum, combinations(a = 1:2), a = 1)), "The argument `a` was given twice.")
  expect_equal(message_of(combinations(a = data.frame(b = 1))), "`a` is a frame, and combinations are made of values.")
  expect_s3_class(catch_error(map_jobs(function(x) x, y = 1:2)), "landbridge_unknown_argument")
  expect_length(seen(), 0)
})

test_that("results come in the order of points with the names of what varied, however they ended", {
  local_gateway(
    sweep_answer(3L), points_answer(list(ended_point(2L, 30)), counts_of(3L, 1L, running = 2L), FALSE, 1L),
    points_answer(list(ended_point(0L, 10), ended_point(1L, list(a = 1))), counts_of(3L, 3L), following = 3L)
  )
  sweep <- map_jobs(function(x) x, c(u = 1, v = 2, w = 3))
  expect_equal(result(sweep), list(u = 10, v = list(a = 1), w = 30))
  asked <- vapply(seen(paste0("/jobs/", job_id(9), "/points")), `[[`, "", "query")
  expect_match(asked, "^after=[01]&limit=1000&wait=30$")
  expect_equal(result(sweep[[3]]), 30)
  expect_equal(sweep[[3]]$id, job_id(102))
  expect_length(seen(), 3)
  expect_match(catch_error(sweep[[4]])$message, "The sweep has 3 points, and no point 4.", fixed = TRUE)
})

test_that("single values of all types are what they would be one by one", {
  values <- list(1L, NA, 2.5, "a", NA_character_, TRUE, NULL, NaN, 3e9, as.Date("2024-01-01"))
  points <- lapply(seq_along(values), function(i) ended_point(i - 1L, values[[i]]))
  local_gateway(sweep_answer(10L), points_answer(points, counts_of(10L, 10L)))
  expect_identical(result(map_jobs(function(x) x, 1:10)), values)
})

test_that("an error says which point of how many, can be returned, and can be left out", {
  points <- list(ended_point(0L, 1), failed_point(1L, "no two"), ended_point(2L, state = "cancelled"))
  local_gateway(sweep_answer(3L), points_answer(points, counts_of(3L, 1L, 1L, cancelled = 1L)))
  sweep <- map_jobs(function(x) x, 1:3)
  error <- catch_error(result(sweep))
  expect_s3_class(error, c("landbridge_job_failed", "simpleError"), exact = FALSE)
  expect_match(conditionMessage(error), "^Job .*1 failed[.] It is point 2 of a sweep of 3; 2 did not succeed: http")
  expect_equal(error$detail$point, 2L)
  returned <- result(sweep, on_error = "return")
  expect_equal(returned[[1]], 1)
  expect_equal(returned[[2]]$message, "no two")
  expect_s3_class(returned[[3]], "landbridge_job_cancelled")
  expect_equal(result(sweep, on_error = "skip"), list("1" = 1))
  expect_s3_class(catch_error(result(sweep, on_error = "ignore")), "landbridge_invalid_field")
})

test_that("partial results do not wait", {
  some <- points_answer(list(ended_point(1L, 5)), counts_of(3L, 1L), FALSE)
  local_gateway(sweep_answer(3L), some, points_answer(list(), counts_of(3L, 1L), FALSE))
  expect_equal(result(map_jobs(function(x) x, 1:3), partial = TRUE), list(NULL, 5, NULL))
  expect_match(seen(paste0("/jobs/", job_id(9), "/points"))[[1]]$query, "wait=0$")
})

test_that("a sweep of no points has no results", {
  local_gateway(sweep_answer(0L, "succeeded"), points_answer(list(), counts_of(0L)))
  sweep <- map_jobs(function(x) x, integer())
  expect_equal(result(sweep), list())
  expect_equal(nrow(as.data.frame(sweep)), 0)
  empty <- list(kind = "vector", type = "str", n = 0L, values = list())
  expect_equal(sent()$points, list(n = 0L, columns = list(empty)))
})

test_that("the table has what varied, the results by name, metrics and errors", {
  points <- list(
    ended_point(1L, list(loss = 2, kind = "b"), metrics = list(loss = 0.5, acc = "NaN")), failed_point(0L, "bad"),
    ended_point(2L, list(loss = 3, kind = "c"))
  )
  local_gateway(sweep_answer(3L), points_answer(points, counts_of(3L, 2L, 1L)))
  sweep <- map_jobs(function(x, by) x, c(a = 10, b = 20, c = 30), by = 1)
  expect_equal(as.data.frame(sweep), data.frame(
    point = 1:3, x = c(10, 20, 30), state = c("failed", "succeeded", "succeeded"), seconds = 0.5,
    loss = c(NA, 2, 3), kind = c(NA, "b", "c"), metric_loss = c(NA, 0.5, NA), acc = c(NA, NaN, NA),
    error = c("simpleError: bad", NA, NA)
  ))
  skip_if_not_installed("tibble")
  expect_s3_class(tibble::as_tibble(sweep), "tbl_df")
})

test_that("results that are no single values are a list", {
  points <- list(ended_point(0L, 1:2), ended_point(1L, "a"))
  local_gateway(sweep_answer(2L), points_answer(points, counts_of(2L, 2L)))
  expect_equal(as.data.frame(map_jobs(function(x) x, 1:2))$result, list(1:2, "a"))
})

test_that("a sweep is found again by its id, with what varied", {
  items <- list(list("x", list(kind = "each", column = 0L)))
  values <- function(x) list(encode_value(x, local_store()))
  points <- list(ended_point(0L, 1, values = values(5)), ended_point(1L, 2, values = values(6)))
  local_gateway(
    sweep_answer(2L, path = paste0("/jobs/", job_id(9)), method = "GET", values = list(items = items)),
    points_answer(points, counts_of(2L, 2L))
  )
  sweep <- get_job(job_id(9))
  expect_equal(as.data.frame(sweep)$x, c(5, 6))
  expect_match(seen(paste0("/jobs/", job_id(9), "/points"))[[1]]$query, "values=yes")
})

test_that("waiting has an end, an interrupt stops it and not the sweep, and progress is told", {
  waiting <- points_answer(list(), counts_of(2L, 0L), FALSE)
  local_gateway(sweep_answer(2L), waiting)
  sweep <- map_jobs(function(x) x, 1:2)
  error <- catch_error(wait(sweep, timeout = 0))
  expect_equal(error$message, sprintf("Sweep %s has not ended after 0 s: 0 of 2 points.", job_id(9)))
  tell_gateway(answer(paste0("/jobs/", job_id(9), "/points"), list(), interrupt = Sys.getpid()))
  expect_message(
    expect_equal(tryCatch(wait(sweep), interrupt = function(interrupt) "interrupted"), "interrupted"),
    "Stopped waiting; sweep job_0000000000000009 goes on: http.*cancel\\(\"job_0000000000000009\"\\)"
  )
  tell_gateway(points_answer(list(ended_point(0L, 1), failed_point(1L, "x")), counts_of(2L, 1L, 1L)))
  shown <- utils::capture.output(wait(sweep, progress = TRUE), type = "message")
  expect_match(shown, "2 of 2 points, 1 did not succeed", fixed = TRUE, all = FALSE)
})

test_that("a sweep is looked at, cancelled and printed as a job is", {
  path <- paste0("/jobs/", job_id(9))
  looked <- function() sweep_answer(2L, path = path, method = "GET")
  local_gateway(
    sweep_answer(2L), looked(), looked(), looked(), sweep_answer(2L, "cancelled", paste0(path, "/cancel")),
    answer("/jobs", list(jobs = list(job_json(101, "running")$job)))
  )
  sweep <- map_jobs(function(x) x, 1:2)
  expect_equal(state(sweep), "running")
  expect_equal(counts(sweep)[["total"]], 2)
  expect_output(print(sweep), "<landbridge sweep> fit job_0000000000000009\nstate    running\npoints   0 of 2 points")
  expect_equal(sweep[[2]]$id, job_id(101))
  expect_equal(seen("/jobs")[[1]]$query, paste0("sweep=", job_id(9), "&sort=point&point=1&limit=1"))
  expect_identical(cancel(sweep), sweep)
  expect_true(is_done(sweep))
})

test_that("a job is run again as a new job, and points are listed with their numbers", {
  local_gateway(
    submitted(1), answer(paste0("/jobs/", job_id(1), "/rerun"), job_json(2, "queued"), "POST", status = 201),
    answer("/jobs", list(jobs = list(job_json(3, point = 0L)$job), "next" = NULL))
  )
  again <- rerun(submit(mean, 1))
  expect_equal(again$id, job_id(2))
  expect_match(seen(paste0("/jobs/", job_id(1), "/rerun"))[[1]]$headers[["idempotency-key"]], "^r-")
  expect_equal(jobs(sweep = job_id(9))$point, 1L)
  expect_match(seen("/jobs")[[2]]$query, paste0("sweep=", job_id(9), "&sort=point"))
})
