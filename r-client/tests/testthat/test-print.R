shown <- function(...) {
  withr::local_options(cli.num_colors = 1)
  local_gateway(job_answer(1, ...), job_answer(1, ...))
  format(get_job(job_id(1)))
}

test_that("a job is five lines", {
  expect_equal(shown(), c(
    "<landbridge job> fit (r:4.6) job_0000000000000001", "state    succeeded", "elapsed  1.2 s",
    "page     http://127.0.0.1/jobs/job_0000000000000001", "result   42"
  ))
})

test_that("a waiting job says what it waits for", {
  lines <- shown("waiting", note = "building r:4.6, 12 s", seconds = NULL)
  expect_equal(lines[2:3], c("state    waiting (building r:4.6, 12 s)", "elapsed  not started"))
})

test_that("a failed job shows its error", {
  lines <- shown("failed", error = list(type = "ValueError", message = "bad\nvery bad"), seconds = 3725)
  expect_equal(lines[c(3, 5)], c("elapsed  1:02:05", "error    ValueError: bad"))
})

test_that("a table shows its first rows", {
  frame <- list(
    kind = "frame", rows = 12000L, columns = list(list(name = "x", type = "int64"), list(name = "y", type = "utf8")),
    preview = list(list("1", "a"), list("20", NULL), list("3", "c"), list("4", "d"))
  )
  expect_equal(trimws(shown(result = frame)[5:9], "right"), c(
    "result   table of 12,000 rows and 2 columns", "         x  y", "         1  a", "         20 NA", "         3  c"
  ))
})

test_that("other values are told by their kind", {
  expect_equal(node_lines(list(kind = "vector", type = "float", n = 3000)), "float vector of 3,000")
  expect_equal(node_lines(list(kind = "array", type = "int", shape = list(2, 3))), "int array of 2 x 3")
  expect_equal(node_lines(list(kind = "list", shape = "named list", items = list(1, 2))), "named list of 2")
  expect_equal(node_lines(list(kind = "null")), "NULL")
})

test_that("a job whose gateway has gone shows what was known last", {
  client <- local_gateway(submitted())
  job <- submit(mean, 1)
  client$url <- "http://127.0.0.1:9"
  client$reached <- FALSE
  expect_output(print(job), "queued", fixed = TRUE)
})
