# Arrays of the nanoarrow package as columns. A column comes as chunks, its arrays in the batches of the file; the child
# of a list has a chunk for each run of rows that belong together.

read_nano_column <- function(chunks, schema) {
  text <- nano_type_text(schema)
  kind <- sub("[\\[<(].*$", "", text)
  column <- switch(kind,
    timestamp = ,
    duration = ,
    time64 = ,
    time32 = read_nano_times(chunks, text, kind),
    date32 = list(type = "date32", data = nano_values(chunks, integer(), nanoarrow::na_int32())),
    int64 = read_nano_int64(chunks),
    uint64 = read_nano_uint64(chunks),
    uint32 = list(type = "int64", data = nano_values(chunks, double())),
    int8 = ,
    int16 = ,
    int32 = ,
    uint8 = ,
    uint16 = nano_whole_numbers(chunks),
    dictionary = read_nano_factor(chunks, schema),
    struct = read_nano_struct(chunks, schema),
    list = ,
    large_list = read_nano_list(chunks, schema),
    fixed_size_list = read_nano_fixed_list(chunks, schema),
    decimal128 = read_nano_decimal(chunks, schema),
    halffloat = ,
    float = ,
    double = read_nano_doubles(chunks),
    binary = ,
    large_binary = list(type = "binary", data = nano_values(lapply(chunks, checked_chunk), raw_cells)),
    fixed_size_binary = list(type = "binary", data = nano_values(lapply(chunks, cells_of_fixed, schema), raw_cells)),
    string = ,
    large_string = read_nano_text(chunks),
    null = list(type = "bool", data = rep(NA, sum(nano_lengths(chunks)))),
    bool = list(type = "bool", data = nano_values(chunks, logical())),
    refuse_arrow_type(text)
  )
  column$arrow <- text
  column
}

# What nanoarrow makes of binary: a list of raw vectors, NULL where missing.
raw_cells <- structure(list(), ptype = raw(), class = c("blob", "vctrs_list_of", "vctrs_vctr", "list"))
long_bits <- structure(double(), class = "integer64")

nano_lengths <- function(chunks) vapply(chunks, function(chunk) as.integer(chunk$length), 0L)

#' The values of all chunks as one vector like `to`, read as arrays of another type of the same layout if one is given.
#' @noRd
nano_values <- function(chunks, to, as = NULL) {
  values <- lapply(chunks, function(chunk) {
    values <- nanoarrow::convert_array(if (is.null(as)) plain_chunk(chunk) else reinterpreted(chunk, as), to)
    attributes(values) <- NULL
    values
  })
  # Copied, also if there is one chunk: nanoarrow converts text lazily.
  if (length(chunks) == 1 && !is.character(to)) values[[1]] else unlist(values, recursive = FALSE)
}

#' A chunk without its extension type, whose storage is what crosses.
#' @noRd
plain_chunk <- function(chunk) {
  schema <- nanoarrow::infer_nanoarrow_schema(chunk)
  if (length(schema$metadata) == 0) return(chunk)
  reinterpreted(chunk, nanoarrow::nanoarrow_schema_modify(schema, list(metadata = NULL)))
}

reinterpreted <- function(chunk, schema) {
  parts <- list(
    length = chunk$length, null_count = chunk$null_count, offset = chunk$offset, buffers = chunk$buffers
  )
  nanoarrow::nanoarrow_array_modify(nanoarrow::nanoarrow_array_init(schema), parts)
}

#' Rows of a chunk, counted from 0 behind its own offset.
#' @noRd
chunk_rows <- function(chunk, from, n) {
  nulls <- if (chunk$null_count == 0) 0L else -1L
  nanoarrow::nanoarrow_array_modify(chunk, list(offset = chunk$offset + from, length = n, null_count = nulls))
}

chunk_valid <- function(chunk) {
  bits <- if (chunk$null_count != 0 && length(chunk$buffers) > 0) chunk$buffers[[1]]
  if (is.null(bits) || bits$size_bytes == 0) return(rep(TRUE, chunk$length))
  nanoarrow::convert_buffer(bits)[chunk$offset + seq_len(chunk$length)]
}

valid_rows <- function(chunks) unlist(lapply(chunks, chunk_valid))

missing_rows <- function(chunks) {
  valid <- valid_rows(chunks)
  if (!all(valid)) !valid
}

