test_that("a function of source text runs with its arguments", {
  run <- run_job_of(source_of("fit <- function(x, y) x - y"), list(value_item(5), value_item(2, "y")))
  expect_identical(run$status, 0L)
  expect_identical(decode_value(run$result, NULL), 3)
  expect_null(run$error)
  expect_identical(run$events[[1]]$event, "started")
  expect_identical(run$events[[1]]$versions$r, r_version())
  expect_match(run$events[[1]]$at, "^[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z$")
})

test_that("an outcome goes into the file that is there for it, if it is empty", {
  for (left in c("", "{\"kind\": \"sca")) {
    folder <- job_folder(source_of("fit <- function() 1"))
    draft <- file.path(folder, "out", ".draft")
    cat(left, file = draft)
    expect_identical(decode_value(run_worker(folder)$result, NULL), 1)
    expect_identical(file.exists(draft), nzchar(left))
    expect_identical(list.files(file.path(folder, "out"), "^[.]result", all.files = TRUE), character())
  }
})

test_that("free names stand: values, nested sources, imports", {
  factor <- list(name = "k", value = encode_value(10, local_store()))
  helper <- source_of("helper <- function(v) v * k", "helper", free = list(factor))
  free <- list(
    list(name = "helper", source = helper),
    list(name = "middle", import = list(module = "stats", attribute = "median"))
  )
  run <- run_job_of(source_of("fit <- function(x) helper(middle(x))", free = free), list(value_item(c(1, 2, 9))))
  expect_identical(decode_value(run$result, NULL), 20)
})

test_that("packages are attached, and the seed is set", {
  text <- "fit <- function() list(is.function(mle), runif(2), Sys.getenv('TZ'), getwd())"
  run <- run_job_of(source_of(text, packages = list("stats4")))
  value <- decode_value(run$result, NULL)
  expect_true(value[[1]])
  withr::local_seed(42, .rng_kind = "Mersenne-Twister", .rng_normal_kind = "Inversion", .rng_sample_kind = "Rejection")
  expect_identical(value[[2]], stats::runif(2))
  expect_identical(value[[3]], "UTC")
  expect_false(dir.exists(value[[4]]))
})

test_that("a reference is the package's exported function", {
  run <- run_job_of(
    list(type = "reference", package = "stats", name = "median"),
    list(value_item(c(1L, 5L, NA)), value_item(TRUE, "na.rm"))
  )
  expect_identical(decode_value(run$result, NULL), 3)
})

test_that("what is printed goes to the logs: by R, by a child, by message and warning", {
  text <- c(
    "fit <- function() {", "  print('printed')", "  system('echo of the child; echo child error >&2')",
    "  message('a message')", "  warning('careful')", "  NULL", "}"
  )
  run <- run_job_of(source_of(text))
  expect_identical(run$result, list(kind = "null"))
  expect_true(all(c("[1] \"printed\"", "of the child") %in% run$stdout))
  expect_identical(run$stderr, c("child error", "a message", "Warning in fit(): careful"))
  expect_identical(events_of(run, "message")[[1]]$text, "a message")
  warning <- events_of(run, "warning")[[1]]
  expected <- list(message = "careful", category = "simpleWarning", call = "fit()")
  expect_identical(warning[names(expected)], expected)
})

test_that("an error tells its classes, its frames with the user's lines, and the warnings before it", {
  text <- c("fit <- function(x) {", "  warning('before')", "  inner(x)", "}")
  inner <- source_of(c("inner <- function(x) {", "  stop(structure(class = c('mine', 'error', 'condition'),",
    "    list(message = 'no', call = sys.call())))", "}"), "inner", "inner.R")
  run <- run_job_of(source_of(text, line = 11L, free = list(list(name = "inner", source = inner))), list(value_item(1)))
  expect_identical(run$status, 0L)
  expect_null(run$result)
  expect_identical(run$error$type, "mine")
  expect_identical(run$error$classes, list("mine", "error", "condition"))
  expect_identical(run$error$message, "no")
  frames <- user_frames(run)
  expect_identical(lapply(frames, `[[`, "function"), list("fit", "inner"))
  expect_identical(lapply(frames, `[[`, "line"), list(13L, 2L))
  expect_identical(lapply(frames, `[[`, "file"), list("fit.R", "inner.R"))
  shown <- list(list(11L, text[[1]]), list(12L, text[[2]]), list(13L, text[[3]]), list(14L, "}"))
  expect_identical(frames[[1]]$source, shown)
  expect_identical(run$error$warnings, list(list(message = "before", category = "simpleWarning")))
  expect_identical(run$error$session, list(language = "r", version = r_version()))
})

