# Which R vectors the protocol knows, and how their elements stand in JSON. The facts that only R has ride in `tags`.

difftime_units <- c(secs = 1, mins = 60, hours = 3600, days = 86400, weeks = 604800)

#' The protocol's type of an atomic R vector, or NULL when its class or attributes are not in the table.
#' @noRd
vector_type <- function(x) {
  if (!is.atomic(x) || is.null(x)) return(NULL)
  class_key <- paste(oldClass(x), collapse = "/")
  type <- switch(class_key,
    Date = "date",
    "POSIXct/POSIXt" = "datetime",
    difftime = ,
    "hms/difftime" = duration_type(x),
    factor = ,
    "ordered/factor" = if (!anyNA(levels(x))) "factor",
    integer64 = "int",
    if (is.null(oldClass(x))) base_type(x)
  )
  if (is.null(type) || isS4(x)) return(NULL)
  own <- switch(type, datetime = "tzone", duration = , time = "units", factor = "levels")
  known <- c("names", "dim", "dimnames", "class", own)
  if (length(setdiff(names(attributes(x)), known)) > 0) return(NULL)
  if (!is.null(oldClass(x)) && !is.null(dim(x))) return(NULL)
  if (type == "bytes" && !is.null(attributes(x))) return(NULL)
  if (type == "complex" && is.null(missing_imaginary(x))) return(NULL)
  type
}

# Missing, and not NaN.
is_missing <- function(x) is.na(x) & !is.nan(x)

#' The imaginary part of all missing elements: NA, or 0 as in as.complex(NA) since R 4.4. NULL when they differ.
#' @noRd
missing_imaginary <- function(x) {
  missing <- is_missing(Re(x))
  if (any(is_missing(Im(x[!missing])))) return(NULL)
  parts <- Im(x[missing])
  if (all(is_missing(parts))) NA_real_ else if (all(parts %in% 0)) 0
}

restore_complex <- function(x, tags) {
  missing <- is_missing(Re(x))
  x[missing] <- if (is.null(tags$imaginary)) NA_complex_ else complex(real = NA, imaginary = tags$imaginary)
  x
}

base_type <- function(x) {
  switch(typeof(x),
    logical = "bool", integer = "int", double = "float", complex = "complex", character = "str", raw = "bytes"
  )
}

duration_type <- function(x) {
  unit <- attr(x, "units")
  if (!is.character(unit) || length(unit) != 1 || !unit %in% names(difftime_units)) return(NULL)
  seconds <- unclass(x)
  if (inherits(x, "hms") && all(is.na(seconds) | (seconds >= 0 & seconds < 86400))) "time" else "duration"
}

#' What R knows of a vector beyond its type: class, storage, units, zone, levels. NULL when there is nothing.
#' @noRd
vector_tags <- function(x, type) {
  tags <- list()
  if (inherits(x, "integer64")) tags$class <- list("integer64")
  if (inherits(x, "hms")) tags$class <- list("hms")
  if (type %in% c("date", "datetime", "duration", "time") && is.integer(x)) tags$storage <- "integer"
  if (type == "duration") tags$units <- attr(x, "units")
  if (type == "time" && !inherits(x, "hms")) tags$units <- attr(x, "units")
  if (type == "datetime") {
    tags$tz <- zone_of(x)
    tags["tzone"] <- list(if (!is.null(attr(x, "tzone"))) as.list(attr(x, "tzone")))
  }
  if (type == "complex" && !is.na(missing_imaginary(x))) tags$imaginary <- 0
  if (type == "factor") {
    tags$levels <- as.list(as_utf8(levels(x)))
    tags$ordered <- is.ordered(x)
  }
  if (length(tags) > 0) tags
}

zone_of <- function(x) {
  zone <- attr(x, "tzone")[1]
  if (is.null(zone) || is.na(zone) || zone == "") "UTC" else zone
}

seconds_of <- function(x) {
  seconds <- as.double(unclass(x))
  unit <- attr(x, "units")
  if (is.null(unit)) seconds else seconds * difftime_units[[unit]]
}

#' The elements of a vector as a list ready for JSON, NULL for missing.
#' @noRd
json_elements <- function(x, type, path) {
  x <- unname(x)
  switch(type,
    bool = null_for_missing(as.vector(x)),
    int = if (inherits(x, "integer64")) integer64_elements(x) else null_for_missing(as.vector(x)),
    float = verbatim_list(json_floats(as.vector(x))),
    complex = lapply(as.vector(x), complex_element),
    str = text_or_null(check_text(as.vector(x), path)),
    date = text_or_null(date_texts(x)),
    datetime = ,
    duration = ,
    time = verbatim_list(tick_texts(time_parts(seconds_of(x), 1e6))),
    factor = text_or_null(check_text(as.character(x), path))
  )
}

null_for_missing <- function(x) lapply(x, function(one) if (is.na(one)) NULL else one)

complex_element <- function(one) {
  if (is_missing(Re(one))) return(NULL)
  parts <- verbatim_list(json_floats(c(Re(one), Im(one))))
  list(re = parts[[1]], im = parts[[2]])
}

integer64_elements <- function(x) {
  need_bit64()
  small <- !is.na(x) & abs(x) <= bit64::as.integer64(2^53)
  texts <- bit64::as.character.integer64(x)
  lapply(seq_along(texts), function(i) {
    if (is.na(texts[[i]])) NULL else if (small[[i]]) verbatim_json(texts[[i]]) else texts[[i]]
  })
}

