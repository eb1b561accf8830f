trigger <- function() unname(gc()["Vcells", "gc trigger"]) * 8

test_that("room for a large table lets R's vectors grow that far", {
  withr::defer(gc())
  bytes <- max(trigger(), 100e6)
  make_room(bytes)
  # A full collection lowers what is not used by a fifth.
  expect_gt(trigger(), 0.9 * bytes)
})

test_that("a small table needs no room", {
  before <- trigger()
  make_room(worth_room - 1)
  expect_lte(trigger(), before)
})

test_that("reading goes on where no such room is to be had", {
  expect_no_error(make_room(1e17))
})

test_that("in a container what a function makes of a table has room too, in a third of the memory", {
  expect_equal(room_for(100, memory = 1200), 300)
  expect_equal(room_for(100, memory = 600), 200)
  # What is read stays.
  expect_equal(room_for(100, memory = 300), 120)
  expect_equal(room_for(100, memory = Inf), 120)
})

test_that("the memory of a container is read from either version of control groups", {
  folder <- withr::local_tempdir()
  limit <- file.path(folder, "limit")
  told <- function(text) {
    writeLines(text, limit)
    memory_limit(c(file.path(folder, "not there"), limit))
  }
  expect_equal(told("2147483648"), 2147483648)
  expect_equal(told("max"), Inf)
  expect_equal(told("9223372036854771712"), Inf)
  expect_equal(memory_limit(file.path(folder, "not there")), Inf)
})
