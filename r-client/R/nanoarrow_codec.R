# Arrow files read by the nanoarrow package, which starts no Python. It knows the stream format alone: an Arrow file is
# eight bytes of magic, then a stream.

#' The ways of tables: codecs
#'
#' Tables pass as Arrow files, which one of three packages writes and reads: arrow; nanoarrow, which reads, and leaves
#' writing, and what it cannot read, to the bridge; or the bridge, a child process with reticulate and a Python that has
#' pyarrow. The first of these that is installed is taken. `options(landbridge.codec =)` forces one: `"arrow"`,
#' `"nanoarrow"` or `"bridge"`.
#'
#' Reading is exact with each of them where the column says `reads`: the same vectors, to the bit. The column of
#' nanoarrow is that of its version 0.9 without the bridge; 0.6 refuses factors, decimals and compressed numbers, too.
#'
#' | column of the file | arrow | nanoarrow | bridge |
#' | --- | --- | --- | --- |
#' | logical | reads, writes | reads | reads, writes |
#' | integers to 64 bits | reads, writes | reads | reads, writes |
#' | floating point | reads, writes | reads | reads, writes |
#' | text | reads, writes | reads | reads, writes |
#' | factor | reads, writes | reads | reads, writes |
#' | date | reads, writes | reads | reads, writes |
#' | date-time, duration, time of day | reads, writes | reads | reads, writes |
#' | complex | reads, writes | reads | reads, writes |
#' | raw | reads, writes | reads | reads, writes |
#' | binary | reads, writes | reads | reads, writes |
#' | list | reads, writes | reads | reads, writes |
#' | fixed-size list (matrix) | reads, writes | reads | reads, writes |
#' | struct (data frame) | reads, writes | reads | reads, writes |
#' | decimal | reads | reads | reads |
#' | null | reads | reads | reads |
#' | time of day in 32 bits | reads | reads | refuses |
#' | string view | refuses | refuses | refuses |
#' | compressed numbers, zstd | reads | reads | reads |
#' | compressed factor | reads | refuses | reads |
#'
#' @section Errors: `landbridge_codec_missing` when nothing is installed that can do what is asked, such as writing
#'   where there is nanoarrow alone; `landbridge_value_cannot_cross` when a file is damaged or has a column without a
#'   place in R; `landbridge_invalid_field` when the option names no codec.
#' @name landbridge_codecs
#' @examples
#' \dontrun{
#' options(landbridge.codec = "bridge")
#' }
NULL

nanoarrow_codec <- function(installed = is_installed) {
  bridged <- installed("reticulate")
  list(
    name = "nanoarrow", write_columns = if (bridged) write_with_bridge else refuse_to_write,
    read_columns = if (bridged) read_with_nanoarrow_first else read_with_nanoarrow
  )
}

#' What nanoarrow cannot read, the bridge reads, or says what is wrong with it: nanoarrow 0.6 reads neither factors nor
#' compressed files nor decimals.
#' @noRd
read_with_nanoarrow_first <- function(path, ...) {
  tryCatch(read_with_nanoarrow(path), error = function(error) {
    tryCatch(read_with_bridge(path), landbridge_codec_missing = function(missing) stop(error))
  })
}

refuse_to_write <- function(...) {
  abort_landbridge(
    "codec_missing", "Tables can be read but not written: nanoarrow writes neither Arrow files nor factors.",
    hint = "install.packages(\"arrow\"), or install.packages(\"reticulate\") and a Python with pyarrow."
  )
}

read_with_nanoarrow <- function(path, ...) {
  tell_codec("Tables are read by the nanoarrow package.")
  batches <- tryCatch(file_batches(path), error = function(error) refuse_for_nanoarrow(path, conditionMessage(error)))
  fields <- batches$schema$children
  names <- nano_names(fields)
  columns <- lapply(seq_along(fields), function(i) {
    chunks <- lapply(batches$arrays, function(batch) batch$children[[i]])
    tryCatch(read_nano_column(chunks, fields[[i]]), error = function(error) {
      if (inherits(error, "landbridge_error")) stop(error)
      if (!inherits(error, "landbridge_bad_column")) refuse_for_nanoarrow(path, conditionMessage(error), names[[i]])
      refuse_file(path, conditionMessage(error), file_hints$again, names[[i]])
    })
  })
  list(
    columns = columns, names = names, metadata = batches$schema$metadata["landbridge"],
    rows = sum(nano_lengths(batches$arrays))
  )
}

