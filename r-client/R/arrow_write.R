# Columns as arrays of the arrow package.

#' An array, or a vector of which arrow makes the same array by the column's type: that costs a third where an array is
#' an object of its own.
#' @noRd
arrow_values <- function(column) {
  vector <- switch(column$type,
    bool = ,
    int32 = ,
    float64 = ,
    utf8 = column$data,
    dictionary = if (!anyNA(column$codes)) plain_value_of_column(column, NULL)
  )
  # Where values are missing, R's own signs for that are taken out: see without_hidden().
  if (is.null(vector) || anyNA(vector)) arrow_array(column) else vector
}

arrow_array <- function(column) {
  array <- array_of_column(column)
  if (column$type %in% holds_others) array else without_hidden(array)
}

holds_others <- c("complex", "struct", "list", "fixed_list")

#' The array with zeros in the place of R's own signs for missing values, a letter in their bits included. What is
#' missing is no part of a column, and its bytes are in no file.
#' @noRd
without_hidden <- function(array) {
  if (array$null_count == 0) return(array)
  taken(array, !is_valid_row(array))
}

#' Elements of an array in their places, and nothing where they are `missing`: Arrow fills those with zeros.
#' @noRd
taken <- function(array, missing) {
  array$Take(arrow::Array$create(ifelse(missing, NA_integer_, seq_along(missing) - 1L), type = arrow::int32()))
}

array_of_column <- function(column) {
  switch(column$type,
    date32 = arrow::Array$create(column$data, type = named_type("int32"))$cast(named_type("date32")),
    timestamp = ,
    duration = ,
    time64 = arrow_ticks(column)$cast(arrow_type(column)),
    dictionary = arrow::Array$create(plain_value_of_column(column, NULL), type = arrow_type(column)),
    complex = arrow_complex(column$data),
    uint8 = arrow::Array$create(as.integer(column$data), type = arrow::uint8()),
    struct = arrow_struct(lapply(column$columns, arrow_array)),
    list = ,
    fixed_list = arrow_cells(column),
    arrow::Array$create(column$data, type = arrow_type(column))
  )
}

arrow_ticks <- function(column) {
  if (is.null(column$ticks)) return(arrow::Array$create(ticks_integer64(column$parts), type = arrow::int64()))
  # Whole numbers below 2^53, so the cast is exact.
  arrow::Array$create(column$ticks, type = named_type("float64"))$cast(named_type("int64"))
}

ticks_integer64 <- function(parts) {
  whole <- bit64::as.integer64(parts$seconds) * bit64::as.integer64(parts$per)
  whole + bit64::as.integer64(parts$part)
}

arrow_struct <- function(arrays) {
  names <- names(arrays)
  do.call(arrow::call_function, c(list("make_struct"), unname(arrays), list(options = list(field_names = names))))
}

arrow_complex <- function(x) {
  parts <- arrow_struct(list(re = arrow::Array$create(Re(x)), im = arrow::Array$create(Im(x))))
  missing <- is_missing(Re(x))
  if (!any(missing)) return(parts)
  # A missing index is the only way of this package to a missing struct.
  taken(parts, missing)
}

#' Lists are built of plain storage (whole numbers in place of times) and cast, because arrow itself cuts the fractions
#' of times.
#' @noRd
arrow_cells <- function(column) {
  array <- arrow::Array$create(storage_cells(column), type = storage_type(column))
  type <- arrow_type(column)
  if (array$type$Equals(type)) array else array$cast(type)
}

storage_cells <- function(column) {
  lengths <- if (column$type == "list") column$lengths else rep(column$size, column$n)
  cut_cells(storage_of(column$child), lengths)
}

storage_of <- function(column) {
  switch(column$type,
    timestamp = ,
    duration = ,
    time64 = if (is.null(column$ticks)) ticks_integer64(column$parts) else bit64::as.integer64(column$ticks),
    uint8 = as.integer(column$data),
    complex = frame_of_complex(column$data),
    struct = structure(
      lapply(column$columns, storage_of), class = "data.frame", row.names = .set_row_names(column$n)
    ),
    list = ,
    fixed_list = storage_cells(column),
    column$data
  )
}

storage_type <- function(column) {
  switch(column$type,
    timestamp = ,
    duration = ,
    time64 = arrow::int64(),
    date32 = ,
    uint8 = arrow::int32(),
    struct = do.call(arrow::struct, lapply(column$columns, storage_type)),
    list = arrow::list_of(storage_type(column$child)),
    fixed_list = arrow::fixed_size_list_of(storage_type(column$child), column$size),
    arrow_type(column)
  )
}

arrow_type <- function(column) {
  switch(column$type,
    utf8 = named_type(if (sum(nchar(column$data, "bytes"), na.rm = TRUE) < 2^31) "utf8" else "large_utf8"),
    timestamp = known_type(paste("timestamp", column$unit, column$tz), arrow::timestamp(column$unit, column$tz)),
    duration = arrow::duration(column$unit),
    time64 = arrow::time64(column$unit),
    dictionary = known_type(
      paste("dictionary", column$ordered), arrow::dictionary(named_type("int32"), named_type("utf8"), column$ordered)
    ),
    complex = arrow::struct(re = arrow::float64(), im = arrow::float64()),
    struct = do.call(arrow::struct, lapply(column$columns, arrow_type)),
    list = arrow::list_of(arrow_type(column$child)),
    fixed_list = arrow::fixed_size_list_of(arrow_type(column$child), column$size),
    named_type(column$type)
  )
}

named_type <- function(name) known_type(name, getExportedValue("arrow", name)())

#' A type, made once: each is an object of R6, which takes longer than to write a short column.
#' @param type is looked at when there is none under that key yet
#' @noRd
known_type <- function(key, type) {
  if (is.null(known_types[[key]])) known_types[[key]] <- type
  known_types[[key]]
}

known_types <- new.env(parent = emptyenv())
