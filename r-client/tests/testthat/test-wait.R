test_that("two jobs are waited for over one request at a time", {
  local_gateway(
    submitted(1), submitted(2), events(12L, event(11L, 1, "running"), event(12L, 2, "succeeded")),
    events(13L, event(13L, 1, "succeeded")), job_answer(1), job_answer(2)
  )
  both <- list(submit(mean, 1), submit(mean, 2))
  expect_identical(wait(both), both)
  asked <- seen("/events")
  named <- c(paste0("&job=", job_id(1), "&job=", job_id(2)), paste0("&job=", job_id(1)))
  expect_equal(
    vapply(asked, `[[`, "", "query"), paste0(c("after=10&wait=30&ends=only", "after=12&wait=30&ends=only"), named)
  )
  expect_true(all(vapply(both, is_done, NA)))
  expect_equal(result(both[[2]]), 42)
  expect_length(seen("/events"), 2)
})

test_that("what was heard of named jobs hides nothing of others", {
  client <- local_gateway(submitted(1), submitted(2), events(12L, event(12L, 1, "succeeded")), job_answer(1))
  first <- submit(mean, 1)
  second <- submit(mean, 2)
  wait(first)
  expect_equal(client$cursor, 10)
  tell_gateway(events(11L, event(11L, 2, "failed")))
  wait(second)
  expect_equal(known_job(second)$state, "failed")
  expect_match(seen("/events")[[1]]$query, paste0("after=10&.*&job=", job_id(2), "$"))
})

test_that("many jobs are not named", {
  answers <- c(lapply(1:51, submitted), list(events(99L, event(99L, 1, "running"))))
  client <- do.call(local_gateway, answers)
  several <- lapply(1:51, function(number) submit(mean, number))
  read_events(client, 30, several, new.env())
  expect_equal(seen("/events")[[1]]$query, "after=10&wait=30&ends=only")
  expect_equal(client$cursor, 99)
})

test_that("an event from before a look changes nothing, and an end is an end", {
  client <- local_gateway(submitted())
  job <- submit(mean, 1)
  fold_event(client, event(9L, 1, "running"))
  expect_equal(known_job(job)$state, "queued")
  fold_event(client, event(11L, 1, "failed"))
  fold_event(client, event(12L, 1, "running"))
  expect_equal(known_job(job)$state, "failed")
  expect_silent(fold_event(client, event(13L, 7, "running")))
})

test_that("a look at a job later never skips events of another", {
  client <- local_gateway(submitted(), c(job_answer(2, "running"), list()))
  submit(mean, 1)
  tell_gateway(answer(paste0("/jobs/", job_id(2)), utils::modifyList(job_json(2, "running"), list(cursor = 99L))))
  get_job(job_id(2))
  expect_equal(client$cursor, 10)
})

test_that("waiting has an end with the state and the seconds", {
  local_gateway(submitted(), events(11L, event(11L, 1, "running")), events(11L), events(11L))
  job <- submit(mean, 1)
  error <- catch_error(wait(job, timeout = 0))
  expect_s3_class(error, "landbridge_wait_timeout")
  expect_equal(error$message, sprintf("Job %s is still running after 0 s.", job_id(1)))
  expect_s3_class(catch_error(result(job, timeout = 0)), "landbridge_wait_timeout")
  expect_s3_class(catch_error(wait(job, timeout = "long")), "landbridge_invalid_field")
})

test_that("an interrupt stops the waiting with one line, and not the job", {
  local_gateway(submitted(), answer("/events", list(), interrupt = Sys.getpid()))
  job <- submit(mean, 1)
  line <- "Stopped waiting; job job_0000000000000001 goes on: http.*cancel\\(\"job_0000000000000001\"\\)"
  expect_message(
    expect_equal(tryCatch(result(job), interrupt = function(interrupt) "interrupted"), "interrupted"), line
  )
  expect_equal(vapply(seen(), `[[`, "", "path"), c("/api/v1/jobs", "/api/v1/events"))
})

test_that("an answer without a cursor is refused", {
  local_gateway(submitted(), answer("/events", list(events = list())))
  expect_s3_class(catch_error(wait(submit(mean, 1))), "landbridge_bad_answer")
})

test_that("a job can be cancelled by its id, and looked at", {
  path <- paste0("/jobs/", job_id(1))
  local_gateway(
    job_answer(1, "running"), answer(paste0(path, "/cancel"), job_json(1, "cancelled"), "POST"),
    answer(paste0("/jobs/", job_id(2)), gateway_error("unknown_job", "There is no job `x`."), status = 404)
  )
  job <- cancel(job_id(1))
  expect_equal(state(job), "cancelled")
  expect_true(is_done(job))
  expect_s3_class(catch_error(get_job(job_id(2))), "landbridge_unknown_job")
  expect_s3_class(catch_error(state("nothing")), "landbridge_invalid_field")
})