#' The record batches of an Arrow file and their schema; one empty batch where the file has none.
#' @noRd
file_batches <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  if (!identical(readBin(con, "raw", 8), c(charToRaw("ARROW1"), raw(2)))) stop("it does not begin as one")
  stream <- nanoarrow::read_nanoarrow(con)
  on.exit(stream$release(), add = TRUE, after = FALSE)
  schema <- stream$get_schema()
  arrays <- nanoarrow::collect_array_stream(stream, validate = FALSE)
  if (length(arrays) == 0) arrays <- list(nanoarrow::nanoarrow_array_init(schema))
  list(schema = schema, arrays = arrays)
}

#' Refuse what this version of nanoarrow has no way of reading by that reason, and other files as all codecs do.
#' @noRd
refuse_for_nanoarrow <- function(path, problem, column = NULL) {
  if (grepl("not supported|can't convert", problem, ignore.case = TRUE) && !grepl("compress", problem)) {
    hint <- "Install the package arrow, a newer nanoarrow, or reticulate and a Python with pyarrow."
    refuse_file(path, "the installed nanoarrow cannot read it", hint, column, cause = problem)
  }
  refuse_unreadable(path, problem)
}

#' Stop the reading of a column, whose name is known further up.
#' @noRd
refuse_nano_column <- function(reason) {
  stop(structure(
    class = c("landbridge_bad_column", "error", "condition"), list(message = reason, call = NULL)
  ))
}

nano_names <- function(fields) vapply(fields, function(field) field$name, "", USE.NAMES = FALSE)

#' The type as Arrow's own libraries write it, which the hints of a frame keep.
#' @noRd
nano_type_text <- function(schema) {
  if (!is.null(schema$dictionary)) {
    return(sprintf(
      "dictionary<values=%s, indices=%s, ordered=%d>", nano_type_text(schema$dictionary),
      plain_type_text(schema$format), bitwAnd(schema$flags, 1L)
    ))
  }
  fields <- vapply(schema$children, function(field) {
    paste0(field$name, ": ", nano_type_text(field), if (bitwAnd(field$flags, 2L) == 0) " not null")
  }, "")
  inner <- paste(fields, collapse = ", ")
  kind <- sub(":.*$", "", schema$format)
  switch(kind,
    "+s" = sprintf("struct<%s>", inner),
    "+l" = sprintf("list<%s>", inner),
    "+L" = sprintf("large_list<%s>", inner),
    "+w" = sprintf("fixed_size_list<%s>[%d]", inner, format_number(schema)),
    plain_type_text(schema$format)
  )
}

plain_types <- c(
  n = "null", b = "bool", c = "int8", s = "int16", i = "int32", l = "int64", C = "uint8", S = "uint16", I = "uint32",
  L = "uint64", e = "halffloat", f = "float", g = "double", u = "string", U = "large_string", z = "binary",
  Z = "large_binary", tdD = "date32[day]", tts = "time32[s]", ttm = "time32[ms]", ttu = "time64[us]",
  ttn = "time64[ns]", tDs = "duration[s]", tDm = "duration[ms]", tDu = "duration[us]", tDn = "duration[ns]"
)

nano_units <- c(s = "s", m = "ms", u = "us", n = "ns")

plain_type_text <- function(format) {
  if (format %in% names(plain_types)) return(plain_types[[format]])
  detail <- sub("^[^:]*:", "", format)
  switch(sub("^([^:]*).*$", "\\1", format),
    w = sprintf("fixed_size_binary[%s]", detail),
    d = if (lengths(gregexpr(",", detail)) == 1) sprintf("decimal128(%s)", sub(",", ", ", detail)) else format,
    tss = ,
    tsm = ,
    tsu = ,
    tsn = timestamp_text(nano_units[[substr(format, 3, 3)]], detail),
    vu = "string_view",
    vz = "binary_view",
    format
  )
}

timestamp_text <- function(unit, zone) sprintf("timestamp[%s%s]", unit, if (nzchar(zone)) paste0(", tz=", zone) else "")

format_number <- function(schema) as.integer(sub("^[^:]*:", "", schema$format))
