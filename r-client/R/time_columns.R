# Times between R's doubles of seconds (or another unit) and Arrow's whole ticks. A column has either `ticks`, a double
# vector of whole counts of `unit` within 2^53, or `parts` (see time_parts()) where a double cannot hold the counts.

ticks_per_second <- c(s = 1, ms = 1e3, us = 1e6, ns = 1e9)

date_column <- function(x) {
  days <- as.double(unclass(x))
  whole <- all(is.na(days) & !is.nan(days) | is.finite(days) & days == floor(days) & abs(days) < 2^31)
  if (whole) list(type = "date32", data = as.integer(days)) else list(type = "float64", data = days)
}

time_column <- function(x, type) {
  numbers <- as.double(unclass(x))
  factor <- if (type == "datetime") 1 else difftime_units[[attr(x, "units")]]
  arrow <- list(
    type = switch(type, datetime = "timestamp", duration = "duration", time = "time64"),
    tz = if (type == "datetime") zone_of(x)
  )
  ticks <- round(numbers * factor * 1e6)
  exact <- !any(abs(ticks) >= 2^53, na.rm = TRUE) && identical(ticks / 1e6 / factor, numbers)
  if (exact && !any(is.nan(numbers))) return(c(arrow, list(ticks = ticks, unit = "us")))
  finer_column(numbers, factor, type, arrow)
}

#' The column of times that whole microseconds below 2^53 do not hold.
#' @noRd
finer_column <- function(numbers, factor, type, arrow) {
  for (unit in c("us", "ns")) {
    parts <- time_parts(numbers * factor, ticks_per_second[[unit]])
    if (unit == "ns" && (type != "datetime" || any(abs(parts$seconds) > 9e9, na.rm = TRUE))) break
    back <- time_seconds(parts) / factor
    if (identical(back, numbers)) return(c(arrow, list(parts = parts, unit = unit)))
    # Within a nanosecond: all that timestamp[ns] can tell of a double near 1970.
    if (unit == "ns" && isTRUE(all(is_missing(numbers) | abs(back - numbers) <= 1e-9))) {
      lossy <- verdict("lossy", "its times are finer than nanoseconds, and cross within one")
      return(c(arrow, list(parts = parts, unit = unit, verdict = lossy)))
    }
  }
  # Finer than Arrow's units, or NaN and infinities: the plain numbers, which the tag turns back.
  list(type = "float64", data = numbers)
}

#' Whole seconds and the count of units within the second, for codecs that write these.
#' @noRd
column_parts <- function(column) {
  if (!is.null(column$parts)) return(column$parts)
  per <- ticks_per_second[[column$unit]]
  seconds <- floor(column$ticks / per)
  list(seconds = seconds, part = column$ticks - seconds * per, per = per)
}

column_seconds <- function(column) {
  if (is.null(column$ticks)) time_seconds(column$parts) else column$ticks / ticks_per_second[[column$unit]]
}