#' Whole numbers to 32 bits; `corrupt` is the first row of a number that R takes for a missing one.
#' @noRd
nano_whole_numbers <- function(chunks) {
  data <- suppressWarnings(nano_values(chunks, integer()))
  list(type = "int32", data = data, corrupt = first_corrupt(is.na(data), chunks))
}

first_corrupt <- function(missing, chunks) {
  rows <- if (any(missing)) which(missing & valid_rows(chunks))
  if (length(rows) > 0) rows[[1]]
}

#' Whole numbers as integers or doubles where these hold all of them, else as integer64.
#' @noRd
read_nano_int64 <- function(chunks) {
  numbers <- nano_ticks(chunks)
  if (is.null(numbers)) {
    bits <- nano_values(chunks, long_bits)
    # Those of -2^63, integer64's missing value, are also those of the double -0.
    missing <- !is.nan(bits) & bits == 0 & 1 / bits < 0
    data <- structure(bits, class = "integer64")
    return(list(type = "int64", data = data, corrupt = first_corrupt(missing, chunks)))
  }
  narrow_numbers(numbers)
}

narrow_numbers <- function(numbers) {
  if (any(abs(numbers) > .Machine$integer.max, na.rm = TRUE)) return(list(type = "int64", data = numbers))
  list(type = "int32", data = as.integer(numbers))
}

#' 64-bit numbers as doubles, or NULL when one of them is not below 2^53.
#' @noRd
nano_ticks <- function(chunks) {
  numbers <- suppressWarnings(nano_values(chunks, double(), nanoarrow::na_int64()))
  if (!any(abs(numbers) >= 2^53, na.rm = TRUE)) numbers
}

#' Numbers beyond 2^53 as text: no number of R holds all of them.
#' @noRd
read_nano_uint64 <- function(chunks) {
  missing <- !valid_rows(chunks)
  parts <- divided(nano_values(lapply(chunks, unmasked), long_bits, nanoarrow::na_int64()), 1e10, signed = FALSE)
  numbers <- replace(parts$whole * 1e10 + parts$rest, missing, NA)
  beyond <- which(numbers > 2^53 | parts$whole == 900719 & parts$rest > 9254740992 & !missing)
  if (length(beyond) == 0) {
    if (!any(numbers == 2^53, na.rm = TRUE)) return(narrow_numbers(numbers))
    bits <- nano_values(chunks, long_bits, nanoarrow::na_int64())
    return(list(type = "int64", data = structure(bits, class = "integer64")))
  }
  text <- ifelse(
    parts$whole > 0, sprintf("%.0f%010.0f", parts$whole, parts$rest), sprintf("%.0f", parts$rest)
  )
  list(type = "utf8", data = replace(text, missing, NA), beyond = beyond[[1]])
}

#' A chunk in which the bits under missing rows count as numbers.
#' @noRd
unmasked <- function(chunk) {
  buffers <- c(list(NULL), chunk$buffers[-1])
  nanoarrow::nanoarrow_array_modify(chunk, list(null_count = 0L, buffers = buffers))
}

#' Division with remainder of 64-bit numbers, given as the bits of doubles, by a divisor up to 1e10. By digits of 16
#' bits, so that doubles hold every step.
#' @return `whole` and `rest`, doubles; the rest is never negative
#' @noRd
divided <- function(bits, by, signed = TRUE) {
  raw <- writeBin(bits, raw(), endian = "little")
  digits <- matrix(readBin(raw, "integer", 4 * length(bits), size = 2, signed = FALSE, endian = "little"), 4)
  top <- digits[4, ]
  if (signed) top <- ifelse(top >= 32768, top - 65536, top)
  whole <- floor(top / by)
  rest <- top - whole * by
  for (row in 3:1) {
    rest <- rest * 65536 + digits[row, ]
    carried <- floor(rest / by)
    whole <- whole * 65536 + carried
    rest <- rest - carried * by
  }
  list(whole = whole, rest = rest)
}

