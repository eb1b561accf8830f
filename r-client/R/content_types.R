# The digests of columns by their Arrow types. Each is a list of `add(rows)`, which takes rows of nanoarrow arrays in
# the order of the column, and `digest()`.

fixed_widths <- c(
  c = 1, C = 1, s = 2, S = 2, i = 4, I = 4, l = 8, L = 8, f = 4, g = 8, tdD = 4, ttu = 8,
  tss = 8, tsm = 8, tsu = 8, tsn = 8, tDs = 8, tDm = 8, tDu = 8, tDn = 8, d = 16
)
list_formats <- c("+l", "+L", "+w")
text_formats <- c(u = "utf8", U = "utf8", z = "binary", Z = "binary")

#' @param refuse is called with a type that has no digest
#' @noRd
digests_of_type <- function(schema, refuse) {
  if (!is.null(schema$dictionary)) return(decoded_digests())
  format <- sub(":.*$", "", schema$format)
  if (format %in% names(fixed_widths)) return(number_digests(nano_type_text(schema), fixed_widths[[format]], format))
  if (format %in% names(text_formats)) return(text_digests(text_formats[[format]], format %in% c("U", "Z")))
  children <- lapply(schema$children, digests_of_type, refuse)
  if (format %in% list_formats) return(list_digests(schema, children[[1]]))
  switch(format,
    b = bool_digests(),
    n = null_digests(),
    "+s" = struct_digests(nano_names(schema$children), children),
    refuse()
  )
}

stepwise <- function(column, take) list(add = function(rows) each_step(rows, take), digest = column$digest)

#' Values of a fixed width, little-endian; zeros where they are missing, one NaN for all.
#' @noRd
number_digests <- function(label, width, format) {
  column <- column_digests(label)
  bytes_of <- if (format == "g") double_bytes else if (format == "f") float_bytes else whole_bytes
  stepwise(column, function(rows) {
    valid <- valid_of(rows)
    bytes <- bytes_of(rows, missing_at(valid), width)
    if (!is.null(rows$keep)) bytes <- as.vector(matrix(bytes, width)[, rows$keep])
    column$put(kept(valid, rows), kept_count(rows), bytes)
  })
}

whole_bytes <- function(rows, missing, width) {
  if (length(missing) == 0 || !width %in% c(4, 8)) {
    bytes <- buffer_bytes(rows$buffers[[2]], rows$from * width, (rows$from + rows$n) * width)
    return(if (length(missing) == 0) bytes else with_value(bytes, width, missing, raw(width)))
  }
  values <- buffer_values(rows$buffers[[2]], rows$from, rows$n, width)
  values[missing] <- if (width == 8) 0 else 0L
  writeBin(values, raw(), endian = "little")
}

double_bytes <- function(rows, missing, width) {
  values <- buffer_values(rows$buffers[[2]], rows$from, rows$n, width)
  values[missing] <- 0
  # R's NaN has other bits, so the one that counts is made of its bytes.
  if (anyNA(values)) values[is.na(values)] <- readBin(quiet_nan(8), "double", endian = "little")
  writeBin(values, raw(), endian = "little")
}

float_bytes <- function(rows, missing, width) {
  bytes <- whole_bytes(rows, missing, width)
  numbers <- readBin(bytes, "double", rows$n, size = 4, endian = "little")
  if (anyNA(numbers)) with_value(bytes, 4, which(is.na(numbers)), quiet_nan(4)) else bytes
}

quiet_nan <- function(width) as.raw(if (width == 8) c(0, 0, 0, 0, 0, 0, 0xf8, 0x7f) else c(0, 0, 0xc0, 0x7f))

#' Bytes with `value` in the rows `at`.
#' @noRd
with_value <- function(bytes, width, at, value) {
  dim(bytes) <- c(width, length(bytes) / width)
  bytes[, at] <- value
  dim(bytes) <- NULL
  bytes
}

#' One byte each, 0 or 1.
#' @noRd
bool_digests <- function() {
  column <- column_digests("bool")
  stepwise(column, function(rows) {
    valid <- valid_of(rows)
    bytes <- bit_bytes(rows$buffers[[2]], rows$from, rows$n)
    column$put(kept(valid, rows), kept_count(rows), kept(if (is.null(valid)) bytes else bytes & valid, rows))
  })
}

null_digests <- function() {
  column <- column_digests("null")
  stepwise(column, function(rows) {
    n <- kept_count(rows)
    if (n > 0) column$put(raw(n), n)
  })
}

#' Text and bytes: the lengths, 64 bits each and 0 where missing, and apart from them all bytes in a row.
#' @noRd
text_digests <- function(label, large) {
  all_bytes <- new_digest()
  column <- column_digests(label, function() all_bytes$value())
  stepwise(column, function(rows) {
    valid <- valid_of(rows)
    spans <- ends_of(rows, large)
    lengths <- spans$ends - spans$starts
    counted <- counted_elements(rows, valid, lengths)
    start <- first <- spans$starts[[1]]
    last <- spans$ends[[rows$n]]
    while (start < last) {
      end <- min(start + step_bytes, last)
      bytes <- buffer_bytes(rows$buffers[[3]], start, end)
      all_bytes$add(if (is.null(counted)) bytes else bytes[counted[seq(start - first + 1, end - first)]])
      start <- end
    }
    column$put(kept(valid, rows), kept_count(rows), lengths_bytes(rows, valid, lengths))
  })
}

