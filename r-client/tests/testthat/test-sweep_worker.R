# Folders of points, run as helper-worker.R runs those of jobs.
point_of <- function(number, ...) {
  list(
    point = number, job = sprintf("job_%016d", 100 + number), seed = 1000L + number,
    values = lapply(list(...), encode_value, sink = local_store())
  )
}

each_of <- function(column = 0L, key = NULL) list(key, list(kind = "each", column = column))

#' @param state an environment that all points are given behind their other arguments: each is a fork then
#' @noRd
run_sweep <- function(text, points, items = list(each_of()), state = NULL, ...) {
  node <- list(kind = "native", object = "obj_0000000000000001", language = "r", codec = "rds")
  if (!is.null(state)) items <- c(items, list(list(NULL, node)))
  folder <- job_folder(source_of(text, ...), items, points)
  if (!is.null(state)) saveRDS(state, file.path(folder, "in", "obj_0000000000000001.rds"))
  run_worker(folder)
}

counter <- function() list2env(list(count = 0), envir = new.env(parent = emptyenv()))

outcomes_of <- function(run) events_of(run, "outcome")

results_of <- function(run) {
  lapply(outcomes_of(run), function(event) if (!is.null(event$result)) decode_value(event$result, NULL))
}

points_of <- function(events) vapply(events, `[[`, 0L, "point")

own_log <- function(run, number, stream = "stdout") {
  event <- Filter(function(event) event$point == number, outcomes_of(run))[[1]]
  text <- paste0(paste(run[[stream]], collapse = "\n"), "\n")
  substr(text, event[[stream]][[1]] + 1, event[[stream]][[2]])
}

test_that("points run in order, with their own values and what they have in common", {
  points <- lapply(c(4L, 2L, 9L), function(number) point_of(number, number * 10))
  run <- run_sweep("fit <- function(x, by) x / by", points, list(each_of(), value_item(4, "by")))
  expect_identical(run$status, 0L)
  expect_identical(run$result, list(kind = "null"))
  expect_identical(results_of(run), list(10, 5, 22.5))
  order <- Filter(function(event) event$event %in% c("point", "outcome"), run$events)
  expect_identical(points_of(order), c(4L, 4L, 2L, 2L, 9L, 9L))
  expect_identical(vapply(order[1:2], `[[`, "", "event"), c("point", "outcome"))
})

test_that("a point's random numbers are those of its seed, alone or among others, in a fork too", {
  text <- "fit <- function(x, ...) runif(2)"
  together <- results_of(run_sweep(text, list(point_of(0L, 1), point_of(1L, 1), point_of(2L, 1))))
  expect_identical(results_of(run_sweep(text, list(point_of(1L, 1)))), together[2])
  expect_length(unique(together), 3)
  forked <- run_sweep(text, list(point_of(0L, 1), point_of(1L, 1)), state = counter())
  expect_identical(results_of(forked), together[1:2])
})

test_that("an error is its point's, with the warnings of that point alone", {
  text <- c("fit <- function(x) {", "  warning(paste('of', x))", "  if (x == 2) stop('no ', x)", "  x", "}")
  run <- run_sweep(text, lapply(1:3, function(number) point_of(number, number)))
  expect_identical(results_of(run)[c(1, 3)], list(1L, 3L))
  error <- outcomes_of(run)[[2]]$error
  expect_identical(error$message, "no 2")
  expect_identical(error$warnings, list(list(message = "of 2", category = "simpleWarning")))
  expect_identical(Filter(function(frame) !frame$ours, error$frames)[[1]]$line, 3L)
  expect_identical(points_of(events_of(run, "warning")), 1:3)
  expect_identical(own_log(run, 2L, "stderr"), "Warning in fit(x): of 2\nError: no 2\n")
})

test_that("quit() ends a point and not the sweep", {
  text <- "fit <- function(x, ...) { if (x == 2) quit(status = 3); x }"
  for (state in list(NULL, counter())) {
    run <- run_sweep(text, lapply(1:3, function(number) point_of(number, number)), state = state)
    expect_identical(run$status, 0L)
    expect_identical(outcomes_of(run)[[2]]$died, list(memory = FALSE, code = 3L, signal = NULL))
    expect_identical(results_of(run)[[3]], 3L)
  }
})