read_nano_times <- function(chunks, text, kind) {
  unit <- sub("^[a-z0-9]+\\[([a-z]+).*$", "\\1", text)
  zone <- if (grepl("tz=", text, fixed = TRUE)) sub("^.*tz=(.*)\\]$", "\\1", text)
  column <- list(type = if (kind == "time32") "time64" else kind, unit = unit, tz = zone)
  if (kind == "time32") {
    return(c(column, list(ticks = as.double(nano_values(chunks, integer(), nanoarrow::na_int32())))))
  }
  ticks <- nano_ticks(chunks)
  if (!is.null(ticks)) return(c(column, list(ticks = ticks)))
  bits <- nano_values(lapply(chunks, unmasked), long_bits, nanoarrow::na_int64())
  parts <- divided(bits, ticks_per_second[[unit]])
  missing <- !valid_rows(chunks)
  c(column, list(parts = list(
    seconds = replace(parts$whole, missing, NA), part = replace(parts$rest, missing, NA), per = ticks_per_second[[unit]]
  )))
}

#' Doubles; another library's NaN whose bits are R's sign for missing stays a NaN.
#' @noRd
read_nano_doubles <- function(chunks) {
  data <- nano_values(chunks, double())
  if (anyNA(data)) {
    disguised <- which(is_missing(data) & valid_rows(chunks))
    data[disguised] <- NaN
  }
  list(type = "float64", data = data)
}

read_nano_decimal <- function(chunks, schema) {
  sizes <- as.integer(strsplit(sub("^d:", "", schema$format), ",", fixed = TRUE)[[1]])
  text <- nano_values(chunks, character())
  numbers <- as.double(text)
  same <- all(sprintf("%.*f", max(sizes[[2]], 0L), numbers) == text | is.na(text))
  list(type = "float64", data = numbers, digits = if (sizes[[1]] > 15 && !same) sizes[[1]])
}

#' Text; `nul` is the first row with a NUL character, which ends text in R.
#' @noRd
read_nano_text <- function(chunks) {
  lapply(chunks, checked_chunk)
  found <- first_nul(chunks)
  if (is.null(found)) return(list(type = "utf8", data = valid_texts(nano_values(chunks, character()))))
  list(type = "utf8", data = rep(NA_character_, sum(nano_lengths(chunks))), nul = found)
}

valid_texts <- function(texts) {
  bad <- which(!validUTF8(texts))
  if (length(bad) > 0) refuse_nano_column(sprintf("its text is not valid UTF-8 (row %.0f)", bad[[1]]))
  texts
}

#' A chunk of text or binary whose offsets stay within its bytes.
#' @noRd
checked_chunk <- function(chunk) {
  chunk_ends(chunk, chunk$buffers[[3]]$size_bytes)
  chunk
}

#' The offsets of a chunk's rows, one more than it has rows. nanoarrow itself trusts all but the last one.
#' @param size how many bytes or elements there are
#' @noRd
chunk_ends <- function(chunk, size) {
  if (chunk$length == 0) return(0)
  ends <- nanoarrow::convert_buffer(chunk$buffers[[2]])[chunk$offset + seq_len(chunk$length + 1)]
  if (anyNA(ends) || ends[[1]] < 0 || is.unsorted(ends) || ends[[length(ends)]] > size) {
    refuse_nano_column("its content is damaged")
  }
  ends
}

first_nul <- function(chunks) {
  before <- 0
  for (chunk in chunks) {
    if (any(as.raw(chunk$buffers[[3]]) == as.raw(0))) {
      texts <- nanoarrow::convert_array(reinterpreted(chunk, binary_like(chunk)), raw_cells)
      rows <- which(vapply(texts, function(text) any(text == as.raw(0)), NA))
      if (length(rows) > 0) return(before + rows[[1]])
    }
    before <- before + chunk$length
  }
}

binary_like <- function(chunk) {
  large <- nanoarrow::infer_nanoarrow_schema(chunk)$format == "U"
  if (large) nanoarrow::na_large_binary() else nanoarrow::na_binary()
}

#' Cells of a fixed size as binary of any size, which nanoarrow can convert.
#' @noRd
cells_of_fixed <- function(chunk, schema) {
  ends <- (0:(chunk$offset + chunk$length)) * format_number(schema)
  binary <- nanoarrow::nanoarrow_array_init(nanoarrow::na_large_binary())
  offsets <- nanoarrow::as_nanoarrow_array(ends, schema = nanoarrow::na_int64())$buffers[[2]]
  nanoarrow::nanoarrow_array_modify(binary, list(
    length = chunk$length, null_count = chunk$null_count, offset = chunk$offset,
    buffers = list(chunk$buffers[[1]], offsets, chunk$buffers[[2]])
  ))
}

