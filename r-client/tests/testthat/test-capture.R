# The captured function as a worker makes it from the JSON of its task.
rebuilt <- function(f, name = "f", store = local_store(env = parent.frame())) {
  node <- parse_protocol_json(protocol_json(capture_function(f, name, store)))
  if (node$type == "reference") return(getExportedValue(node$package, node$name))
  make_function(function_plan(node, store))
}

user_code <- function(text, env = new.env(parent = globalenv()), keep = FALSE) {
  eval(parse(text = text, keep.source = keep), env)
  env
}

free_of <- function(node) stats::setNames(node$free, vapply(node$free, `[[`, "", "name"))

test_that("exported functions and primitives go by name", {
  median <- list(type = "reference", package = "stats", name = "median")
  expect_equal(capture_function(stats::median, "median", NULL), median)
  renamed <- stats::sd
  expect_equal(capture_function(renamed, "renamed", NULL)$name, "sd")
  expect_equal(capture_function(`+`, "f", NULL), list(type = "reference", package = "base", name = "+"))
  expect_equal(capture_function(paste, "paste", NULL)$package, "base")
})

test_that("a function brings its helpers and its data", {
  env <- user_code("
    threshold <- 3; table <- list(a = 1, b = 'x')
    helper <- function(x) x * threshold
    fit <- function(x, y = threshold) helper(x) + y + table$a
  ")
  node <- capture_function(env$fit, "fit", local_store())
  free <- free_of(node)
  expect_setequal(names(free), c("threshold", "table", "helper"))
  expect_equal(free$helper$source$name, "helper")
  expect_equal(free$threshold$value, list(kind = "scalar", type = "float", value = free$threshold$value$value))
  expect_gt(as.numeric(plain_json(free$table$size)), 0)
  expect_equal(rebuilt(env$fit, "fit")(2), 10)
})

test_that("closures bring what they closed over", {
  adder <- function(n) function(x) x + n
  add <- adder(5)
  expect_equal(rebuilt(add, "add")(1), 6)
  expect_equal(rebuilt(function(x) x + 1)(1), 2)
})

test_that("functions that call themselves or each other arrive whole", {
  env <- user_code("
    limit <- 100
    even <- function(n) if (n == 0) TRUE else odd(n - 1)
    odd <- function(n) if (n == 0 || n > limit) FALSE else even(n - 1)
    fact <- function(n) if (n <= 1) 1 else n * fact(n - 1)
  ")
  expect_true(rebuilt(env$even, "even")(10))
  expect_false(rebuilt(env$even, "even")(11))
  expect_equal(rebuilt(env$fact, "fact")(5), 120)
  expect_equal(rebuilt(env$fact, "factorial_of")(5), 120)
})

test_that("many helpers that share helpers do not multiply", {
  lines <- sprintf("h%d <- function(x) h%d(x) + h%d(x)", 2:20, 1:19, 1:19)
  env <- user_code(paste(c("h1 <- function(x) x", lines), collapse = "\n"))
  node <- capture_function(env$h20, "h20", local_store())
  expect_lt(nchar(protocol_json(node)), 10000)
  expect_equal(rebuilt(env$h20, "h20")(1), 2^19)
})

test_that("names in formulas and lambdas are found, columns are left alone", {
  env <- user_code("
    helper <- function(x) x + 1
    lambda <- function() rlang::as_function(~ helper(.x))(1)
    narrow <- function(d) subset(d, nowhere_defined > 1)
  ")
  expect_equal(rebuilt(env$lambda, "lambda")(), 2)
  expect_null(capture_function(env$narrow, "narrow", local_store())$free)
})

test_that("the user's own methods come with the generics that are called", {
  env <- user_code("
    area <- function(shape) UseMethod('area')
    area.square <- function(shape) side(shape)^2
    side <- function(shape) shape$side
    format.square <- function(x, ...) 'a square'
    f <- function(side) { s <- structure(list(side = side), class = 'square'); list(area(s), format(s), length(s)) }
  ")
  expect_equal(rebuilt(env$f)(3), list(9, "a square", 1L))
})

test_that("attached packages are attached again, in their order", {
  env <- user_code("f <- function() { test_that; expect_true(TRUE); task; median(1) }")
  attached <- intersect(rev(sub("package:", "", search())), c("testthat", "landbridge"))
  expect_equal(unlist(capture_function(env$f, "f", local_store())$packages), attached)
})

test_that("functions of packages that stand under other names are imported", {
  env <- user_code("middle <- stats::median; f <- function(x) middle(x)")
  free <- free_of(capture_function(env$f, "f", local_store()))
  expect_equal(free$middle$import, list(module = "stats", attribute = "median"))
  expect_equal(rebuilt(env$f)(c(1, 5, 9)), 5)
})

test_that("internal functions of packages are taken from there", {
  internal <- getFromNamespace("format_perc", "stats")
  node <- capture_function(internal, "f", local_store())
  expect_equal(node$text, "f <- stats:::format_perc")
  expect_equal(rebuilt(internal)(0.5), internal(0.5))
})

test_that("the text is the user's own where it is known", {
  path <- withr::local_tempfile(fileext = ".R")
  writeLines(c("# a comment", "", "fit <- function(x) {", "  # kept", "  x + 1", "}"), path)
  env <- new.env(parent = globalenv())
  source(path, local = env, keep.source = TRUE)
  node <- capture_function(env$fit, "fit", local_store())
  expect_equal(node$text, "fit <- function(x) {\n  # kept\n  x + 1\n}")
  expect_equal(node$line, 3)
  expect_equal(basename(node$file), basename(path))
})

test_that("a source reference that is out of date is not believed", {
  env <- user_code("f <- function(x) x + 1", keep = TRUE)
  body(env$f) <- quote(x + 2)
  attr(env$f, "srcref") <- attr(user_code("f <- function(x) x + 1", keep = TRUE)$f, "srcref")
  node <- capture_function(env$f, "f", local_store())
  expect_null(node$file)
  expect_equal(rebuilt(env$f)(1), 3)
})

test_that("code without a source reference is deparsed exactly", {
  env <- user_code("`odd name` <- function(x = 1L) x + 0.1 + 1e-300 + NA_integer_")
  expect_equal(body(rebuilt(env$`odd name`, "odd name")), body(env$`odd name`), ignore_attr = TRUE)
  expect_equal(formals(rebuilt(env$`odd name`, "odd name")), formals(env$`odd name`))
})

test_that("what is bound to this session is refused by its name", {
  con <- textConnection("x")
  withr::defer(close(con))
  cases <- list(
    list(con, "a connection"), list(new.env(), "an environment with state"),
    list(rlang::new_weakref(new.env()), "a weak reference"),
    list(structure(list(id = job_id(1)), class = "landbridge_job"), "a job")
  )
  for (case in cases) {
    env <- user_code("reads <- function() con")
    env$con <- case[[1]]
    error <- catch_error(capture_function(env$reads, "reads", local_store()))
    expect_s3_class(error, "landbridge_function_not_captured")
    expect_equal(error$message, sprintf("`reads` cannot be captured: it uses `con`, and it is %s.", case[[2]]))
    expect_true(nzchar(error$hint))
  }
})

test_that("code that holds an object is refused", {
  f <- eval(bquote(function() .(new.env())))
  expect_match(catch_error(capture_function(f, "f", local_store()))$message, "holds an object", fixed = TRUE)
})

test_that("much data behind a function is told with the largest", {
  env <- user_code("f <- function() c(length(big), small)")
  env$big <- as.list(seq_len(2e5))
  env$small <- 1
  store <- local_store()
  # Only the warning is of interest, not 200,000 nodes.
  store$put <- function(extension, write) "obj_0000000000000001"
  expect_warning(capture_function(env$f, "f", store), "the largest is `big`", class = "landbridge_large_capture")
})
