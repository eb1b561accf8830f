# Arrays of the arrow package as columns, with what received.R needs to judge them by.

#' The columns of a table. What R has a vector for as it is goes there at once: an object of arrow for each column costs
#' more than the values of a thousand rows, and so do its field and its type.
#' @param fields what read_footer() told of the columns, if it was read
#' @noRd
read_arrow_table <- function(table, fields = NULL) {
  schema <- table$schema
  type_of <- function(i) schema$field(i - 1L)$type
  texts <- vapply(seq_len(table$num_columns), function(i) {
    told <- if (i <= length(fields)) fields[[i]]$type
    if (is.null(told)) type_of(i)$ToString() else told
  }, "")
  plain <- vector_types_of(texts)
  values <- vectors_of_table(table, !is.na(plain))
  lapply(seq_along(texts), function(i) {
    column <- column_of_vector(values[[i]], plain[[i]])
    # R asks for the type only where the column needs it.
    if (is.null(column)) return(read_arrow_column(table$column(i - 1L), type_of(i), texts[[i]]))
    column$arrow <- texts[[i]]
    column
  })
}

#' The column types of what arrow gives as read_arrow_column() would; NA for all else.
#' @noRd
vector_types_of <- function(texts) {
  types <- unname(c(
    int8 = "int32", int16 = "int32", int32 = "int32", uint8 = "int32", uint16 = "int32", double = "float64",
    string = "utf8", large_string = "utf8", bool = "bool"
  )[texts])
  types[startsWith(texts, "dictionary<values=string,")] <- "dictionary"
  types
}

vector_storage <- c(int32 = "integer", float64 = "double", utf8 = "character", bool = "logical", dictionary = "integer")

#' Vectors in the places of `wanted` columns. None where text has a NUL character, which is found column by column.
#' @noRd
vectors_of_table <- function(table, wanted) {
  values <- vector("list", length(wanted))
  if (!any(wanted)) return(values)
  read <- function() unclass(table$SelectColumns(which(wanted) - 1L)$to_data_frame())
  values[wanted] <- tryCatch(read(), error = function(error) list(NULL))
  values
}

#' NULL where there is no such vector, or a whole number in it may be one that R takes for a missing one.
#' @noRd
column_of_vector <- function(data, type) {
  if (is.null(data) || typeof(data) != vector_storage[[type]] || type == "int32" && anyNA(data)) return(NULL)
  if (type == "dictionary") read_arrow_factor(data) else list(type = type, data = data)
}

read_arrow_column <- function(array, type, text = type$ToString()) {
  kind <- sub("[\\[<(].*$", "", text)
  column <- switch(kind,
    timestamp = ,
    duration = ,
    time64 = ,
    time32 = read_arrow_times(array, text, kind),
    date32 = list(type = "date32", data = as.vector(array$cast(named_type("int32")))),
    int64 = whole_numbers(array, "int64"),
    uint64 = read_arrow_uint64(array),
    int8 = ,
    int16 = ,
    int32 = ,
    uint8 = ,
    uint16 = whole_numbers(array, "int32"),
    uint32 = list(type = "int64", data = as.vector(array$cast(named_type("int64")))),
    dictionary = read_arrow_factor(as.vector(array)),
    struct = read_arrow_struct(array),
    list = ,
    large_list = read_arrow_list(array),
    fixed_size_list = read_arrow_fixed_list(array, type),
    decimal128 = read_arrow_decimal(array, type),
    halffloat = ,
    float = ,
    double = list(type = "float64", data = as.vector(array$cast(named_type("float64")))),
    binary = ,
    large_binary = ,
    fixed_size_binary = list(type = "binary", data = lapply(as.list(as.vector(array)), identity)),
    string = ,
    large_string = read_arrow_text(array),
    null = list(type = "bool", data = rep(NA, array$length())),
    bool = list(type = "bool", data = as.vector(array)),
    refuse_arrow_type(text)
  )
  column$arrow <- text
  column
}

refuse_arrow_type <- function(text) {
  reason <- sprintf("a column of the Arrow type `%s` has no place in R", text)
  abort_landbridge("value_cannot_cross", sprintf("A table cannot cross: %s.", reason), "Cast it before it is sent.")
}

#' One array, whatever the number of chunks.
#' @noRd
one_array <- function(array) {
  if (!inherits(array, "ChunkedArray")) return(array)
  if (array$num_chunks == 1) return(array$chunk(0))
  do.call(arrow::concat_arrays, c(array$chunks, list(type = array$type)))
}

is_valid_row <- function(array) as.vector(arrow::call_function("is_valid", array))

