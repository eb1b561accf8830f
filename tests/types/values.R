# Values of R that are no frames, the same each time.

deep <- function(levels) {
  value <- 1.5
  for (level in seq_len(levels)) value <- if (level %% 2 == 0) list(value) else list(down = value, level = level)
  value
}

values <- function() {
  list(
    nothing = NULL, true = TRUE, missing = NA, integer = 1L, integer_missing = NA_integer_, lowest = -.Machine$integer.max,
    double = 0.1 + 0.2, tiny = 5e-324, nan = NaN, double_missing = NA_real_, infinite = -Inf, zero = -0, complex = 1i,
    complex_missing = NA_complex_, text = "a\"\u00e9\n\\", empty = "", text_missing = NA_character_, raw = as.raw(c(0, 255)),
    no_raw = raw(), day = as.Date("2024-02-29"), first_day = as.Date("0001-01-01"), day_missing = as.Date(NA),
    day_integer = structure(19000L, class = "Date"), day_fraction = structure(19000.5, class = "Date"),
    time = as.POSIXct("2024-01-01 12:00:00.25", tz = "Europe/Berlin"), time_fine = .POSIXct(1700000000.1234567),
    time_before = .POSIXct(-1e-6, tz = "UTC"), time_integer = .POSIXct(1L), time_nan = .POSIXct(NaN, tz = "UTC"),
    time_zone = .POSIXct(0, tz = ""), duration = as.difftime(1 / 3, units = "hours"),
    duration_integer = as.difftime(5L, units = "days"), hms = hms::hms(3661.5), hms_outside = hms::hms(c(-5, NA, 90000)),
    integer64 = bit64::as.integer64(c("9007199254740993", NA, "-5")), named = c(a = 1, b = NA), name_missing = stats::setNames(1:2, c("a", NA)),
    doubles = c(1, NaN, NA, Inf, -0), integers = 1:3, no_integers = integer(), no_text = character(), no_logicals = logical(),
    logicals = c(TRUE, NA), texts = c(a = "x", NA), complexes = c(1 + 2i, NA), factor = factor("b", levels = c("a", "b")),
    factor_missing = factor(NA, levels = "x"), no_factor = factor(character()),
    ordered = factor(c(k = "x", l = "y"), levels = c("y", "x"), ordered = TRUE), matrix = matrix(1:6, 2),
    matrix_names = matrix(c(0.1, NA, NaN, 1), 2, dimnames = list(c("a", "b"), NULL)), no_rows = matrix(character(), 0, 3),
    matrix_dimnames = matrix(1:4, 2, dimnames = list(r = c("a", "b"), c = c("x", "y"))), cube = array(1:24, 2:4),
    line = array(1:3, 3, list(letters[1:3])), complex_matrix = matrix(c(1i, 2, 3, NA), 2), no_list = list(),
    list = list(1, "a", NULL), some_names = list(a = 1, 2), nested = list(a = list(b = NULL, c = list())),
    no_named_list = stats::setNames(list(), character()), same_names = stats::setNames(list(1, 2), c("a", "a")),
    everything = list(1:3, c(x = 1), factor("a"), as.Date("2024-01-01"), data.frame(n = c(1L, NA)), list(matrix(1:4, 2))),
    deep = deep(50), long = stats::runif(3000) > 2, long_text = rep(c("a", NA), 1500),
    long_times = .POSIXct(1.7e9 + seq_len(1500) / 7), long_names = stats::setNames(1:2000, 2000:1),
    long_matrix = matrix(sqrt(seq_len(2000)), 50), long_list = as.list(seq_len(3000))
  )
}

changed <- function(came) {
  expected <- values()
  alike <- mapply(identical, came, expected, MoreArgs = list(num.eq = FALSE))
  as.list(names(expected)[!alike])
}
