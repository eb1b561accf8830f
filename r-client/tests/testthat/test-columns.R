# Columns beyond numbers, text and times, through the codec of this machine.

columns_store <- function(env = parent.frame()) local_store(arrow_codec(), env = env)

with_column <- function(x) {
  frame <- data.frame(id = seq_len(NROW(x)))
  frame$x <- x
  frame
}

test_that("lists of every type come back identical", {
  skip_without_codec()
  store <- columns_store()
  day <- as.Date("2024-02-29")
  at <- as.POSIXct("2024-01-01 12:00:00.25", tz = "Asia/Tokyo")
  lists <- list(
    list(1:2, NULL, integer()), list(1.5, c(NA, NaN), NULL), list("a", character(), c(NA, "\u00e9")),
    list(TRUE, NA, NULL), list(day, c(day, NA), NULL), list(at, at + c(0, NA), at[0]),
    list(as.difftime(1.5, units = "hours"), NULL, NULL),
    list(factor("a", c("a", "b")), factor(c(NA, "b"), c("a", "b")), NULL), list(1i, c(NA, 2i), complex()),
    list(list(1:2, NULL), list(), NULL), list(list(list("deep"))),
    list(c(a = 1, b = 2), c(3, 4), NULL), list(as.raw(1:3), raw(), NULL), list(NULL, NULL),
    list(structure(c(1, 2), class = "point"), NULL, structure(3, class = "point")),
    list(structure(1L, unit = "m"), structure(2:3, unit = "m"), NULL),
    list(data.frame(u = 1:2, v = c("x", NA)), data.frame(u = integer(), v = character()), NULL), list()
  )
  for (x in lists) expect_round_trip(with_column(x), store)
  expect_round_trip(with_column(I(list(1:2, 3L))), store)
})

test_that("frames and matrices inside a frame come back identical", {
  skip_without_codec()
  store <- columns_store()
  inner <- data.frame(a = c(1L, NA), b = c("x", "y"), at = as.Date(c("2024-01-01", NA)), f = factor(c("u", NA)))
  expect_round_trip(with_column(inner), store)
  inner$deeper <- data.frame(re = c(1, NA), im = c(0, 2))
  inner$m <- matrix(c(1.5, 2, NA, 4), 2)
  expect_round_trip(with_column(inner), store)
  matrices <- list(
    matrix(1:6, 2), matrix(c("a", NA, "c", "d"), 2), matrix(c(TRUE, NA), 2, 1), array(1:24 / 7, c(2, 3, 4)),
    matrix(1:4, 2, dimnames = list(NULL, c("p", "q"))), matrix(1:4, 2, dimnames = list(c("1", "2"), NULL)),
    matrix(1:4, 2, dimnames = list(rows = c("r", "s"), cols = c("p", "q")))
  )
  matrices <- c(matrices, list(array(c(1.5, NA)), array(1:2, dimnames = list(c("a", "b"))), table(c("a", "b"))))
  matrices[[length(matrices)]] <- unclass(matrices[[length(matrices)]])
  for (x in matrices) {
    frame <- data.frame(id = 1:2)
    frame$x <- x
    expect_round_trip(frame, store)
  }
  empty <- data.frame(id = integer())
  empty$x <- matrix(numeric(), 0, 3)
  expect_round_trip(empty, store)
})

test_that("classes and attributes of columns come back", {
  skip_without_codec()
  store <- columns_store()
  labelled <- structure(
    c(1, 2, NA), labels = c(yes = 1, no = 2), label = "Answer", class = c("haven_labelled", "vctrs_vctr", "double")
  )
  columns <- list(
    labelled, structure(1:3, class = "mine"), structure(c("a", "b", NA), units = "kg"),
    structure(as.Date("2024-01-01") + 0:2, class = c("period", "Date")),
    structure(list(as.raw(1), NULL, raw()), ptype = raw(), class = c("blob", "vctrs_list_of", "vctrs_vctr", "list")),
    structure(factor(c("a", NA, "b")), contrasts = "contr.sum"), addNA(factor(c("a", NA, "b"))),
    stats::setNames(c(1.5, 2, 3), c("x", "y", NA)), stats::setNames(factor(1:3), 1:3)
  )
  for (x in columns) {
    frame <- data.frame(id = 1:3)
    frame$x <- x
    expect_round_trip(frame, store)
  }
  function_inside <- structure(1:3, transform = function(x) x + 1, class = "scaled")
  frame <- data.frame(id = 1:3)
  frame$x <- function_inside
  back <- round_trip(frame, store, trust = TRUE)
  expect_identical(attr(back$x, "transform")(1), 2)
  expect_s3_class(back$x, "scaled")
  expect_warning(round_trip(frame, store), class = "landbridge_loss_warning")
})

