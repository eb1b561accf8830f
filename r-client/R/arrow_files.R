# Arrow files that somebody else wrote: checked before a value is made of them. A file that is no Arrow file, is
# damaged, holds a type outside the wire profile, or disagrees with its node is refused in the same sentences as in
# Python.

arrow_magic <- charToRaw("ARROW1")
before_schema <- 8L

file_kinds <- list(
  "a Parquet file" = charToRaw("PAR1"), "a PNG picture" = as.raw(c(0x89, 0x50, 0x4e, 0x47)),
  "a JPEG picture" = as.raw(c(0xff, 0xd8, 0xff)), "an Arrow stream" = as.raw(c(0xff, 0xff, 0xff, 0xff)),
  "a Feather file of version 1" = charToRaw("FEA1"), "a PDF document" = charToRaw("%PDF"),
  "a ZIP archive" = as.raw(c(0x50, 0x4b, 0x03, 0x04)), "a gzip file" = as.raw(c(0x1f, 0x8b)),
  "a zstd file" = as.raw(c(0x28, 0xb5, 0x2f, 0xfd))
)

file_hints <- list(
  send = "Send the table itself, or send the file as a file with as_file().",
  again = "Write the file anew and send it again.",
  cast = "Cast the column to another type before it is sent.",
  plain = "Write the file uncompressed."
)

#' The columns of a node's file, as the codec's read_columns() gives them, after all checks.
#' @noRd
read_object <- function(node, source) {
  path <- source$path(node$object)
  fields <- check_file(path)
  check_descriptor(path, node)
  make_room(file.size(path))
  read <- tryCatch(source$arrow$read_columns(path, fields), error = function(error) {
    if (inherits(error, "landbridge_error")) stop(error)
    refuse_unreadable(path, conditionMessage(error))
  })
  check_agreement(path, read, node)
  read
}

#' Refuse a file that a codec's library could not read.
#' @param problem the library's words
#' @noRd
refuse_unreadable <- function(path, problem) {
  if (grepl("codec|compress", problem, ignore.case = TRUE)) {
    refuse_file(path, "it is compressed with a codec that is not available here", file_hints$plain, cause = problem)
  }
  refuse_file(path, "it is a damaged Arrow file", file_hints$again, cause = problem)
}

#' Is it an Arrow file of the wire profile, as far as its first bytes and its footer tell? Gives the footer's fields.
#' @noRd
check_file <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  size <- file.size(path)
  start <- readBin(con, "raw", 8)
  if (!starts_with_bytes(start, arrow_magic)) {
    refuse_file(path, sprintf("it is %s, not an Arrow file", kind_of_file(start)), file_hints$send)
  }
  seek(con, max(0, size - 10))
  end <- readBin(con, "raw", 10)
  if (length(end) < 10 || !identical(end[5:10], arrow_magic)) {
    refuse_file(path, "it is a truncated Arrow file", file_hints$again)
  }
  length <- readBin(end[1:4], "integer", endian = "little")
  if (is.na(length) || length <= 0 || length > size - 18) {
    refuse_file(path, "it is a damaged Arrow file", file_hints$again)
  }
  seek(con, size - 10 - length)
  check_footer(path, readBin(con, "raw", length), size)
}

check_footer <- function(path, data, size) {
  footer <- tryCatch(read_footer(data, size), landbridge_bad_footer = function(error) {
    refuse_file(path, "it is a damaged Arrow file", file_hints$again, cause = conditionMessage(error))
  })
  if (footer$big_endian) refuse_file(path, "its numbers are big endian", "Write the file on a little endian machine.")
  for (field in footer$fields) check_field(path, field$name, field)
  invisible(footer$fields)
}

starts_with_bytes <- function(bytes, start) identical(bytes[seq_along(start)], start)

kind_of_file <- function(start) {
  if (length(start) == 0) return("an empty file")
  found <- names(Filter(function(magic) starts_with_bytes(start, magic), file_kinds))
  if (length(found) > 0) found[[1]] else "something else"
}

check_field <- function(path, column, field) {
  if (!is.null(field$extension)) {
    reason <- sprintf("the extension type `%s` is not part of the wire profile", field$extension)
    refuse_file(path, reason, "Send the storage of the column.", column)
  }
  if (!is.null(field$outside)) {
    reason <- sprintf("the Arrow type `%s` is not part of the wire profile", field$outside)
    refuse_file(path, reason, file_hints$cast, column)
  }
  for (child in field$children) check_field(path, column, child)
}

#' Offsets, indices of dictionaries, text: everything that reading arrow's table would trust.
#' @noRd
check_content <- function(path, table) {
  if (table$num_columns == 0) return(invisible())
  if (!first_schema(path)$Equals(table$schema)) {
    refuse_file(path, "it is a damaged Arrow file", file_hints$again)
  }
  valid <- tryCatch(table$ValidateFull(), error = function(error) FALSE)
  if (isTRUE(valid)) return(invisible())
  for (i in seq_len(table$num_columns)) {
    problem <- tryCatch(
      {
        table$SelectColumns(i - 1L)$ValidateFull()
        NULL
      },
      error = conditionMessage
    )
    if (!is.null(problem)) refuse_content(path, names(table)[[i]], table$column(i - 1L)$num_chunks, problem)
  }
  refuse_file(path, "it is a damaged Arrow file", file_hints$again)
}

