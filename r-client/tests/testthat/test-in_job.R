inside_job <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  dir.create(file.path(folder, "out", "files"), recursive = TRUE)
  dir.create(file.path(folder, "out", "objects"))
  withr::local_envvar(LANDBRIDGE_JOB_FOLDER = folder, .local_envir = env)
  withr::defer({
    close(in_job_state$events$connection)
    in_job_state$events <- NULL
  }, envir = env)
  folder
}

logged <- function(folder) lapply(readLines(file.path(folder, "out", "events.jsonl")), parse_protocol_json)

test_that("outside a job nothing happens, and that is said once", {
  withr::local_envvar(LANDBRIDGE_JOB_FOLDER = NA)
  in_job_state$told <- FALSE
  expect_message(log_metric("loss", 1), "Not inside a Landbridge job")
  expect_silent({
    log_metric("loss", 1)
    log_param("depth", 6)
    set_tag("a", "b")
    progress(1)
    save_value("x", 1)
    save_file("no such file")
    log_plot("p", stop("not evaluated"))
    expect_null(landbridge::context())
  })
})

test_that("lines are whole and in order, also after user code closed the connection", {
  folder <- inside_job()
  log_metric("loss", NaN)
  close(in_job_state$events$connection) # closeAllConnections() would do so, and end the tests' own as well
  log_metric("loss \u00e9\"", 2, step = 7)
  events <- logged(folder)
  expect_identical(vapply(events, `[[`, "", "name"), c("loss", "loss \u00e9\""))
  expect_identical(events[[1]]$value, "NaN")
  expect_identical(events[[2]]$step, 7L)
})

test_that("a name is the same each time, in any encoding", {
  folder <- inside_job()
  latin <- iconv("gr\u00fcn", "UTF-8", "latin1")
  names <- c("loss", "a\"b\\c", "gr\u00fcn", latin)
  for (name in rep(names, 2)) log_metric(name, 1)
  expect_identical(vapply(logged(folder), `[[`, "", "name"), rep(enc2utf8(names), 2))
})

test_that("arguments of the wrong kind are refused by name", {
  folder <- inside_job()
  log_param("first", 1)
  refused <- function(expr) expect_error(expr, class = "landbridge_invalid_field")
  expect_match(conditionMessage(refused(log_metric("loss", "high"))), "`value` must be one number", fixed = TRUE)
  refused(log_metric("loss", NA_real_))
  refused(log_metric("", 1))
  refused(log_metric("loss", 1, step = 1.5))
  refused(log_param("depth", 1:2))
  refused(set_tag("a", NA))
  refused(progress("some"))
  refused(save_file("no such file"))
  refused(log_plot("../outside", function() NULL))
  expect_length(logged(folder), 1)
})

test_that("parameters keep their type", {
  folder <- inside_job()
  for (value in list(1L, 0.1 + 0.2, TRUE, "text", NULL)) log_param("p", value)
  log_param("p", as.Date("2024-01-01"))
  log_param("p", NaN)
  expect_identical(lapply(logged(folder), `[[`, "value"), list(1L, 0.1 + 0.2, TRUE, "text", NULL, "2024-01-01", "NaN"))
})

test_that("recorded plots and a second file of the same name are kept", {
  folder <- inside_job()
  path <- withr::local_tempfile(fileext = ".csv", lines = "a")
  save_file(path, "table.csv")
  writeLines("b", path)
  save_file(path, "table.csv")
  events <- logged(folder)
  expect_length(events, 2)
  expect_identical(events[[2]]$media_type, "text/csv")
  expect_identical(readLines(file.path(folder, "out", "files", "table.csv")), "b")
})