test_that("nothing that a point leaves behind is the next one's", {
  text <- c(
    "fit <- function(x) {", "  seen <- list(exists('left'), getOption('left'), Sys.getenv('LEFT'), basename(getwd()),",
    "    list.files(), getOption('digits'), Sys.getenv('TZ'), 'package:stats4' %in% search(), kept, sink.number(),",
    "    dev.cur()[[1]])",
    "  left <<- x; kept <<- 2; assign('left', x, globalenv()); options(left = x, digits = 3)",
    "  Sys.setenv(LEFT = x, TZ = 'CET'); cat('x', file = 'file'); dir.create('sub'); setwd('sub'); library(stats4)",
    "  grDevices::pdf(NULL); sink(tempfile())", "  seen", "}"
  )
  kept <- list(name = "kept", value = encode_value(1, local_store()))
  run <- run_sweep(text, list(point_of(0L, 1), point_of(1L, 2)), free = list(kept))
  seen <- results_of(run)
  expected <- list(FALSE, NULL, "", "work", character(), 7L, "UTC", FALSE, 1, 0L, 1L)
  expect_identical(seen[[1]], expected)
  expect_identical(seen[[2]], expected)
})

test_that("output that was diverted by a point, or before the first one, is not at the next", {
  text <- c(
    "divert <- function() { sink(tempfile()); sink(file(tempfile(), 'w'), type = 'message') }",
    "if (is.null(getOption('made'))) { options(made = TRUE); divert() }",
    "fit <- function(x) { seen <- c(sink.number(), sink.number('message')); if (x == 2) divert(); seen }"
  )
  seen <- results_of(run_sweep(text, lapply(1:4, function(number) point_of(number, number))))
  expect_identical(seen[2:4], rep(list(c(0L, 2L)), 3))
})

test_that("what a point does to the generators is not the next one's", {
  text <- c(
    "fit <- function(x) {", "  drawn <- list(RNGkind(), runif(1), rnorm(1), sample(100, 1)); global <- globalenv()",
    "  if (x == 1) suppressWarnings(RNGkind('Wichmann-Hill', 'Box-Muller', 'Rounding'))",
    "  if (x == 2) lockBinding('.Random.seed', global)",
    "  if (x >= 3) rm('.Random.seed', envir = global)",
    "  if (x == 3) makeActiveBinding('.Random.seed', function(state) stop('not a state'), global)",
    "  if (x == 4) { RNGkind('Marsaglia-Multicarry'); rm('.Random.seed', envir = global) }",
    "  if (x == 5) assign('.Random.seed', 'not a state', global)",
    "  drawn", "}"
  )
  points <- lapply(1:7, function(number) utils::modifyList(point_of(number, number), list(seed = 7L)))
  drawn <- results_of(run_sweep(text, points))
  expect_identical(drawn[[1]][[1]], c("Mersenne-Twister", "Inversion", "Rejection"))
  expect_length(drawn, 7)
  expect_length(unique(drawn), 1)
})

test_that("a point may close what is open, its own lines and those of the next stay", {
  text <- c(
    "fit <- function(x) {", "  landbridge::log_metric('before', x); closeAllConnections()",
    "  own <- file('own', 'w'); landbridge::log_metric('after', x); cat('mine', file = own); close(own)",
    "  readLines('own', warn = FALSE)", "}"
  )
  run <- run_sweep(text, lapply(1:2, function(number) point_of(number, number)))
  expect_identical(results_of(run), list("mine", "mine"))
  told <- vapply(run$events[-1], function(event) paste(event$event, event$name), "")
  expect_identical(told, rep(c("point ", "metric before", "metric after", "outcome "), 2))
})

test_that("options of a package that a point has loaded stay, because it sets them once", {
  skip_if_not_installed("data.table")
  text <- "fit <- function(x) { nrow(data.table::data.table(x)[x > 0]) + length(getOption('datatable.verbose')) }"
  run <- run_sweep(text, lapply(1:2, function(number) point_of(number, number)))
  expect_identical(results_of(run), list(2L, 2L))
})

test_that("an environment that points have in common is the same for each of them", {
  text <- "fit <- function(x, state) { state$count <- state$count + x; c(state$count, Sys.getpid()) }"
  found <- results_of(run_sweep(text, lapply(1:3, function(number) point_of(number, number)), state = counter()))
  expect_identical(vapply(found, `[[`, 0, 1), c(1, 2, 3))
  expect_length(unique(vapply(found, `[[`, 0, 2)), 3)
})

test_that("points over what cannot be changed share one process", {
  table <- value_item(list(list(x = 1), c(a = 1), NULL))
  text <- "fit <- function(x, table) { table[[1]]$x <- table[[1]]$x + 1; list(Sys.getpid(), table[[1]]$x) }"
  found <- results_of(run_sweep(text, list(point_of(0L, 1), point_of(1L, 1)), list(each_of(), table)))
  expect_identical(found[[1]], found[[2]])
})

