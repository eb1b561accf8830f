skip_if_not_installed("promises")
skip_if_not_installed("later")

run_until <- function(done) {
  while (!done()) later::run_now(timeoutSecs = 5)
}

test_that("jobs are promises that one waiting request keeps", {
  local_gateway(
    submitted(1), submitted(2), events(12L, event(11L, 1, "succeeded"), event(12L, 2, "failed")), job_answer(1),
    job_answer(2, "failed", error = list(type = "my_error", classes = list("my_error"), message = "no"))
  )
  told <- list()
  promises::then(submit(mean, 1), function(value) told$value <<- value)
  promises::catch(submit(mean, 2), function(error) told$error <<- error)
  run_until(function() length(told) == 2)
  expect_equal(told$value, 42)
  expect_s3_class(told$error, "my_error")
  expect_length(seen("/events"), 1)
})

test_that("a gateway that goes away breaks the promise", {
  client <- local_gateway(submitted(), answer("/events", gateway_error("unauthorized", "Not any more."), status = 401))
  told <- NULL
  promises::catch(submit(mean, 1), function(error) told <<- error)
  run_until(function() !is.null(told))
  expect_s3_class(told, "landbridge_unauthorized")
  expect_null(client$pool)
})
