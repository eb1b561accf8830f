test_that("outside a job a variable of the environment stands in", {
  withr::local_envvar(LANDBRIDGE_JOB_FOLDER = "", LANDBRIDGE_SECRET_DB_PASSWORD = "from the laptop")
  expect_identical(secret("db_password"), "from the laptop")
})

test_that("without it the error says how to", {
  withr::local_envvar(LANDBRIDGE_JOB_FOLDER = "", LANDBRIDGE_SECRET_DB_PASSWORD = NA)
  error <- expect_error(secret("db_password"), class = "landbridge_unknown_secret")
  expect_identical(error$message, "There is no secret `db_password` outside a job.")
  expect_identical(error$hint, "Set the variable LANDBRIDGE_SECRET_DB_PASSWORD, or submit the code as a job.")
})

test_that("a task takes one name or several", {
  sink <- list()
  for (given in list("db_password", c("db_password", "other"))) {
    node <- task_node(r("f <- function() 1", "f") |> task(secrets = given), sink)
    expect_identical(node$secrets, as.list(given))
  }
  expect_error(task(mean, secrets = 7), class = "landbridge_invalid_field")
})
