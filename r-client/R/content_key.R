#' The content key of a table
#'
#' Equal for equal contents: two tables have one key exactly when they have the same column names in order, types,
#' number of rows and values, whichever language, library or version of Arrow wrote them. Chunks, padding, the layout of
#' dictionaries and metadata do not count. Python's `landbridge.content_key()` gives the same keys, and
#' `docs/content-key.md` tells the algorithm and has test vectors.
#'
#' The table is never moved to a gateway. It is hashed by the package nanoarrow; with the package openssl ten times as
#' fast as without. Where nanoarrow is missing, the Python of the bridge is asked, which needs landbridge there.
#'
#' @param x a data.frame, tibble or data.table, which counts as the table that would be sent; a table of the package
#'   arrow; or the path of an Arrow IPC file
#' @return `lbk1:` and 64 hexadecimal digits
#' @section Errors: `landbridge_value_cannot_cross` for what is no table, and for a column of a type that does not
#'   cross; `landbridge_codec_missing` when nothing is installed that can do it.
#' @export
#' @examples
#' \dontrun{
#' content_key(penguins)
#' content_key("penguins.arrow")
#' }
content_key <- function(x) {
  if (is_text(x)) return(key_of_file(path.expand(x)))
  if (is.data.frame(x) && !isS4(x)) return(key_of_frame(x))
  if (is_arrow_frame(x)) return(key_of_arrow(x))
  cannot_cross("table", sprintf("it is of the type `%s`", class(x)[[1]]), "Give a frame or a file's path.")
}

key_of_frame <- function(x) {
  codec <- arrow_codec()
  path <- tempfile("landbridge-key-", fileext = ".arrow")
  on.exit(unlink(path))
  put <- function(extension, write) {
    if (extension == "arrow") write(path)
    "obj_0000000000000000"
  }
  # For Python to read, so that what is no Arrow column is refused and not sent as R's own object.
  encode_frame(x, list(put = put, arrow = codec, reader = "python", on_loss = "allow"), "table")
  key_of_file(path, codec)
}

key_of_file <- function(path, codec = arrow_codec()) {
  if (!file.exists(path)) rlang::abort(sprintf("No such file or directory: '%s'", path))
  check_file(path)
  if (!is_installed("nanoarrow")) return(key_by_bridge(path))
  if (codec$name != "arrow") return(key_by_nanoarrow(path))
  table <- mapped_table(path)
  check_content(path, table)
  key_of_arrow(table)
}

key_by_bridge <- function(path) {
  if (!is_installed("reticulate")) refuse_key()
  key <- ask_bridge(list(call = "content_key", arrow = absolute_path(path)))$key
  if (is.null(key)) refuse_key() else key
}

refuse_key <- function() {
  abort_landbridge(
    "codec_missing",
    "A content key needs the package nanoarrow, or landbridge in the Python of the bridge, and neither is there.",
    hint = "install.packages(\"nanoarrow\")."
  )
}

key_of_arrow <- function(x) {
  if (!is_installed("nanoarrow")) refuse_key()
  old <- arrow_options()
  on.exit(options(old))
  if (inherits(x, "tbl_duckdb_connection")) x <- arrow::to_arrow(x)
  table <- wire_arrow_table(arrow::as_arrow_table(x), "table")
  stream <- nanoarrow::as_nanoarrow_array_stream(table)
  on.exit(stream$release(), add = TRUE)
  types <- vapply(table$schema$fields, function(field) field$type$ToString(), "")
  refuse <- function(i) {
    reason <- sprintf("a column of the type %s has no Arrow type that both sides know", types[[i]])
    hint <- "Convert the column, or send it apart from the frame."
    cannot_cross(item_path("table", names(table), i), reason, hint, list(column = names(table)[[i]]))
  }
  key_of_batches(stream$get_schema(), nanoarrow::collect_array_stream(stream, validate = FALSE), refuse)
}

#' The key of a file that only nanoarrow reads, which casts no type into another.
#' @noRd
key_by_nanoarrow <- function(path) {
  batches <- tryCatch(file_batches(path), error = function(error) refuse_arrow_file(conditionMessage(error)))
  refuse <- function(i) {
    field <- batches$schema$children[[i]]
    refuse_arrow_file(sprintf("it casts no column of the type %s (`%s`)", nano_type_text(field), field$name))
  }
  key_of_batches(batches$schema, batches$arrays, refuse)
}

#' @param arrays the record batches
#' @param refuse is called with the position of a column whose type has no key
#' @noRd
key_of_batches <- function(schema, arrays, refuse) {
  fields <- schema$children
  names <- nano_names(fields)
  rows <- sum(vapply(arrays, function(batch) as.double(batch$length), 0))
  key <- new_digest()
  key$add(c(charToRaw("lbk1"), raw(1), long_bytes(rows), long_bytes(length(fields))))
  for (i in seq_along(fields)) {
    parts <- lapply(arrays, function(batch) {
      rows_of(chunk_rows(batch$children[[i]], batch$offset, batch$length), fields[[i]])
    })
    key$add(c(text_bytes(names[[i]]), column_digest(fields[[i]], parts, function() refuse(i))))
  }
  paste0("lbk1:", paste(key$value(), collapse = ""))
}

column_digest <- function(schema, parts, refuse) {
  if (!is.null(schema$dictionary)) return(dictionary_digest(parts, bitwAnd(schema$flags, 1L) == 1L))
  column <- digests_of_type(schema, refuse)
  for (rows in parts) column$add(rows)
  column$digest()
}