test_that("frames of other classes come back as they were", {
  skip_without_codec()
  store <- columns_store()
  expect_round_trip(structure(data.frame(a = 1:2), class = c("special", "data.frame"), note = "kept"), store)
  # Its formula's environment is one that every session has.
  model <- local(stats::model.frame(mpg ~ wt, datasets::mtcars), globalenv())
  back <- round_trip(model, store, trust = TRUE)
  expect_equal(back, model)
  expect_identical(class(suppressWarnings(round_trip(model, store))), "data.frame")
  skip_if_not_installed("dplyr")
  expect_round_trip(dplyr::group_by(tibble::as_tibble(mtcars), cyl, gear), store)
  expect_round_trip(dplyr::rowwise(tibble::tibble(a = 1:2)), store)
})

test_that("broken-down times are instants on the way", {
  skip_without_codec()
  store <- columns_store()
  frame <- data.frame(id = 1:2)
  frame$x <- as.POSIXlt(c("2024-07-01 12:00:00", NA), tz = "Europe/Paris")
  back <- round_trip(frame, store)
  expect_s3_class(back$x, "POSIXlt")
  expect_identical(as.POSIXct(back$x), as.POSIXct(frame$x))
})

test_that("a column without an Arrow type makes the frame an object of R, and Python's readers refuse it", {
  skip_without_codec()
  store <- columns_store()
  models <- with_column(list(1, "a"))
  expect_identical(encode_value(models, store, "x")$kind, "native")
  expect_round_trip(models, store, trust = TRUE)
  store$reader <- "python"
  refusal <- function(column) {
    expect_error(encode_value(with_column(column), store, "x"), class = "landbridge_value_cannot_cross")
  }
  mixed <- refusal(list(1L, NULL, "a"))
  expect_identical(
    conditionMessage(mixed),
    paste0(
      "`x$x` cannot cross: its cells are not of one type: it mixes integer (row 1) and character (row 3).\n",
      "Convert the column, or send it apart from the frame."
    )
  )
  expect_identical(mixed$detail, list(column = "x", row = 3L))
  expect_match(conditionMessage(refusal(list(1, sum))), "a function, which has no Arrow type (row 2)", fixed = TRUE)
  expect_match(conditionMessage(refusal(list(1L, 2.5))), "it mixes integer (row 1) and double (row 2)", fixed = TRUE)
  expect_match(conditionMessage(refusal(list(stats::lm(mpg ~ wt, mtcars)))), "`x$x` cannot cross", fixed = TRUE)
})

test_that("text that is not UTF-8 is refused by column and row", {
  skip_without_codec()
  bad <- c("a", "b\xff")
  Encoding(bad) <- "bytes"
  for (column in list(bad, `Encoding<-`(c("ok", "\xff\xfe"), "UTF-8"), list("a", `Encoding<-`("\xff", "UTF-8")))) {
    frame <- with_column(column)
    error <- expect_error(encode_value(frame, columns_store(), "x"), class = "landbridge_value_cannot_cross")
    expect_identical(error$detail$row, 2L)
    expect_match(conditionMessage(error), "its text is not valid UTF-8 (row 2)", fixed = TRUE)
  }
})

test_that("a loss is told once, refused or let go, as on_loss says", {
  skip_without_codec()
  store <- columns_store()
  fine <- data.frame(t = .POSIXct(c(1 / 3, NA), tz = "UTC"))
  node <- NULL
  expect_warning(node <- encode_value(fine, store, "x"), class = "landbridge_loss_warning")
  expect_identical(node$columns[[1]]$verdict, "lossy")
  expect_match(node$columns[[1]]$reason, "finer than nanoseconds")
  store$on_loss <- "allow"
  expect_no_warning(encode_value(fine, store, "x"))
  store$on_loss <- "error"
  expect_error(encode_value(fine, store, "x"), "and `on_loss` is \"error\"", class = "landbridge_value_cannot_cross")
})
