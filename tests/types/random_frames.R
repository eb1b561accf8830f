# Random frames of R: the same frame for the same seed, whatever was drawn before.

one_of <- function(x) x[[sample.int(length(x), 1)]]

with_missing <- function(x) {
  if (stats::runif(1) < 0.6) x[stats::runif(length(x)) < 0.25] <- NA
  x
}

texts <- function(n) {
  letters <- c("a", "Z", "0", " ", "\n", "\"", "\\", "\u00e9", "\u4e2d", "\U1F600", ",", "'")
  vapply(seq_len(n), function(i) paste(sample(letters, sample.int(5, 1) - 1, TRUE), collapse = ""), "")
}

doubles <- function(n) {
  special <- c(NaN, Inf, -Inf, 0, -0, 5e-324, .Machine$double.xmax, 1 / 3, 2^53, -2^31)
  ifelse(stats::runif(n) < 0.3, sample(special, n, TRUE), stats::rnorm(n) * 10^sample(-8:8, n, TRUE))
}

integers <- function(n) {
  ifelse(stats::runif(n) < 0.2, sample(c(-.Machine$integer.max, .Machine$integer.max), n, TRUE), sample(-9:9, n, TRUE))
}

seconds <- function(n) {
  unit <- one_of(c(1, 1e3, 1e6))
  round(stats::runif(n, -2e9, 4e9) * unit) / unit
}

labels <- function() unique(texts(sample.int(6, 1)))

cells_of <- function(n, make) {
  cells <- lapply(seq_len(n), function(i) make(sample.int(4, 1) - 1L))
  cells[stats::runif(n) < 0.2] <- list(NULL)
  cells
}

zones <- list("UTC", "Europe/Berlin", "America/New_York", "", NULL)

plain_kinds <- list(
  logical = function(n) with_missing(stats::runif(n) < 0.5),
  integer = function(n) with_missing(as.integer(integers(n))),
  double = function(n) with_missing(doubles(n)),
  character = function(n) with_missing(texts(n)),
  factor = function(n) {
    levels <- labels()
    with_missing(factor(sample(levels, n, TRUE), levels = sample(levels), ordered = stats::runif(1) < 0.3))
  },
  date = function(n) with_missing(structure(as.double(sample(-1e5:1e5, n, TRUE)), class = "Date")),
  date_integer = function(n) with_missing(structure(sample(-1e5:1e5, n, TRUE), class = "Date")),
  time = function(n) with_missing(.POSIXct(seconds(n), tz = one_of(zones))),
  complex = function(n) complex(real = stats::rnorm(n), imaginary = doubles(n))
)

kinds <- c(plain_kinds, list(
  integer64 = function(n) with_missing(bit64::as.integer64(sprintf("%.0f", stats::runif(n, -9e15, 9e15)))),
  date_fraction = function(n) with_missing(structure(stats::runif(n, -1e4, 1e4), class = "Date")),
  date_special = function(n) structure(sample(c(NaN, Inf, -Inf, NA, 1), n, TRUE), class = "Date"),
  time_integer = function(n) with_missing(.POSIXct(sample.int(2e9, n, TRUE), tz = "UTC")),
  time_now = function(n) with_missing(.POSIXct(stats::runif(n, 1.4e9, 2e9), tz = "UTC")),
  time_special = function(n) .POSIXct(sample(c(NaN, Inf, NA, 0.5), n, TRUE), tz = "UTC"),
  duration = function(n) with_missing(as.difftime(sample(-999:999, n, TRUE) / 4, units = one_of(c("secs", "mins", "hours", "days", "weeks")))),
  duration_fine = function(n) with_missing(as.difftime(stats::rnorm(n), units = "mins")),
  day_time = function(n) with_missing(hms::new_hms(sample.int(86400, n, TRUE) - 0.5)),
  raw = function(n) as.raw(sample(0:255, n, TRUE)),
  blob = function(n) cells_of(n, function(k) as.raw(sample(0:255, k, TRUE))),
  matrix = function(n) matrix(with_missing(doubles(3 * n)), n, 3),
  matrix_text = function(n) matrix(with_missing(texts(2 * n)), n, 2, dimnames = list(NULL, c("u", "v"))),
  array = function(n) array(as.integer(integers(n * 6)), c(n, 2, 3)),
  labelled = function(n) {
    structure(with_missing(stats::rnorm(n)), class = c("measure", "numeric"), unit = "kg", labels = c(low = 1, high = 2))
  },
  named = function(n) stats::setNames(with_missing(doubles(n)), texts(n))
))

for (name in names(plain_kinds)) local({
  make <- plain_kinds[[name]]
  kinds[[paste0("list_of_", name)]] <<- function(n) {
    # One set of attributes for all cells: they are cut from one vector.
    all <- make(n * 3L)
    cells_of(n, function(k) if (length(all) == 0) all else all[sample.int(length(all), min(k, length(all)))])
  }
})
kinds$frame <- function(n) {
  parts <- lapply(sample(names(plain_kinds), 2), function(name) plain_kinds[[name]](n))
  structure(stats::setNames(parts, c("p", "q")), class = "data.frame", row.names = .set_row_names(n))
}

column_names <- function(kinds) {
  names <- paste0(kinds, seq_along(kinds))
  switch(sample.int(6, 1), names[] <- texts(length(names)), names <- rev(names), names[1] <- NA)
  if (length(kinds) == 0) character() else names[seq_along(kinds)]
}

#' The frame of a seed, or some of its columns and rows.
random_frame <- function(seed, columns = NULL, rows = NULL) {
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  n <- sample(0:6, 1)
  chosen <- sample(names(kinds), sample(0:5, 1), TRUE)
  values <- lapply(chosen, function(name) kinds[[name]](n))
  frame <- structure(values, names = column_names(chosen), class = "data.frame", row.names = .set_row_names(n))
  extra <- sample.int(4, 1)
  if (extra == 1 && n > 0) attr(frame, "row.names") <- paste("row", sample(n))
  if (extra == 2) attr(frame, "note") <- texts(2)
  if (!is.null(columns)) frame <- frame[columns]
  if (!is.null(rows)) frame <- frame[rows, , drop = FALSE]
  # Tibbles and data.tables have no row names, and data.tables no columns of several columns.
  flat <- length(frame) > 0 && all(vapply(frame, function(column) is.null(dim(column)), NA))
  switch(if (extra == 1) 1L else sample.int(if (flat) 3 else 2, 1),
    frame,
    structure(frame, class = c("tbl_df", "tbl", "data.frame")),
    data.table::setDT(frame)[]
  )
}

#' NULL when the frames are identical, else the names of the columns that differ, and what else does.
differing <- function(came, expected) {
  for (name in c(".internal.selfref", "index")) {
    attr(came, name) <- NULL
    attr(expected, name) <- NULL
  }
  if (identical(came, expected)) return(NULL)
  if (!is.data.frame(came) || length(came) != length(expected)) return(list(columns = list(), rest = class(came)[[1]]))
  alike <- vapply(seq_along(expected), function(i) identical(.subset2(came, i), .subset2(expected, i)), NA)
  facts <- union(names(attributes(came)), names(attributes(expected)))
  other <- Filter(function(name) !identical(attr(came, name), attr(expected, name)), facts)
  list(
    columns = as.list(which(!alike)), rest = as.list(other),
    detail = utils::capture.output(for (i in which(!alike)) utils::str(list(was = expected[[i]], came = came[[i]])))
  )
}