test_that("an error inside R's own code shows the line that raised it", {
  run <- run_job_of(source_of(c("fit <- function(x) {", "  y <- 1", "  x + y", "}")), list(value_item("a")))
  last <- user_frames(run)[[1]]
  expect_identical(last[c("function", "file", "line")], list("function" = "fit", file = "fit.R", line = 3L))
  expect_identical(run$error$call, "x + y")
})

test_that("a block handed to tryCatch() shows its own line", {
  text <- c("fit <- function(x) {", "  tryCatch({", "    y <- 1", "    stop('no')", "  }, finally = 1)", "}")
  run <- run_job_of(source_of(text), list(value_item("a")))
  expect_identical(user_frames(run)[[1]][c("function", "line")], list("function" = "fit", line = 4L))
})

test_that("endless recursion is an error like others", {
  run <- run_job_of(source_of("fit <- function() fit()"))
  expect_identical(run$status, 0L)
  expect_match(run$error$message, "deep|stack")
})

test_that("code that does not parse is told with its line", {
  run <- run_job_of(source_of(c("fit <- function() {", "  1 +* 2", "}"), line = 7L))
  expect_identical(run$error$type, "parseError")
  expect_identical(user_frames(run)[[1]]$line, 8L)
})

test_that("warnings that the user made errors are errors", {
  run <- run_job_of(source_of("fit <- function() { options(warn = 2); as.integer('a') }"))
  expect_match(run$error$message, "converted from warning")
})

test_that("a result that cannot cross is an error", {
  run <- run_job_of(source_of("fit <- function() list(a = stdin())"))
  expect_identical(run$error$type, "landbridge_value_cannot_cross")
  expect_match(run$error$message, "`result$a` cannot cross", fixed = TRUE)
})

test_that("native results are files that the gateway can read", {
  folder <- job_folder(source_of("fit <- function() lm(mpg ~ wt, mtcars)"))
  run <- run_worker(folder)
  expect_match(run$result$object, "^new:[a-z0-9._-]{1,80}$")
  path <- file.path(folder, "out", "objects", sub("^new:", "", run$result$object))
  expect_s3_class(readRDS(path), "lm")
  expect_true(all(file.mode(c(path, file.path(folder, "out", "result.json"))) >= as.octmode("644")))
  expect_identical(list.files(file.path(folder, "out"), "^\\.result", all.files = TRUE), character())
})

test_that("a script has its variables, its arguments and its outputs", {
  text <- c("args <- commandArgs(trailingOnly = TRUE)", "y <- x * 2", "z <- args")
  run <- run_job_of(
    list(type = "script", file = "s.R", text = paste(text, collapse = "\n"), outputs = list("y", "z")),
    list(value_item(4, "x"), value_item("one word"), value_item(0.5))
  )
  expect_identical(decode_value(run$result, NULL), list(y = 8, z = c("one word", "0.5")))
})

test_that("a script's error shows the script's line; a missing output is told", {
  script <- function(text, ...) list(type = "script", file = "s.R", text = paste(text, collapse = "\n"), ...)
  run <- run_job_of(script(c("f <- function() {", "  log('a')", "}", "f()")))
  expect_identical(lapply(user_frames(run), `[[`, "line"), list(4L, 2L))
  run <- run_job_of(script("x <- 1", outputs = list("y")))
  expect_match(run$error$message, "no variable `y`")
})