read_nano_factor <- function(chunks, schema) {
  levels <- lapply(chunks, function(chunk) dictionary_texts(chunk$dictionary, schema$dictionary))
  all_levels <- unique(unlist(levels))
  index <- nanoarrow::nanoarrow_schema_modify(schema, list(dictionary = NULL, flags = 2L))
  codes <- Map(function(chunk, own) {
    codes <- nano_values(list(chunk), integer(), index) + 1L
    if (any(codes < 1 | codes > length(own), na.rm = TRUE)) refuse_nano_column("its content is damaged")
    if (identical(own, all_levels)) codes else match(own, all_levels)[codes]
  }, chunks, levels)
  list(
    type = "dictionary", codes = unlist(codes), levels = if (is.null(all_levels)) character() else all_levels,
    ordered = bitwAnd(schema$flags, 1L) == 1L
  )
}

# A compressed dictionary comes through nanoarrow as it is, its bytes taken for offsets.
dictionary_texts <- function(dictionary, schema) {
  if (schema$format %in% c("u", "U") && chunk_ends(dictionary, dictionary$buffers[[3]]$size_bytes)[[1]] != 0) {
    refuse_nano_column("its levels are compressed in a way that nanoarrow cannot read, or damaged")
  }
  as.character(read_nano_column(list(dictionary), schema)$data)
}

read_nano_struct <- function(chunks, schema) {
  columns <- lapply(seq_along(schema$children), function(i) {
    read_nano_column(lapply(chunks, struct_part, i), schema$children[[i]])
  })
  names(columns) <- nano_names(schema$children)
  list(type = "struct", n = sum(nano_lengths(chunks)), columns = columns, missing = missing_rows(chunks))
}

#' A field of a struct, missing also where the struct is.
#' @noRd
struct_part <- function(chunk, i) {
  part <- chunk_rows(chunk$children[[i]], chunk$offset, chunk$length)
  valid <- chunk_valid(chunk)
  if (all(valid) || length(part$buffers) == 0) return(part)
  valid <- valid & chunk_valid(part)
  bits <- nanoarrow::as_nanoarrow_array(c(rep(FALSE, part$offset), valid))$buffers[[2]]
  nanoarrow::nanoarrow_array_modify(part, list(buffers = c(list(bits), part$buffers[-1]), null_count = sum(!valid)))
}

read_nano_list <- function(chunks, schema) {
  found <- lapply(chunks, function(chunk) {
    ends <- chunk_ends(chunk, chunk$children[[1]]$length)
    sizes <- diff(ends)
    starts <- ends[seq_len(chunk$length)]
    sizes[!chunk_valid(chunk)] <- -1
    list(lengths = as.integer(sizes), children = chunk_runs(chunk$children[[1]], starts, sizes))
  })
  children <- unlist(lapply(found, `[[`, "children"), recursive = FALSE)
  list(
    type = "list", lengths = unlist(lapply(found, `[[`, "lengths")),
    child = read_nano_column(children, schema$children[[1]])
  )
}

read_nano_fixed_list <- function(chunks, schema) {
  size <- format_number(schema)
  children <- lapply(chunks, function(chunk) {
    sizes <- ifelse(chunk_valid(chunk), size, -1L)
    chunk_runs(chunk$children[[1]], (chunk$offset + seq_len(chunk$length) - 1) * size, sizes)
  })
  list(
    type = "fixed_list", n = sum(nano_lengths(chunks)), size = size, missing = !valid_rows(chunks),
    child = read_nano_column(unlist(children, recursive = FALSE), schema$children[[1]])
  )
}

#' The stretches of a child that rows from `starts` of `sizes` make up, without what lies under missing rows.
#' @noRd
chunk_runs <- function(child, starts, sizes) {
  kept <- which(sizes > 0)
  if (length(kept) == 0) return(list(chunk_rows(child, 0, 0)))
  starts <- starts[kept]
  ends <- starts + sizes[kept]
  first <- c(TRUE, starts[-1] != ends[-length(ends)])
  last <- c(first[-1], TRUE)
  Map(function(start, end) chunk_rows(child, start, end - start), starts[first], ends[last])
}
