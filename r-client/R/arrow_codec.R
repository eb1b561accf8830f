# Arrow files through the arrow package, or through the reticulate bridge where that is missing.

#' The codec of this session: `write_columns(columns, n, path, metadata)` returns the Arrow types as text,
#' `read_columns(path)` returns `columns`, `names`, `metadata` and `rows`. Nothing is loaded before the first use.
#' @noRd
arrow_codec <- function() {
  if (is.null(codec_state$codec)) {
    codec_state$codec <- pick_codec()
  }
  codec_state$codec
}

pick_codec <- function() {
  if (is_installed("arrow")) return(package_codec())
  if (is_installed("reticulate")) bridge_codec() else missing_codec()
}

codec_state <- new.env(parent = emptyenv())

is_installed <- function(package) nzchar(system.file(package = package))

missing_codec <- function() {
  refuse <- function(...) {
    abort_landbridge(
      "codec_missing", "Tables need Arrow, and neither arrow nor the reticulate bridge is available.",
      hint = "install.packages(\"arrow\"), or install.packages(\"reticulate\") and a Python with pyarrow."
    )
  }
  list(name = "missing", write_columns = refuse, read_columns = refuse)
}

package_codec <- function() {
  list(name = "arrow", write_columns = write_with_arrow, read_columns = read_with_arrow)
}

#' Say once which way tables go.
#' @noRd
tell_codec <- function(text) {
  if (isTRUE(codec_state$told)) return(invisible())
  codec_state$told <- TRUE
  if (isTRUE(getOption("landbridge.verbose", interactive()))) message(text)
}

# Lazily converted strings of arrow can be used after they were freed (apache/arrow#51198).
arrow_options <- function() options(arrow.use_altrep = FALSE, arrow.int64_downcast = FALSE)

write_with_arrow <- function(columns, n, path, metadata) {
  tell_codec("Tables are written and read by the arrow package.")
  old <- arrow_options()
  on.exit(options(old))
  out <- arrow::FileOutputStream$create(path)
  on.exit(out$close(), add = TRUE)
  if (length(columns) == 0) {
    schema <- arrow::schema()$WithMetadata(metadata)
    writer <- arrow::RecordBatchFileWriter$create(out, schema)
    writer$close()
    return(character())
  }
  # Named c1, c2, ... first: a column called `schema` would be taken for the argument.
  arrays <- lapply(unname(columns), arrow_array)
  batch <- do.call(arrow::record_batch, stats::setNames(arrays, paste0("c", seq_along(arrays))))
  names(batch) <- names(columns)
  if (length(metadata) > 0) batch$metadata <- metadata
  # One explicit batch, also without rows: levels of a factor live in batches.
  writer <- arrow::RecordBatchFileWriter$create(out, batch$schema)
  writer$write_batch(batch)
  writer$close()
  vapply(arrays, function(array) array$type$ToString(), "")
}

arrow_array <- function(column) {
  type <- if (column$type != "complex") arrow_type(column)
  switch(column$type,
    date32 = arrow::Array$create(column$data, type = arrow::int32())$cast(type),
    timestamp = ,
    duration = ,
    time64 = arrow::Array$create(ticks_integer64(column$parts), type = arrow::int64())$cast(type),
    dictionary = arrow::Array$create(value_of_column(column, NULL), type = type),
    complex = arrow_complex(column$data),
    uint8 = arrow::Array$create(as.integer(column$data), type = type),
    arrow::Array$create(column$data, type = type)
  )
}

arrow_complex <- function(x) {
  parts <- arrow::Array$create(data.frame(re = Re(x), im = Im(x)))
  missing <- is_missing(Re(x))
  if (!any(missing)) return(parts)
  # A missing index is the only way of this package to a missing struct.
  parts$Take(arrow::Array$create(ifelse(missing, NA_integer_, seq_along(x) - 1L), type = arrow::int32()))
}

arrow_type <- function(column) {
  switch(column$type,
    utf8 = if (sum(nchar(column$data, "bytes"), na.rm = TRUE) < 2^31) arrow::utf8() else arrow::large_utf8(),
    timestamp = arrow::timestamp(column$unit, column$tz),
    duration = arrow::duration(column$unit),
    time64 = arrow::time64(column$unit),
    dictionary = arrow::dictionary(arrow::int32(), arrow::utf8(), column$ordered),
    list = arrow::list_of(arrow_type(list(type = column$element, data = character()))),
    getExportedValue("arrow", column$type)()
  )
}