test_that("a fork that dies is the death of its point", {
  text <- c(
    "fit <- function(x, state) {", "  cat('begun', x, '')", "  system('sleep 100 &')",
    "  if (x == 2) tools::pskill(Sys.getpid(), 9)", "  if (x == 3) tools::pskill(Sys.getpid(), 11)", "  x", "}"
  )
  run <- run_sweep(text, lapply(1:4, function(number) point_of(number, number)), state = counter())
  expect_identical(run$status, 0L)
  outcomes <- outcomes_of(run)
  expect_identical(points_of(outcomes), 1:4)
  expect_identical(outcomes[[2]]$died, list(memory = FALSE, code = NULL, signal = 9L))
  expect_identical(outcomes[[3]]$died$signal, 11L)
  expect_identical(results_of(run)[[4]], 4L)
  expect_identical(own_log(run, 4L), "begun 4 ")
  begun <- vapply(events_of(run, "point"), function(event) event$stdout[[1]], 0L)
  expect_identical(begun, vapply(outcomes, function(event) event$stdout[[1]], 0L))
})

test_that("a torn last line of the events is taken away, a whole one stays", {
  folder <- withr::local_tempdir()
  dir.create(file.path(folder, "out"))
  path <- file.path(folder, "out", "events.jsonl")
  for (text in c("{\"a\":1}\n{\"b\"", "{\"a\":1}\n")) {
    writeChar(text, path, eos = NULL)
    cut_torn_line(list(folder = folder))
    expect_identical(readChar(path, 100), "{\"a\":1}\n")
  }
})

test_that("what a point reports carries its number, that of child processes too", {
  script <- "landbridge::log_metric(\"child\", 2)"
  text <- c(
    "fit <- function(x) {", "  landbridge::log_metric('own', x)", "  message('note')",
    "  landbridge::save_value('v', list(x)); writeLines('a', 'f.txt'); landbridge::save_file('f.txt')",
    sprintf("  system2(file.path(R.home('bin'), 'Rscript'), c('--vanilla', '-e', shQuote('%s')))", script),
    "  landbridge::context()[c('job', 'attempt', 'seed', 'point', 'experiment')]", "}"
  )
  run <- run_sweep(text, list(point_of(0L, 1), point_of(17L, 2)))
  for (kind in c("metric", "message", "artifact", "file")) {
    expect_identical(unique(points_of(events_of(run, kind))), c(0L, 17L))
  }
  expect_identical(vapply(events_of(run, "metric"), `[[`, "", "name"), c("own", "child", "own", "child"))
  file <- events_of(run, "file")[[2]]
  expect_identical(file[c("name", "file")], list(name = "f.txt", file = "files/17-f.txt"))
  own <- list(job = "job_0000000000000117", attempt = 1L, seed = 1017L, point = 18L, experiment = "tests")
  expect_identical(results_of(run)[[2]], own)
})

test_that("a recall ends the sweep before the next point, and a cancelled point is passed over", {
  recall <- "file.create(file.path(landbridge::context()$folder, 'in', 'recall'))"
  text <- sprintf("fit <- function(x) { if (x == 2) %s; x }", recall)
  points <- lapply(0:4, function(number) point_of(number, number))
  folder <- job_folder(source_of(text), list(each_of()), points)
  dir.create(file.path(folder, "in", "cancelled"))
  file.create(file.path(folder, "in", "cancelled", "1"))
  run <- run_worker(folder)
  expect_identical(points_of(outcomes_of(run)), c(0L, 2L))
  expect_identical(run$result, list(kind = "null"))
})

test_that("a function that cannot be made is the error of the folder, and no point has begun", {
  run <- run_sweep(c("stop('not today')", "fit <- function(x) x"), list(point_of(0L, 1)))
  expect_identical(run$error$message, "not today")
  expect_null(run$result)
  expect_length(events_of(run, "point"), 0)
})

test_that("results of all kinds come back, those of text and missing ones too", {
  text <- "fit <- function(x) list('\u00e4\"', NA_real_, NaN, TRUE, NA, NULL, c(a = 1), 1e300 / 3)[[x]]"
  found <- results_of(run_sweep(text, lapply(1:8, function(number) point_of(number, number))))
  expect_identical(found, list("\u00e4\"", NA_real_, NaN, TRUE, NA, NULL, c(a = 1), 1e300 / 3))
})

test_that("objects of points do not get into each other's way", {
  skip_without_codec()
  text <- "fit <- function(x, ...) data.frame(x = x)"
  for (state in list(NULL, counter())) {
    run <- run_sweep(text, lapply(1:3, function(number) point_of(number, number)), state = state)
    objects <- vapply(outcomes_of(run), function(event) event$result$object, "")
    expect_match(objects, "^new:p[1-3]-[0-9]+-[0-9]+[.]arrow$")
    expect_length(unique(objects), 3)
  }
})
