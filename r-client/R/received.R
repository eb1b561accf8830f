# What R cannot hold of a table that comes from another language. Sentences are those of Python's fidelity.py.

#' Say what the columns of a table lose in R, of one that R wrote as well: one event in a job, and as `on_loss` says.
#' @noRd
tell_received <- function(read, tags, descriptor, hint, source) {
  label <- if (is.null(source$label)) "result" else source$label
  ours <- isTRUE(descriptor$class %in% names(frame_classes))
  found <- Map(function(column, name, tag) {
    found <- judged_geometry(column, tag)
    if (ours || !is.null(found)) return(found)
    # What R itself wrote comes back as it was.
    if (!is.null(column$arrow) && identical(hint$columns[[name]]$type, column$arrow)) return(NULL)
    found <- judged(column, column_path(label, name), name, source)
    if (is.null(found)) judged_extension(descriptor$columns[[name]]$tag) else found
  }, read$columns, read$names, tags)
  found <- Filter(Negate(is.null), stats::setNames(found, read$names))
  if (length(found) == 0) return(invisible())
  told <- Map(function(name, one) c(list(name = name), one), names(found), found, USE.NAMES = FALSE)
  if (!is.null(source$events)) write_event(source$events, "fidelity", list(value = label, columns = told))
  for (name in names(found)) tell_verdict(found[[name]], column_path(label, name), name, source$on_loss)
}

#' The same for the elements of a vector or an array that came as a file.
#' @noRd
tell_received_elements <- function(column, type, source) {
  label <- if (is.null(source$label)) "result" else source$label
  if (identical(type, "int") && identical(column$type, "utf8")) refuse_beyond(!is.na(column$data))
  tell_verdict(judged(column, label, label, source), label, label, source$on_loss)
}

judged_extension <- function(tag) {
  if (is.null(tag$extension)) return(NULL)
  reason <- sprintf("its type `%s` is unknown in R, which has the values that it is stored as", tag$extension)
  verdict("equal", reason)
}

#' The verdict on a column that a codec has read, or NULL when R holds all of it.
#' @noRd
judged <- function(column, path, label, source) {
  if (!is.null(column$corrupt)) refuse_corrupt(column, path, label)
  if (!is.null(column$nul)) {
    refuse_row(path, label, column$nul, "its text has a NUL character", "Remove it from the text first.")
  }
  if (!is.null(column$beyond)) return(judged_unsigned(column, path, label, source))
  if (!is.null(column$digits)) return(verdict("lossy", "decimals of more than 15 digits are doubles in R"))
  switch(column$type,
    timestamp = ,
    duration = judged_times(column),
    list = ,
    fixed_list = judged(with_rows(column$child, column), path, label, source),
    struct = judged_struct(column, path, label, source)
  )
}

refuse_corrupt <- function(column, path, label) {
  lowest <- if (column$type == "int64") "-9223372036854775808" else "-2147483648"
  reason <- sprintf("%s is R's missing value", lowest)
  refuse_row(path, label, column$corrupt, reason, "Send it as a floating-point column or as text.")
}

judged_unsigned <- function(column, path, label, source) {
  # Inside a job the sender can still change its mind; a result has been computed.
  if (!is.null(source$events) && !identical(source$on_loss, "allow")) {
    refuse_row(path, label, column$beyond, "an unsigned integer beyond 2^53 has no number in R", loss_permit)
  }
  verdict("lossy", "unsigned integers beyond 2^53 are text in R")
}

judged_times <- function(column) {
  parts <- column_parts(column)
  if (column$unit == "ns") {
    if (!any(parts$part %% 1000 != 0, na.rm = TRUE)) return(NULL)
    return(verdict("lossy", "R keeps times within 0.25 microseconds, not in nanoseconds"))
  }
  back <- time_parts(time_seconds(parts), parts$per)
  if (identical(back$seconds, parts$seconds) && identical(back$part, parts$part)) return(NULL)
  verdict("lossy", "R's times are doubles, too coarse for microseconds that far from 1970")
}

judged_struct <- function(column, path, label, source) {
  for (part in column$columns) {
    found <- judged(part, path, label, source)
    if (!is.null(found)) return(found)
  }
  complex <- is_complex_struct(column)
  if (!complex && any(column$missing)) verdict("lossy", "cells without a value become rows of missing values in R")
}

#' A child column whose remarks name the row of the list, not the element.
#' @noRd
with_rows <- function(child, column) {
  lengths <- if (column$type == "list") pmax(column$lengths, 0L) else rep(column$size, column$n)
  for (remark in c("corrupt", "beyond", "nul")) {
    if (!is.null(child[[remark]])) child[[remark]] <- which(cumsum(as.double(lengths)) >= child[[remark]])[[1]]
  }
  child
}