#' Whole numbers; `corrupt` is the first row of a number that R takes for a missing one.
#' @noRd
whole_numbers <- function(array, type) {
  data <- as.vector(array)
  column <- list(type = type, data = data)
  if (sum(is.na(data)) != array$null_count) column$corrupt <- which(is.na(data) & is_valid_row(array))[[1]]
  column
}

#' Numbers beyond 2^53 as text: no number of R holds all of them.
#' @noRd
read_arrow_uint64 <- function(array) {
  signed <- tryCatch(array$cast(named_type("int64")), error = function(error) NULL)
  if (!is.null(signed)) {
    column <- list(type = "int64", data = as.vector(signed))
    beyond <- which(column$data > bit64::as.integer64(2^53))
    if (length(beyond) == 0) return(column)
  }
  data <- as.vector(array$cast(arrow::utf8()))
  long <- nchar(data) > 16 | nchar(data) == 16 & data > "9007199254740992"
  list(type = "utf8", data = data, beyond = which(long)[[1]])
}

read_arrow_decimal <- function(array, type) {
  doubles <- array$cast(named_type("float64"))
  back <- tryCatch(doubles$cast(type, safe = FALSE), error = function(error) NULL)
  same <- !is.null(back) && all(as.vector(arrow::call_function("equal", back, array)), na.rm = TRUE)
  list(type = "float64", data = as.vector(doubles), digits = if (type$precision() > 15 && !same) type$precision())
}

#' Text; `nul` is the first row with a NUL character, which ends text in R.
#' @noRd
read_arrow_text <- function(array) {
  tryCatch(list(type = "utf8", data = as.vector(array)), error = function(error) {
    with_nul <- arrow::call_function("match_substring_regex", array, options = list(pattern = "\\x00"))
    rows <- which(as.vector(with_nul))
    if (length(rows) == 0) stop(error)
    list(type = "utf8", data = rep(NA_character_, array$length()), nul = rows[[1]])
  })
}

read_arrow_times <- function(array, text, kind) {
  unit <- sub("^[a-z0-9]+\\[([a-z]+).*$", "\\1", text)
  zone <- if (grepl("tz=", text, fixed = TRUE)) sub("^.*tz=(.*)\\]$", "\\1", text)
  column <- list(type = if (kind == "time32") "time64" else kind, unit = unit, tz = zone)
  whole <- array$cast(named_type(if (kind == "time32") "int32" else "int64"))
  ticks <- tryCatch(whole$cast(named_type("float64")), error = function(error) NULL)
  if (!is.null(ticks)) return(c(column, list(ticks = as.vector(ticks))))
  c(column, list(parts = parts_of_ticks(as.vector(whole), unit)))
}

parts_of_ticks <- function(ticks, unit) {
  per <- ticks_per_second[[unit]]
  whole <- ticks %/% bit64::as.integer64(per)
  part <- as.double(ticks - whole * bit64::as.integer64(per))
  seconds <- as.double(whole)
  below <- which(part < 0)
  seconds[below] <- seconds[below] - 1
  part[below] <- part[below] + per
  list(seconds = seconds, part = part, per = per)
}

read_arrow_factor <- function(x) {
  if (anyDuplicated(levels(x)) > 0) stop("two levels of a factor are the same")
  list(type = "dictionary", codes = as.integer(x), levels = levels(x), ordered = is.ordered(x))
}

read_arrow_struct <- function(array) {
  array <- one_array(array)
  n <- array$length()
  fields <- array$type$fields()
  # Flatten() puts the struct's own missing rows into its parts.
  columns <- Map(function(part, field) read_arrow_column(part, field$type), array$Flatten(), fields)
  names(columns) <- vapply(fields, function(field) field$name, "")
  list(type = "struct", n = n, columns = columns, missing = if (array$null_count > 0) !is_valid_row(array))
}

# list_flatten leaves out what lies under missing rows, and minds offsets of slices.
read_arrow_list <- function(array) {
  lengths <- as.vector(arrow::call_function("list_value_length", array)$cast(arrow::int32()))
  lengths[is.na(lengths)] <- -1L
  child <- arrow::call_function("list_flatten", array)
  list(type = "list", lengths = lengths, child = read_arrow_column(child, child$type))
}

read_arrow_fixed_list <- function(array, type) {
  child <- arrow::call_function("list_flatten", array)
  list(
    type = "fixed_list", n = array$length(), size = type$list_size, child = read_arrow_column(child, child$type),
    missing = if (array$null_count > 0) !is_valid_row(array)
  )
}
