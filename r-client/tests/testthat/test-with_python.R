skip_without_client_python <- function() {
  skip_if_not_installed("reticulate")
  python <- client_python()
  skip_if(is.null(python) || !has_client(python), "no Python with the package landbridge")
}

test_that("a table goes through Python unchanged, and the process is kept", {
  skip_without_client_python()
  frame <- data.frame(n = c(1L, NA), f = factor(c("a", NA), levels = c("b", "a")), d = as.Date(c("1960-02-02", NA)))
  expect_identical(with_python("def f(d):\n    return d\n", frame), frame)
  pid <- python_state$pid
  expect_identical(with_python("def f(x, y):\n    return x - y\n", y = 1L, x = 3L), 2L)
  expect_identical(python_state$pid, pid)
})

test_that("an exception is a condition of its own classes, with Python's message", {
  skip_without_client_python()
  caught <- tryCatch(with_python("def f(x):\n    return x[5]\n", list(1)), IndexError = function(error) error)
  expect_s3_class(caught, c("landbridge_python_error", "landbridge_error"), exact = FALSE)
  expect_identical(conditionMessage(caught), "list index out of range")
  expect_identical(caught$detail$remote$frames[[length(caught$detail$remote$frames)]]$line, 2L)
})

test_that("a process that is killed is told, and the next call starts another", {
  skip_without_client_python()
  with_python("def f():\n    return 1\n")
  tools::pskill(python_state$pid, tools::SIGKILL)
  expect_error(with_python("def f():\n    return 1\n"), class = "landbridge_python_error")
  expect_identical(with_python("def f():\n    return 1\n"), 1L)
})

test_that("warnings of Python are warnings here", {
  skip_without_client_python()
  text <- "import warnings\ndef f():\n    warnings.warn('careful')\n    return 1\n"
  heard <- NULL
  value <- withCallingHandlers(with_python(text), landbridge_remote_warning = function(warning) {
    heard <<- warning
    invokeRestart("muffleWarning")
  })
  expect_identical(value, 1L)
  expect_identical(heard$message, "careful")
  expect_s3_class(heard, "UserWarning")
})

test_that("without reticulate the error names the way out", {
  skip_if(is_installed("reticulate"))
  caught <- expect_error(with_python("def f():\n    return 1\n"), class = "landbridge_codec_missing")
  expect_match(caught$hint, "runtime = \"polyglot\"", fixed = TRUE)
})

test_that("a Python that lacks the package is told", {
  skip_if_not_installed("reticulate")
  stop_python()
  withr::local_options(landbridge.bridge_python = "/bin/false")
  expect_error(with_python("def f():\n    return 1\n"), class = "landbridge_codec_missing")
})

test_that("what is no function of Python is refused before anything starts", {
  expect_error(with_python("x = 1"), class = "landbridge_function_not_captured")
  expect_error(with_python(r("function(x) x")), class = "landbridge_invalid_field")
  expect_error(with_python("def f(x):\n    return x\n", textConnection("x")), class = "landbridge_value_cannot_cross")
})

test_that("a call from Python is answered in its folder, errors too", {
  folder <- withr::local_tempdir()
  dir.create(call_objects(folder), recursive = TRUE)
  call <- function(text) {
    source <- list(type = "source", name = "f", text = text)
    task <- list(language = "r", "function" = source, on_loss = "warn")
    items <- list(list(NULL, list(kind = "scalar", type = "int", value = 20L)))
    write_json_file(list(task = task, values = list(items = items), places = list()), file.path(folder, "job.json"))
    run_call(folder)
    read_json_file(file.path(folder, "out", "answer.json"))
  }
  expect_identical(call("f <- function(x) x + 1L")$node$value, 21L)
  # The tests' own option makes errors of warnings.
  withr::local_options(warn = 0)
  heard <- call("f <- function(x) { warning('careful'); x }")
  expect_identical(heard$warnings[[1]]$message, "careful")
  capture.output(failed <- call("f <- function(x) stop('no')"), type = "message")
  expect_identical(failed$error[c("type", "message")], list(type = "simpleError", message = "no"))
  expect_null(failed$error$code)
})