test_that("quit() ends the process with the user's status", {
  run <- run_job_of(source_of("fit <- function() quit(status = 3)"))
  expect_identical(run$status, 3L)
  expect_null(run$result)
  expect_null(run$error)
  run <- run_job_of(list(type = "script", file = "s.R", text = "quit(status = 2)"))
  expect_identical(run$status, 2L)
  run <- run_job_of(list(type = "script", file = "s.R", text = "y <- 1\nquit(status = 0)\ny <- 2", outputs = list("y")))
  expect_identical(run$status, 0L)
  expect_identical(decode_value(run$result, NULL), list(y = 1))
})

test_that("a folder that cannot be understood is exit 64 with one line, and nothing is written", {
  folder <- job_folder(source_of("fit <- function() 1"))
  writeLines("{not json", file.path(folder, "job.json"))
  run <- run_worker(folder)
  expect_identical(run$status, 64L)
  expect_length(run$errors, 1)
  expect_match(run$errors, "cannot be understood")
  expect_identical(list.files(file.path(folder, "out")), c("files", "objects"))
  run <- run_worker(file.path(folder, "none"))
  expect_identical(run$status, 64L)
  expect_length(run$errors, 1)
})

test_that("frames come in and go out through Arrow files", {
  skip_without_codec()
  store <- local_store(arrow_codec())
  node <- encode_value(iris, store)
  folder <- job_folder(source_of("fit <- function(d) d[d$Species == 'setosa', ]"), list(list(NULL, node)))
  file.copy(store$path(node$object), file.path(folder, "in"))
  run <- run_worker(folder)
  expect_null(run$error)
  path <- function(id) file.path(folder, "out/objects", sub("new:", "", id))
  back <- decode_value(run$result, list(path = path, arrow = arrow_codec()))
  expect_identical(back, iris[iris$Species == "setosa", ])
})

test_that("the in-job API writes events, values, files and plots", {
  text <- c(
    "fit <- function(path) {", "  log_metric('loss', 0.1 + 0.2, 3)", "  log_metric('worst', -Inf)",
    "  log_param('depth', 6L)",
    "  set_tag('stage', 'test \"quoted\"')", "  progress(1, 4, 'one')", "  save_value('coefs', c(a = 1))",
    "  writeLines('content', 'note.txt')", "  save_file('note.txt')", "  log_plot('curve', function() plot(1:3))",
    "  context()", "}"
  )
  folder <- job_folder(source_of(text, packages = list("landbridge")), list(value_item("x")))
  run <- run_worker(folder)
  expect_null(run$error)
  metrics <- events_of(run, "metric")
  expect_identical(metrics[[1]][c("name", "value", "step")], list(name = "loss", value = 0.1 + 0.2, step = 3L))
  expect_identical(metrics[[2]][c("value", "step")], list(value = "-Infinity", step = NULL))
  expect_identical(events_of(run, "param")[[1]]$value, 6L)
  expect_identical(events_of(run, "tag")[[1]]$value, "test \"quoted\"")
  expected <- list(done = 1L, total = 4L, message = "one")
  expect_identical(events_of(run, "progress")[[1]][names(expected)], expected)
  expect_identical(decode_value(events_of(run, "artifact")[[1]]$value, NULL), c(a = 1))
  files <- events_of(run, "file")
  expect_identical(vapply(files, `[[`, "", "file"), c("files/note.txt", "files/curve.png"))
  expect_identical(readLines(file.path(folder, "out/files/note.txt")), "content")
  expect_identical(readBin(file.path(folder, "out/files/curve.png"), "raw", 4), as.raw(c(0x89, 0x50, 0x4e, 0x47)))
  found <- decode_value(run$result, NULL)
  expected <- list(job = "job_0123456789abcdef", experiment = "tests", tags = list(kind = "unit"))
  expect_identical(found[names(expected)], expected)
})