#' The schema as it stands before the batches; the one of the table is the footer's.
#' @noRd
first_schema <- function(path) {
  file <- arrow::ReadableFile$create(path)
  on.exit(file$close())
  file$Read(before_schema)
  arrow::RecordBatchStreamReader$create(file)$schema
}

refuse_content <- function(path, column, chunks, problem) {
  found <- regmatches(problem, regexec("Invalid UTF8 sequence at string index ([0-9]+)", problem))[[1]]
  if (length(found) == 0) refuse_file(path, "its content is damaged", file_hints$again, column, cause = problem)
  if (chunks > 1) refuse_file(path, "its text is not valid UTF-8", file_hints$again, column)
  row <- as.numeric(found[[2]]) + 1
  refuse_file(path, sprintf("its text is not valid UTF-8 (row %.0f)", row), file_hints$again, column, row = row)
}

descriptor_checks <- list(
  class = is.character, names = is.list, columns = is.list, row_names = is.character, rows = is.numeric,
  library = is.list, hint = is.list
)

check_descriptor <- function(path, node) {
  if (!identical(node$kind, "frame")) return(invisible())
  descriptor <- node$descriptor
  if (!is_json_object(descriptor)) refuse_file(path, "its descriptor is no object", file_hints$again)
  for (name in names(descriptor_checks)) {
    value <- descriptor[[name]]
    object <- name %in% c("columns", "library", "hint")
    fine <- is.null(value) || descriptor_checks[[name]](value) && (!object || is_json_object(value))
    if (name == "names") fine <- fine && is.null(names(value)) && all(vapply(value, is_text_or_null, NA))
    if (!fine) refuse_file(path, sprintf("`%s` of its descriptor is of the wrong type", name), file_hints$again)
  }
}

is_json_object <- function(x) is.list(x) && (length(x) == 0 || !is.null(names(x)))

is_text_or_null <- function(x) is.null(x) || is.character(x)

check_agreement <- function(path, read, node) {
  count <- length(read$names)
  if (identical(node$kind, "frame")) {
    rows <- node$rows
    if (is.list(node$columns)) check_names(path, read$names, lapply(node$columns, `[[`, "name"))
  } else {
    rows <- if (is.null(node$shape)) node$n else prod(unlist(node$shape))
    if (count != 1) refuse_file(path, sprintf("its file has %d columns where its node has 1", count), file_hints$again)
  }
  # A table without columns has no rows of its own.
  if (!is.null(rows) && count > 0 && read$rows != rows) {
    reason <- sprintf("its file has %.0f rows where its node has %.0f", read$rows, rows)
    refuse_file(path, reason, file_hints$again)
  }
}

check_names <- function(path, found, said) {
  if (length(found) != length(said)) {
    reason <- sprintf("its file has %d columns where its node has %d", length(found), length(said))
    refuse_file(path, reason, file_hints$again)
  }
  for (i in seq_along(found)) {
    if (identical(enc2utf8(found[[i]]), enc2utf8(said[[i]]))) next
    reason <- sprintf("column %d of its file is `%s` where its node has `%s`", i, found[[i]], said[[i]])
    refuse_file(path, reason, file_hints$again)
  }
}

refuse_file <- function(path, reason, hint, column = NULL, ...) {
  label <- argument_of(path)
  if (!is.null(column)) label <- sprintf("%s[\"%s\"]", label, column)
  cannot_cross(label, reason, hint, c(if (!is.null(column)) list(column = column), list(...)))
}

#' How the job calls the value of this file: the argument's name or position, a free name, else "result".
#' @noRd
argument_of <- function(path) {
  document <- file.path(Sys.getenv("LANDBRIDGE_JOB_FOLDER"), "job.json")
  if (Sys.getenv("LANDBRIDGE_JOB_FOLDER") == "" || !file.exists(document)) return("result")
  job <- parse_protocol_json(paste(readLines(document, encoding = "UTF-8", warn = FALSE), collapse = "\n"))
  reference <- sub("\\.[^.]*$", "", basename(path))
  for (i in seq_along(job$values$items)) {
    item <- job$values$items[[i]]
    if (names_object(item[[2]], reference)) return(if (is.null(item[[1]])) as.character(i) else item[[1]])
  }
  found <- free_name_of(job$task[["function"]], reference)
  if (is.null(found)) "result" else found
}

free_name_of <- function(spec, reference) {
  for (free in spec$free) {
    if (names_object(free$value, reference)) return(free$name)
    found <- free_name_of(free$source, reference)
    if (!is.null(found)) return(found)
  }
  NULL
}

names_object <- function(node, reference) {
  if (!is.list(node)) return(FALSE)
  if (identical(node$object, reference)) return(TRUE)
  for (item in node$items) if (names_object(item[[2]], reference)) return(TRUE)
  FALSE
}