ticks_integer64 <- function(parts) {
  whole <- bit64::as.integer64(parts$seconds) * bit64::as.integer64(parts$per)
  whole + bit64::as.integer64(parts$part)
}

read_with_arrow <- function(path) {
  tell_codec("Tables are written and read by the arrow package.")
  old <- arrow_options()
  on.exit(options(old))
  file <- arrow::ReadableFile$create(path)
  on.exit(file$close(), add = TRUE)
  reader <- arrow::RecordBatchFileReader$create(file)
  table <- if (reader$num_record_batches > 0) reader$read_table() else arrow::arrow_table(schema = reader$schema)
  indices <- seq_len(table$num_columns)
  list(
    columns = lapply(indices, function(i) read_arrow_column(table$column(i - 1L), table$schema$field(i - 1L)$type)),
    names = names(table), metadata = reader$schema$metadata["landbridge"], rows = table$num_rows
  )
}

read_arrow_column <- function(array, type) {
  text <- type$ToString()
  kind <- sub("[\\[<(].*$", "", text)
  unit <- sub("^[a-z0-9]+\\[([a-z]+).*$", "\\1", text)
  switch(kind,
    timestamp = ,
    duration = ,
    time64 = list(
      type = kind, parts = parts_of_ticks(as.vector(array$cast(arrow::int64())), unit), unit = unit,
      tz = if (grepl("tz=", text, fixed = TRUE)) sub("^.*tz=(.*)\\]$", "\\1", text)
    ),
    date32 = list(type = "date32", data = as.vector(array$cast(arrow::int32()))),
    int64 = list(type = "int64", data = as.vector(array)),
    uint64 = read_arrow_uint64(array),
    int8 = ,
    int16 = ,
    int32 = ,
    uint8 = ,
    uint16 = list(type = "int32", data = as.vector(array)),
    uint32 = list(type = "int64", data = as.vector(array$cast(arrow::int64()))),
    dictionary = read_arrow_factor(as.vector(array)),
    struct = read_arrow_struct(as.vector(array)),
    decimal128 = ,
    halffloat = ,
    float = ,
    double = list(type = "float64", data = as.vector(array$cast(arrow::float64()))),
    list(type = kind, data = plain_cells(as.vector(array)))
  )
}

#' Numbers beyond 2^63 as text: nothing in R holds them.
#' @noRd
read_arrow_uint64 <- function(array) {
  signed <- tryCatch(array$cast(arrow::int64()), error = function(error) NULL)
  if (is.null(signed)) return(list(type = "utf8", data = as.vector(array$cast(arrow::utf8()))))
  list(type = "int64", data = as.vector(signed))
}

read_arrow_factor <- function(x) {
  list(type = "dictionary", codes = as.integer(x), levels = levels(x), ordered = is.ordered(x))
}

read_arrow_struct <- function(x) {
  if (!identical(names(x), c("re", "im")) || !is.double(x$re) || !is.double(x$im)) {
    return(list(type = "struct", data = as.data.frame(x)))
  }
  list(type = "complex", data = complex(real = x$re, imaginary = x$im))
}

parts_of_ticks <- function(ticks, unit) {
  per <- c(s = 1, ms = 1e3, us = 1e6, ns = 1e9)[[unit]]
  whole <- ticks %/% bit64::as.integer64(per)
  part <- as.double(ticks - whole * bit64::as.integer64(per))
  seconds <- as.double(whole)
  below <- which(part < 0)
  seconds[below] <- seconds[below] - 1
  part[below] <- part[below] + per
  list(seconds = seconds, part = part, per = per)
}

#' Cells of list columns without arrow's own classes.
#' @noRd
plain_cells <- function(x) {
  if (inherits(x, "vctrs_unspecified")) return(rep(NA, length(x)))
  if (!is.list(x) || is.data.frame(x)) return(x)
  cells <- lapply(unclass(x), function(cell) if (inherits(cell, "vctrs_list_of")) plain_cells(cell) else cell)
  wide <- vapply(cells, inherits, NA, "integer64")
  if (!any(wide)) return(cells)
  # One type for the whole column, as for a column of single numbers.
  narrow <- narrow_integer64(do.call(c, unname(cells[wide])), NULL)
  if (inherits(narrow, "integer64")) return(cells)
  cells[wide] <- lapply(cells[wide], if (is.integer(narrow)) as.integer else as.double)
  cells
}
