test_that("options reach the task as the contract has them", {
  tagged <- task(
    mean, runtime = "r:4.6", cpus = 2, memory = "4g", seconds = 90.2, pids = 64, disk = "1.5 GiB", network = "none",
    name = "the mean", experiment = "means", tags = c(stage = "trial"), seed = 7
  )
  node <- parse_protocol_json(protocol_json(task_node(tagged, NULL)))
  expect_equal(node$limits, list(
    cpus = 2, memory = 4 * 1024^3, seconds = 91, pids = 64, disk = 1.5 * 1024^3, network = "none"
  ))
  expect_equal(node[c("language", "runtime", "name", "experiment")], list(
    language = "r", runtime = "r:4.6", name = "the mean", experiment = "means"
  ))
  expect_equal(node$tags, list(stage = "trial"))
  expect_equal(node$seed, 7)
  expect_equal(node[["function"]], list(type = "reference", package = "base", name = "mean"))
})

test_that("what is not given is not sent", {
  expect_named(task_node(task(mean), NULL), c("language", "function"))
})

test_that("how often and after what a job is tried again is said as the contract has it", {
  node <- parse_protocol_json(protocol_json(
    task_node(task(mean, retries = 2, retry_on = c("lost", "memory", "lost")), NULL)
  ))
  expect_equal(node$retries, 2)
  expect_equal(node$retry_on, list("lost", "memory"))
  for (wrong in list(-1, 21, 1.5, "2")) {
    expect_equal(catch_error(task(mean, retries = wrong))$hint, "It is a whole number from 0 to 20.")
  }
  for (wrong in list("boredom", character(), 3)) {
    error <- catch_error(task(mean, retry_on = wrong))
    expect_match(error$message, "`retry_on` cannot be", fixed = TRUE)
    expect_equal(
      error$hint, "It is one or more of lost, engine, memory, killed, timeout, pids, disk, error."
    )
  }
})

test_that("a pipe of tasks adds up", {
  fit <- function(x) x
  piped <- fit |> task(memory = "1g", experiment = "a") |> task(cpus = 2, experiment = "b")
  expect_named(piped$options$limits, c("memory", "cpus"), ignore.order = TRUE)
  expect_equal(piped$options$experiment, "b")
  expect_equal(piped$code$name, "fit")
})

test_that("a misspelt option is told with the nearest one", {
  error <- catch_error(task(mean, memroy = "4g"))
  expect_s3_class(error, "landbridge_unknown_option")
  expect_equal(error$message, "`memroy` is not an option of task().")
  expect_equal(error$hint, "Did you mean `memory`?")
  expect_equal(catch_error(task(mean, mem = 1))$hint, "Did you mean `memory`?")
  expect_match(catch_error(task(mean, wholly_else = 1))$hint, "There are: `runtime`, `cpus`", fixed = TRUE)
  expect_match(catch_error(task(mean, "4g"))$message, "given by name", fixed = TRUE)
})

test_that("an impossible value is told with what it could be", {
  cases <- list(
    quote(task(mean, memory = "lots")), quote(task(mean, memory = -1)), quote(task(mean, cpus = 0)),
    quote(task(mean, seconds = "an hour")), quote(task(mean, network = "some")), quote(task(mean, seed = 0.5)),
    quote(task(mean, seed = 2^31)), quote(task(mean, tags = "unnamed")), quote(task(mean, name = c("a", "b")))
  )
  for (case in cases) expect_s3_class(catch_error(eval(case)), "landbridge_invalid_field")
  error <- catch_error(task(mean, memory = "lots"))
  expect_equal(error$message, "`memory` cannot be `lots`.")
  expect_equal(error$hint, "It is a number of bytes, or text such as \"4g\".")
  expect_equal(error$detail$field, "memory")
})

test_that("scripts go as they are, and only they have outputs", {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  writeLines("total <- depth + 1", "report.R")
  writeLines("total = depth", "train.py")
  node <- task_node(task("report.R", outputs = c("total", "depth")), NULL)
  expect_equal(node[["function"]], list(
    type = "script", file = "report.R", text = "total <- depth + 1", outputs = list("total", "depth")
  ))
  expect_equal(task_node(task("train.py"), NULL)$language, "python")
  expect_s3_class(catch_error(task_node(task(mean, outputs = "x"), NULL)), "landbridge_invalid_field")
  expect_equal(catch_error(task("missing.R"))$message, "There is no file `missing.R`.")
  expect_s3_class(catch_error(task("data.csv")), "landbridge_function_not_captured")
  expect_s3_class(catch_error(task(3)), "landbridge_function_not_captured")
  writeLines("total <- (", "broken.R")
  expect_s3_class(catch_error(task("broken.R")), "landbridge_code_does_not_parse")
})

test_that("a task prints what it is", {
  shown <- capture.output(print(task(mean, memory = "1k", tags = c(stage = "trial"))))
  expect_equal(shown, c("<landbridge task `mean` in R>", "  memory: 1024", "  stage: trial"))
})

test_that("on_loss and decimal are options with few words", {
  expect_identical(task(mean, decimal = "string")$options$decimal, "string")
  expect_error(task(mean, decimal = "float"), "\"double\" or \"string\"", class = "landbridge_invalid_field")
  expect_error(task(mean, on_loss = "never"), class = "landbridge_invalid_field")
})

test_that("tables arrive in the forms of the language", {
  expect_equal(task_node(task(mean, as = "arrow"), NULL)$as, "arrow")
  error <- catch_error(task(mean, as = "pandas"))
  expect_s3_class(error, "landbridge_invalid_field")
  expect_equal(error$message, "`as` cannot be `pandas`.")
  expect_equal(error$hint, "For R it is \"data.frame\", \"tibble\", \"data.table\", \"arrow\" or \"duckdb\".")
  error <- catch_error(task(python("def f(x): return x"), as = "tibble"))
  expect_equal(error$hint, "For Python it is \"pandas\", \"polars\", \"arrow\" or \"duckdb\".")
})

test_that("a package that is not here is told before user code", {
  installed <- function(package) package != "dbplyr"
  error <- catch_error(check_wanted("duckdb", installed))
  expect_s3_class(error, "landbridge_codec_missing")
  expect_equal(error$message, "The job wants its tables as \"duckdb\", and its image has no package dbplyr.")
  expect_equal(error$hint, "Use a runtime whose image has it, or leave `as` out.")
  expect_null(check_wanted(NULL))
  expect_null(check_wanted("arrow", installed))
})
