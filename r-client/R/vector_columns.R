# Columns between R and Arrow, the same for both codecs. A column is a list with `type`, its data in plain R vectors,
# and a `tag` for what the Arrow type alone does not tell:
#   bool, int32, int64 (integer64), float64, complex (a struct of re and im), utf8, date32 (days), uint8 (raw): `data`
#   timestamp, duration, time64: `parts` as of time_parts(), `unit`, `tz`
#   dictionary: `codes` from 1, `levels`, `ordered`;  binary: `data`, a list of raw or NULL
#   list: `data`, a list of vectors or NULL, and `element`, the type of all elements

#' The column of a vector, or NULL when there is no exact Arrow column for it.
#' @noRd
wire_column <- function(x, path) {
  if (is.list(x) && is.null(attributes(x))) return(list_column(x, path))
  labels <- names(x)
  if (!is.null(labels)) x <- unname(x)
  type <- if (is.null(dim(x))) vector_type(x)
  if (is.null(type)) return(NULL)
  column <- switch(type,
    bool = list(type = "bool", data = x),
    int = list(type = if (inherits(x, "integer64")) "int64" else "int32", data = x),
    float = list(type = "float64", data = x),
    complex = list(type = "complex", data = x),
    str = list(type = "utf8", data = check_text(x, path)),
    bytes = list(type = "uint8", data = x),
    factor = list(
      type = "dictionary", codes = as.integer(x), levels = check_text(levels(x), path), ordered = is.ordered(x)
    ),
    date = date_column(x),
    datetime = ,
    duration = ,
    time = time_column(x, type)
  )
  if (!is.null(column)) column$tag <- c(column_tag(x, type, column), names_tag(labels, path))
  column
}

#' Names of a column's elements, such as fitted() gives; those that only count are one word.
#' @noRd
names_tag <- function(labels, path) {
  if (is.null(labels)) return(NULL)
  if (identical(labels, as.character(seq_along(labels)))) return(list(names = "sequence"))
  if (length(labels) > inline_limit) {
    cannot_cross(path, sprintf("more than %d of its elements have names", inline_limit), "Drop them with unname().")
  }
  list(names = as.list(check_text(labels, path)))
}

restore_names <- function(x, labels) {
  if (is.null(labels)) return(x)
  names(x) <- if (identical(labels, "sequence")) as.character(seq_along(x)) else texts_of(labels)
  x
}

column_tag <- function(x, type, column) {
  tag <- vector_tags(x, type)
  tag <- tag[!names(tag) %in% c("levels", "ordered", "tz")]
  if (type %in% c("bytes", "date", "datetime", "duration", "time")) tag$type <- type
  if (length(tag) > 0) tag
}

date_column <- function(x) {
  days <- as.double(unclass(x))
  whole <- all(is.na(days) & !is.nan(days) | is.finite(days) & days == floor(days) & abs(days) < 2^31)
  if (whole) list(type = "date32", data = as.integer(days)) else list(type = "float64", data = days)
}

time_column <- function(x, type) {
  numbers <- as.double(unclass(x))
  factor <- if (type == "datetime") 1 else difftime_units[[attr(x, "units")]]
  for (unit in c(us = 1e6, ns = 1e9)) {
    parts <- time_parts(seconds_of(x), unit)
    if (unit == 1e9 && (type != "datetime" || any(abs(parts$seconds) > 9e9, na.rm = TRUE))) break
    # Within a nanosecond: all that timestamp[ns] can tell of a double near 1970.
    near <- unit == 1e9 && all(is.na(numbers) & !is.nan(numbers) | abs(time_seconds(parts) - numbers) <= 1e-9)
    if (identical(time_seconds(parts) / factor, numbers) || isTRUE(near)) {
      arrow <- switch(type, datetime = "timestamp", duration = "duration", time = "time64")
      zone <- if (type == "datetime") zone_of(x)
      return(list(type = arrow, parts = parts, unit = if (unit == 1e6) "us" else "ns", tz = zone))
    }
  }
  # Finer than Arrow's units, or NaN and infinities: the plain numbers, which the tag turns back.
  list(type = "float64", data = numbers)
}

list_column <- function(x, path) {
  present <- x[!vapply(x, is.null, NA)]
  if (length(present) > 0 && all(vapply(present, function(one) is.raw(one) && is.null(attributes(one)), NA))) {
    return(list(type = "binary", data = x))
  }
  types <- unique(vapply(present, element_type, ""))
  if (length(types) == 0) types <- "bool"
  if (length(types) > 1 || is.na(types)) return(NULL)
  if (types == "utf8") x <- lapply(x, function(one) if (!is.null(one)) check_text(one, path))
  list(type = "list", data = x, element = types)
}

element_type <- function(x) {
  if (!is.atomic(x) || !is.null(attributes(x))) return(NA_character_)
  switch(typeof(x), logical = "bool", integer = "int32", double = "float64", character = "utf8", NA_character_)
}

#' The R vector of a column that a codec has read.
#' @noRd
value_of_column <- function(column, tag) restore_names(plain_value_of_column(column, tag), tag$names)

plain_value_of_column <- function(column, tag) {
  switch(column$type,
    int32 = tagged_integers(column$data, tag),
    int64 = narrow_integer64(column$data, tag),
    complex = restore_complex(column$data, tag),
    date32 = restore_class(as.double(column$data), "date", tag),
    float64 = if (is.null(tag$type)) column$data else restore_class(column$data, tag$type, tag),
    timestamp = restore_seconds(time_seconds(column$parts), "datetime", c(tag, list(tz = column$tz))),
    duration = restore_seconds(time_seconds(column$parts), "duration", tag),
    time64 = restore_seconds(time_seconds(column$parts), "time", tag),
    dictionary = structure(
      column$codes, levels = column$levels, class = c(if (isTRUE(column$ordered)) "ordered", "factor")
    ),
    column$data
  )
}

tagged_integers <- function(x, tag) {
  if (identical(tag$type, "bytes")) return(as.raw(x))
  if ("integer64" %in% unlist(tag$class)) {
    need_bit64()
    return(bit64::as.integer64(x))
  }
  x
}

#' Whole numbers in the narrowest R type that holds them all: integer, double within 2^53, integer64.
#' @noRd
narrow_integer64 <- function(x, tag) {
  if (!inherits(x, "integer64")) return(tagged_integers(x, tag))
  need_bit64()
  if ("integer64" %in% unlist(tag$class)) return(x)
  fits <- function(limit) all(is.na(x) | abs(x) <= bit64::as.integer64(limit))
  if (fits(.Machine$integer.max)) as.integer(x) else if (fits(2^53 - 1)) as.double(x) else x
}
