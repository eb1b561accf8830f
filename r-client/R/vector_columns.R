# Columns between R and Arrow, the same for all codecs. A column is a list with `type`, its data in plain R vectors,
# and a `tag` for what the Arrow type alone does not tell:
#   bool, int32, int64 (integer64), float64, complex (a struct of re and im), utf8, date32 (days), uint8 (raw): `data`
#   timestamp, duration, time64: `ticks` or `parts`, `unit`, `tz` (see time_columns.R)
#   dictionary: `codes` from 1, `levels`, `ordered`;  binary: `data`, a list of raw or NULL
#   list: `lengths` (-1 for missing) and `child`, the column of all elements
#   fixed_list: `n`, `size` and `child`, the column of `size` elements for each row that is not `missing`, which is NULL
#   or logical
#   struct: `n` and `columns`, named; `missing`, NULL or logical
# A sender's column may have a `verdict`, and `side`: attributes that only R can read. A column that a codec read may
# have `arrow`, the Arrow type as text, and what it found on the way for received.R to judge.

#' The column of a vector, or the answer of no_column() when there is no Arrow column for it.
#' @noRd
wire_column <- function(x, path) {
  if (isS4(x)) return(no_column(sprintf("an S4 object of class %s has no Arrow type", class(x)[[1]])))
  if (is.data.frame(x)) return(struct_column(x, path))
  if (inherits(x, "POSIXlt")) return(broken_down_column(x, path))
  if (!is.null(dim(x))) return(matrix_column(x, path))
  if (is_kept_wkb(x)) return(kept_wkb_column(x))
  if (inherits(x, "sfc")) return(geometry_column(x, path))
  if (is.list(x)) {
    # A list of fields, such as a record of vctrs.
    if (length(unclass(x)) != length(x)) return(unknown_class(x))
    return(classed_column(x, path, list_column))
  }
  if (!is.atomic(x) || is.null(x)) return(no_column(sprintf("a column of %s has no Arrow type", typeof(x))))
  classed_column(x, path, plain_column)
}

classed_column <- function(x, path, make) {
  # Not by names<-, for which some classes have a method.
  labels <- attr(x, "names")
  if (!is.null(labels)) attr(x, "names") <- NULL
  found <- column_core(x)
  with_names(with_class_tag(make(found$core, path), found), labels, path)
}

plain_column <- function(x, path) {
  na_level <- if (is.factor(x) && anyNA(levels(x))) na_level(levels(x))
  if (!is.null(na_level)) levels(x)[is.na(levels(x))] <- na_level
  type <- vector_type(x)
  if (is.null(type)) return(unknown_class(x))
  tags <- missing_tags(x)
  if (!is.null(tags)) x <- without_missing_tags(x, tags)
  column <- switch(type,
    bool = list(type = "bool", data = x),
    int = list(type = if (inherits(x, "integer64")) "int64" else "int32", data = x),
    float = list(type = "float64", data = x),
    complex = list(type = "complex", data = x),
    str = list(type = "utf8", data = column_text(x, path)),
    bytes = list(type = "uint8", data = x),
    factor = list(
      type = "dictionary", codes = as.integer(x), levels = column_text(levels(x), path, x), ordered = is.ordered(x)
    ),
    date = date_column(x),
    datetime = ,
    duration = ,
    time = time_column(x, type)
  )
  column$tag <- column_tag(x, type)
  if (!is.null(na_level)) column$tag$na_level <- na_level
  with_tags_verdict(column, tags)
}

unknown_class <- function(x) no_column(sprintf("a column of class %s has no Arrow type", class_text(x)))

class_text <- function(x) paste(class(x), collapse = "/")

#' The text of a column in UTF-8; refused with the row that is not, the first row of a level that is not.
#' @noRd
column_text <- function(x, path, factor = NULL) {
  bad <- broken_text(x)
  if (length(bad) == 0) return(as_utf8(x))
  row <- if (is.null(factor)) bad[[1]] else match(bad[[1]], as.integer(factor))
  refuse_row(path, column_label(path), row, "its text is not valid UTF-8", "Convert it with iconv().")
}

