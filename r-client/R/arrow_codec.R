# Arrow files through the arrow package, or through the reticulate bridge where that is missing.

#' The codec of this session: `write_columns(columns, n, path, metadata)` returns the Arrow types as text,
#' `read_columns(path, fields)` returns `columns`, `names`, `metadata` and `rows`; `fields` are what read_footer() told
#' of the columns, or NULL. Nothing is loaded before the first use.
#' @noRd
arrow_codec <- function() {
  forced <- getOption("landbridge.codec")
  if (is.null(codec_state$codec) || !identical(codec_state$forced, forced)) {
    codec_state$codec <- pick_codec(forced)
    codec_state$forced <- forced
    codec_state$told <- FALSE
  }
  codec_state$codec
}

#' The codec that is asked for, or the first of those whose package is installed.
#' @param installed tells whether a package is installed
#' @noRd
pick_codec <- function(forced = NULL, installed = is_installed) {
  makers <- list(arrow = package_codec, nanoarrow = nanoarrow_codec, bridge = bridge_codec)
  packages <- c(arrow = "arrow", nanoarrow = "nanoarrow", bridge = "reticulate")
  if (is.null(forced)) {
    found <- names(Filter(installed, packages))
    return(if (length(found) > 0) makers[[found[[1]]]]() else missing_codec())
  }
  if (!is.character(forced) || length(forced) != 1 || !forced %in% names(makers)) refuse_codec_name()
  if (!installed(packages[[forced]])) refuse_codec(packages[[forced]])
  makers[[forced]]()
}

refuse_codec_name <- function() {
  abort_landbridge(
    "invalid_field", "The option landbridge.codec names no codec.",
    hint = "It is \"arrow\", \"nanoarrow\" or \"bridge\"; see ?landbridge_codecs."
  )
}

refuse_codec <- function(package) {
  abort_landbridge(
    "codec_missing", sprintf("The option landbridge.codec asks for the package %s, which is not installed.", package),
    hint = sprintf("install.packages(\"%s\"), or options(landbridge.codec = NULL).", package)
  )
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
  labels <- paste0("c", seq_along(columns))
  types <- stats::setNames(lapply(columns, arrow_type), labels)
  values <- stats::setNames(lapply(columns, arrow_values), labels)
  batch <- do.call(arrow::record_batch, c(values, list(schema = do.call(arrow::schema, types))))
  names(batch) <- names(columns)
  if (length(metadata) > 0) batch$metadata <- metadata
  # One explicit batch, also without rows: levels of a factor live in batches.
  writer <- arrow::RecordBatchFileWriter$create(out, batch$schema)
  writer$write_batch(batch)
  writer$close()
  vapply(unname(types), function(type) type$ToString(), "")
}

read_with_arrow <- function(path, fields = NULL) {
  tell_codec("Tables are written and read by the arrow package.")
  old <- arrow_options()
  on.exit(options(old))
  table <- mapped_table(path)
  check_content(path, table)
  list(
    columns = read_arrow_table(table, fields), names = names(table), metadata = table$schema$metadata["landbridge"],
    rows = table$num_rows
  )
}