date_texts <- function(x) {
  days <- floor(as.double(unclass(x)))
  parts <- as.POSIXlt(structure(days, class = "Date"))
  known <- is.finite(days) & days >= -719162 & days <= 2932896
  texts <- sprintf("%04d-%02d-%02d", as.integer(parts$year + 1900), as.integer(parts$mon + 1), as.integer(parts$mday))
  ifelse(known, texts, NA_character_)
}

#' The vector of a type from the elements of its JSON list; the opposite of json_elements() and vector_tags().
#' @noRd
vector_of_elements <- function(values, type, tags) {
  exact <- tags$exact
  if (!is.null(exact)) return(restore_class(floats_of(exact), type, tags))
  missing <- vapply(values, is.null, NA)
  switch(type,
    bool = vapply(values, function(one) if (is.null(one)) NA else as.logical(one), NA, USE.NAMES = FALSE),
    int = integers_of(values, tags),
    float = floats_of(values),
    decimal = floats_of(values),
    complex = restore_complex(complexes_of(values), tags),
    str = texts_of(values),
    bytes = lapply(values, function(one) if (!is.null(one)) jsonlite::base64_dec(one)),
    date = restore_class(days_of(texts_of(values)), type, tags),
    datetime = ,
    duration = ,
    time = restore_seconds(time_seconds(ticks_of(values)), type, tags),
    factor = factor(texts_of(values), levels = texts_of(tags$levels), ordered = isTRUE(tags$ordered)),
    abort_landbridge("bad_answer", sprintf("A value has the type `%s`, which this version does not know.", type))
  )
}

days_of <- function(texts) as.double(unclass(as.Date(texts, format = "%Y-%m-%d")))

complexes_of <- function(values) {
  part <- function(name) vapply(values, function(one) if (is.null(one)) NA_real_ else float_of(one[[name]]), 0)
  complex(real = part("re"), imaginary = part("im"))
}

integers_of <- function(values, tags) {
  values <- lapply(values, plain_json)
  if ("integer64" %in% unlist(tags$class)) return(integer64_of(values))
  numbers <- floats_of(values)
  if (all(is.na(numbers) | abs(numbers) <= .Machine$integer.max)) return(as.integer(numbers))
  if (all(is.na(numbers) | abs(numbers) < 2^53)) return(numbers)
  if (has_package("bit64")) integer64_of(values) else numbers
}

integer64_of <- function(values) {
  need_bit64()
  texts <- vapply(values, function(one) {
    if (is.null(one)) NA_character_ else if (is.character(one)) one else sprintf("%.0f", one)
  }, "", USE.NAMES = FALSE)
  # -2^63 is the missing value of integer64; what is beyond becomes that or the largest one, as bit64 is old or new.
  found <- suppressWarnings(bit64::as.integer64(texts))
  refuse_beyond(!is.na(texts) & (is.na(found) | nchar(texts) >= 19 & bit64::as.character.integer64(found) != texts))
  found
}

refuse_beyond <- function(beyond) {
  if (!any(beyond)) return(invisible())
  place <- if (length(beyond) > 1) sprintf(" (element %d)", which(beyond)[[1]]) else ""
  reason <- paste0("an integer beyond 64 bits has no number in R", place)
  cannot_cross("value", reason, "Send it as a floating-point number or as text.")
}

need_bit64 <- function() {
  if (has_package("bit64")) return(invisible())
  abort_landbridge("codec_missing", "64-bit integers need the package bit64.", hint = "install.packages(\"bit64\")")
}

has_package <- function(name) requireNamespace(name, quietly = TRUE)

restore_seconds <- function(seconds, type, tags) {
  restore_class(if (is.null(tags$units)) seconds else seconds / difftime_units[[tags$units]], type, tags)
}

#' Put class, storage and the other R facts back onto plain numbers (days, seconds, or counts of the tag's unit).
#' @noRd
restore_class <- function(numbers, type, tags) {
  if (identical(tags$storage, "integer")) numbers <- as.integer(numbers)
  switch(type,
    date = structure(numbers, class = "Date"),
    datetime = restore_datetime(numbers, tags),
    time = restore_time(numbers, tags),
    duration = restore_duration(numbers, tags)
  )
}

restore_datetime <- function(numbers, tags) {
  zone <- if ("tzone" %in% names(tags)) unlist(tags$tzone) else if (is.null(tags$tz)) "UTC" else tags$tz
  structure(numbers, class = c("POSIXct", "POSIXt"), tzone = zone)
}

restore_time <- function(numbers, tags) {
  if (has_package("hms")) return(hms::new_hms(as.double(numbers)))
  structure(numbers, class = "difftime", units = if (is.null(tags$units)) "secs" else tags$units)
}

restore_duration <- function(numbers, tags) {
  if ("hms" %in% unlist(tags$class) && has_package("hms")) return(hms::new_hms(as.double(numbers)))
  structure(numbers, class = "difftime", units = if (is.null(tags$units)) "secs" else tags$units)
}

#' Doubles behind a date or a time that its JSON form would not give back to the last bit, or NULL.
#' @noRd
exact_numbers <- function(x, type, elements, tags) {
  if (!type %in% c("date", "datetime", "duration", "time")) return(NULL)
  back <- vector_of_elements(lapply(elements, plain_json), type, tags)
  if (identical(as.double(unclass(back)), as.double(unclass(unname(x))))) return(NULL)
  verbatim_list(json_floats(as.double(unclass(x))))
}