#' The column's name out of its path.
#' @noRd
column_label <- function(path) {
  label <- sub("^.*\\$", "", path)
  gsub("^`|`$|^.*\\[\\[|\\]\\]$", "", label)
}

column_tag <- function(x, type) {
  tag <- vector_tags(x, type)
  tag <- tag[!names(tag) %in% c("levels", "ordered", "tz")]
  if (type %in% c("bytes", "date", "datetime", "duration", "time")) tag$type <- type
  if (length(tag) > 0) tag
}

#' Names of a column's elements, such as fitted() gives; those that only count are one word.
#' @noRd
with_names <- function(column, labels, path) {
  if (is.null(labels) || is_no_column(column)) return(column)
  if (identical(labels, as.character(seq_along(labels)))) {
    column$tag$names <- "sequence"
  } else if (length(labels) > inline_limit) {
    column$side <- c(column$side, list(names = labels))
  } else {
    column$tag$names <- text_or_null(check_text(labels, path))
  }
  column
}

restore_names <- function(x, labels) {
  if (is.null(labels)) return(x)
  names(x) <- if (identical(labels, "sequence")) as.character(seq_along(x)) else texts_of(labels)
  x
}

#' Times kept in fields (POSIXlt) cross as the instants that they name.
#' @noRd
broken_down_column <- function(x, path) {
  instants <- as.POSIXct(x)
  column <- wire_column(unname(instants), path)
  if (is_no_column(column)) return(column)
  column$tag$class <- as.list(oldClass(x))
  if (is.null(column$verdict) && !identical(as.POSIXlt(instants), x)) {
    column$verdict <- verdict("equal", "its times are kept as instants, not by field")
  }
  column
}

#' The R vector of a column that a codec has read.
#' @noRd
value_of_column <- function(column, tag) {
  if (identical(tag$type, "geometry") && column$type == "binary") return(geometry_of_column(column, tag))
  if (identical(tag$type, "matrix") && column$type %in% c("list", "fixed_list")) return(matrix_of_column(column, tag))
  value <- switch(column$type,
    list = ,
    fixed_list = cells_of_column(column, tag),
    struct = return(frame_of_struct(column, tag)),
    restore_na_level(plain_value_of_column(column, tag), tag)
  )
  restore_dimension(restore_names(restore_column_class(value, tag), tag$names), tag)
}

plain_value_of_column <- function(column, tag) {
  switch(column$type,
    int32 = tagged_integers(column$data, tag),
    int64 = narrow_integer64(column$data, tag),
    complex = value_of_complex(column$data, tag),
    utf8 = if (is.null(tag$levels)) column$data else factor_of_text(column$data, tag),
    date32 = restore_class(as.double(column$data), "date", tag),
    float64 = if (is.null(time_type(tag))) column$data else restore_class(column$data, tag$type, tag),
    timestamp = restore_seconds(column_seconds(column), "datetime", c(tag, list(tz = column$tz))),
    duration = restore_seconds(column_seconds(column), "duration", tag),
    time64 = restore_seconds(column_seconds(column), "time", tag),
    dictionary = factor_of_codes(column, tag),
    column$data
  )
}

factor_of_codes <- function(column, tag) {
  class <- c(if (isTRUE(column$ordered)) "ordered", "factor")
  found <- structure(column$codes, levels = column$levels, class = class)
  # A factor inside a frame or list knows its levels by its tag, for Python's cells may have lost those without a row.
  if (is.null(tag$levels)) found else factor_of_text(as.character(found), tag)
}

value_of_complex <- function(x, tag) {
  if (identical(tag$type, "data.frame")) frame_of_complex(x) else restore_complex(x, tag)
}

time_type <- function(tag) if (isTRUE(tag$type %in% c("date", "datetime", "duration", "time"))) tag$type

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
