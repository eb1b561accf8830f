test_that("an R text names its only function by itself", {
  code <- r("# how to\nfit <- function(x, depth = 2) x\nlimit <- 3\n")
  expect_equal(code$name, "fit")
  expect_named(code$formals, c("x", "depth"))
  expect_equal(code$text, "# how to\nfit <- function(x, depth = 2) x\nlimit <- 3\n")
})

test_that("a bare function expression is called f, on its own line", {
  code <- r("# above\nfunction(x) x + 1")
  expect_equal(code$name, "f")
  expect_equal(code$text, "# above\nf <- function(x) x + 1")
  expect_equal(eval(parse(text = r("\\(x) x + 1")$text))(1), 2)
})

test_that("a file is read and named", {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  writeLines(c("clean <- function(x) x", "other <- function(y) \"\u00e4\""), "clean.R", useBytes = TRUE)
  code <- r("clean.R", "clean")
  expect_equal(code$file, "clean.R")
  expect_match(code$text, "\u00e4", fixed = TRUE)
  expect_equal(catch_error(r("none.R", "clean"))$message, "There is no file `none.R`.")
  expect_match(catch_error(r("clean.R"))$hint, "`clean`, `other`", fixed = TRUE)
  error <- catch_error(r("clean.R", "claen"))
  expect_equal(error$message, "`claen` cannot be captured: clean.R does not define it.")
  expect_equal(error$hint, "Did you mean `clean`?")
})

test_that("R code that does not parse is told with its line", {
  error <- catch_error(r("f <- function(x) {\n  x +\n}", "f"))
  expect_s3_class(error, "landbridge_code_does_not_parse")
  expect_equal(error$message, "The source of `f` does not parse: unexpected '}' (line 3).")
  expect_equal(error$detail$line, 3)
  expect_match(catch_error(r("f <- function(x) {", "f"))$message, "unexpected end of input (line 1).", fixed = TRUE)
  path <- withr::local_tempfile(fileext = ".R")
  writeLines(c("f <- function(x) x", "f <- )"), path)
  told <- catch_error(r(path, "f"))$message
  expect_true(startsWith(told, paste(path, "does not parse: ")))
  expect_true(endsWith(told, " (line 2)."))
})

test_that("a Python text names its only function by itself", {
  expect_equal(python("import os\n\ndef double(x):\n    def inner(): pass\n    return 2 * x\n")$name, "double")
  expect_equal(python("async def go(): pass")$name, "go")
  expect_equal(python("f = lambda x: x")$name, "f")
  expect_equal(python("def a(): pass\ndef b(): pass\n", "b")$name, "b")
  expect_s3_class(catch_error(python("def a(): pass\ndef b(): pass\n")), "landbridge_function_not_captured")
  expect_s3_class(catch_error(python("x = 1")), "landbridge_function_not_captured")
  expect_s3_class(catch_error(python("def a(): pass", "c")), "landbridge_function_not_captured")
})

test_that("code becomes the source of the contract", {
  node <- task_node(task(python("def double(x):\n    return 2 * x\n")), NULL)
  expect_equal(node, list(language = "python", `function` = list(
    type = "source", name = "double", text = "def double(x):\n    return 2 * x\n", line = 1L
  )))
})