#' The lengths, 64 bits each and 0 where missing, and then the elements of all lists as one column.
#' @noRd
list_digests <- function(schema, child) {
  fixed <- startsWith(schema$format, "+w")
  size <- if (fixed) format_number(schema)
  column <- column_digests(if (fixed) sprintf("fixed_size_list[%d]", size) else "list", child$digest)
  stepwise(column, function(rows) {
    valid <- valid_of(rows)
    spans <- if (fixed) {
      starts <- (rows$from + seq_len(rows$n) - 1) * size
      list(starts = starts, ends = starts + size)
    } else {
      ends_of(rows, schema$format == "+L")
    }
    lengths <- spans$ends - spans$starts
    first <- spans$starts[[1]]
    counted <- counted_elements(rows, valid, lengths)
    child$add(rows_within(rows$children[[1]], first, spans$ends[[rows$n]] - first, counted))
    column$put(kept(valid, rows), kept_count(rows), lengths_bytes(rows, valid, lengths))
  })
}

#' The fields in order, each as a column of its own; missing where the whole is missing.
#' @noRd
struct_digests <- function(names, fields) {
  column <- column_digests(
    sprintf("struct<%s>", toString(names)), function() unlist(lapply(fields, function(field) field$digest()))
  )
  stepwise(column, function(rows) {
    valid <- valid_of(rows)
    for (i in seq_along(fields)) {
      fields[[i]]$add(rows_within(rows$children[[i]], rows$from, rows$n, rows$keep, valid))
    }
    column$put(kept(valid, rows), kept_count(rows))
  })
}

#' A dictionary inside another type counts as its text.
#' @noRd
decoded_digests <- function() {
  texts <- text_digests("utf8", FALSE)
  add <- function(rows) {
    each_step(rows, function(step) {
      codes <- codes_of(step, valid_of(step))
      array <- nanoarrow::as_nanoarrow_array(step$levels[codes + 1L], schema = nanoarrow::na_string())
      texts$add(rows_within(rows_of(array, nanoarrow::na_string()), 0, step$n, step$keep))
    })
  }
  list(add = add, digest = texts$digest)
}

#' The codes of a dictionary's rows, from 0, missing where there is none.
#' @noRd
codes_of <- function(rows, valid) {
  width <- fixed_widths[[rows$format]]
  codes <- if (width == 4) {
    buffer_values(rows$buffers[[2]], rows$from, rows$n, 4)
  } else {
    bytes <- buffer_bytes(rows$buffers[[2]], rows$from * width, (rows$from + rows$n) * width)
    signed <- rows$format %in% c("c", "s")
    if (width == 8) long_numbers(bytes) else readBin(bytes, "integer", rows$n, width, signed, "little")
  }
  codes[missing_at(valid)] <- NA
  codes
}

#' Codes into the levels that are used, sorted by their bytes; into all levels in their own order when ordered.
#' @param parts the rows of the column's chunks
#' @noRd
dictionary_digest <- function(parts, ordered) {
  levels <- unique(unlist(lapply(parts, if (ordered) function(rows) rows$levels else used_levels)))
  distinct <- as.character(levels[!is.na(levels)])
  # In the C locale, which is the order of the bytes.
  if (!ordered) distinct <- sort(distinct, method = "radix")
  column <- column_digests("codes")
  for (rows in parts) {
    # Two levels of one text are one, and a level that is missing is a missing value.
    places <- match(rows$levels, distinct) - 1L
    same <- rows$format == "i" && identical(places, seq_along(places) - 1L)
    each_step(rows, function(step) if (same) put_same(column, step) else put_codes(column, step, places))
  }
  texts <- text_digests("utf8", FALSE)
  texts$add(rows_of(nanoarrow::as_nanoarrow_array(distinct, schema = nanoarrow::na_string()), nanoarrow::na_string()))
  label <- charToRaw(if (ordered) "ordered" else "dictionary")
  sha256_bytes(c(label, long_bytes(length(distinct)), texts$digest(), column$digest()))
}

used_levels <- function(rows) {
  used <- logical(length(rows$levels))
  each_step(rows, function(step) if (!all(used)) used[codes_of(step, valid_of(step)) + 1L] <<- TRUE)
  rows$levels[used]
}

#' Codes that are already those into the distinct levels.
#' @noRd
put_same <- function(column, rows) {
  valid <- valid_of(rows)
  column$put(valid, rows$n, whole_bytes(rows, missing_at(valid), 4))
}

put_codes <- function(column, rows, places) {
  places <- places[codes_of(rows, valid_of(rows)) + 1L]
  valid <- NULL
  if (anyNA(places)) {
    missing <- is.na(places)
    valid <- as.raw(!missing)
    places[missing] <- 0L
  }
  column$put(valid, rows$n, writeBin(places, raw(), endian = "little"))
}
