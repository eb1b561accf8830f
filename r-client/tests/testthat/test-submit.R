sent_body <- function(number = 1) parse_protocol_json(seen("/jobs")[[number]]$body)

test_that("a submission has the shape of the contract", {
  local_gateway(submitted())
  fit <- function(x, depth = 1) x * depth
  job <- fit |> task(memory = "1g", tags = c(a = "b")) |> submit(2, depth = 3L)
  expect_s3_class(job, "landbridge_job")
  expect_equal(job$id, job_id(1))
  body <- sent_body()
  expect_named(body, c("protocol", "client", "task", "values"))
  expect_equal(body$protocol, 1)
  expect_equal(body$task$language, "r")
  expect_equal(body$task[["function"]]$name, "fit")
  expect_equal(body$task$limits, list(memory = 1024^3))
  expect_length(body$values$items, 2)
  expect_null(body$values$items[[1]][[1]])
  expect_equal(body$values$items[[2]][[1]], "depth")
  expect_equal(body$values$items[[2]][[2]]$value, 3)
  headers <- seen("/jobs")[[1]]$headers
  expect_equal(headers$authorization, "Bearer lb_test")
  expect_equal(headers[["content-type"]], "application/json")
})

test_that("no arguments are an empty list, and the pipe keeps the name", {
  local_gateway(submitted(), submitted(2))
  submit(function() 1)
  double <- function(x) 2 * x
  submit(double, NULL)
  expect_match(seen("/jobs")[[1]]$body, "\"values\":{\"items\":[]}", fixed = TRUE)
  expect_equal(sent_body(1)$task[["function"]]$name, "f")
  expect_equal(sent_body(2)$task[["function"]]$name, "double")
  expect_equal(sent_body(2)$values$items, list(list(NULL, list(kind = "null"))))
})

test_that("jobs and their parts are arguments", {
  local_gateway(submitted(), submitted(2))
  first <- submit(mean, 1)
  submit(list, first, part = job_part(first, "folds", 1))
  expect_equal(sent_body(2)$values$items, list(
    list(NULL, list(kind = "job", job = job_id(1))),
    list("part", list(kind = "job", job = job_id(1), path = list("folds", 0L)))
  ))
  expect_s3_class(catch_error(job_part(first, 0)), "landbridge_invalid_field")
  expect_output(print(job_part(first, "folds", 1)), "folds > 1 of job_0000000000000001", fixed = TRUE)
})

test_that("an argument that the function does not have is told before anything is sent", {
  local_gateway()
  fit <- function(x, depth) x
  error <- catch_error(submit(fit, 1, detph = 2))
  expect_s3_class(error, "landbridge_unknown_argument")
  expect_equal(error$message, "`fit` has no argument `detph`.")
  expect_equal(error$hint, "Did you mean `depth`?")
  expect_match(catch_error(submit(fit, 1, 2, 3))$message, "takes 2 arguments, and 3 were given.", fixed = TRUE)
  expect_match(catch_error(submit(function(x) x, 1, 2))$message, "takes 1 argument, and 2 were given.", fixed = TRUE)
  expect_match(catch_error(submit(function() 1, 1))$message, "takes 0 arguments, and 1 was given.", fixed = TRUE)
  expect_s3_class(catch_error(submit(r("g <- function(x) x"), y = 1)), "landbridge_unknown_argument")
  expect_length(seen(), 0)
})

test_that("partial names, dots, and missing arguments are R's own business", {
  local_gateway(submitted(), submitted(2), submitted(3))
  fit <- function(x, depth) x
  submit(fit, 1, dep = 2)
  submit(function(...) list(...), anything = 1)
  submit(fit)
  expect_length(seen("/jobs"), 3)
})

test_that("a value that cannot cross is named by where it stands", {
  local_gateway()
  con <- textConnection("x")
  withr::defer(close(con))
  error <- catch_error(submit(identity, list(a = list(1, con))))
  expect_s3_class(error, "landbridge_value_cannot_cross")
  expect_match(error$message, "x$a[[2]]", fixed = TRUE)
})

test_that("code that the gateway cannot parse is the gateway's sentence", {
  sentence <- "train.py does not parse: '(' was never closed (line 2)."
  said <- gateway_error("code_does_not_parse", sentence, detail = list(line = 2))
  local_gateway(answer("/jobs", said, "POST", status = 422))
  error <- catch_error(submit(python("def f(x):\n    return (x\n")))
  expect_s3_class(error, "landbridge_code_does_not_parse")
  expect_equal(error$detail$line, 2)
})

test_that("variables of scripts have names, arguments have none", {
  withr::local_dir(withr::local_tempdir())
  writeLines("total = depth + 2", "report.py")
  local_gateway(submitted())
  submit(task("report.py", outputs = "total"), "fast", depth = 3)
  body <- sent_body()
  expect_equal(body$task$language, "python")
  expect_equal(body$task[["function"]]$outputs, list("total"))
  expect_equal(lapply(body$values$items, `[[`, 1), list(NULL, "depth"))
})

test_that("a call is waited for with its submission where the last one of its session was short", {
  ended <- function(number, seconds) answer("/jobs", job_json(number, seconds = seconds), "POST", status = 201)
  local_gateway(
    submitted(), ended(2, 0.01), ended(3, 0.2), ended(4, 0.01), submitted(5), submitted(6), submitted(7)
  )
  call <- function(session) submit(task(function() 1, session = session))
  first <- call("job_0000000000000099") # the first one, of which nothing is known yet
  second <- call("job_0000000000000099") # nobody has waited for the first
  expect_equal(result(second), 42)
  third <- call("job_0000000000000099")
  expect_equal(result(third), 42)
  fourth <- call("job_0000000000000099") # the third took long
  call("job_0000000000000098") # another session
  call("job_0000000000000099")
  submit(function() 1)
  queries <- vapply(seen("/jobs"), function(request) request$query, "")
  expect_equal(queries, c("", "", "wait=0.05", "", "", "wait=0.05", ""))
  # Their ends came with their acceptance.
  expect_false("/api/v1/events" %in% vapply(seen(), function(request) request$path, ""))
})

test_that("so is a job of no session", {
  ended <- function(number, seconds) answer("/jobs", job_json(number, seconds = seconds), "POST", status = 201)
  local_gateway(ended(1, 0.01), ended(2, 0.2), ended(3, 0.01), submitted(4), submitted(5))
  for (i in 1:3) expect_equal(result(submit(function() 1)), 42)
  submit(task(function() 1, session = "job_0000000000000099"))
  submit(function() 1)
  queries <- vapply(seen("/jobs"), function(request) request$query, "")
  expect_equal(queries, c("", "wait=0.05", "", "", "wait=0.05"))
})
