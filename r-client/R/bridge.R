# Arrow files without the arrow package: a child R process with reticulate and a Python with pyarrow, started at the
# first table, kept for the session, gone with it. A child, because a Python loaded into this process could not be
# another one later, and crashes beside rpy2. The buffers' layout is described in inst/python/landbridge_bridge.py.

bridge_state <- new.env(parent = emptyenv())

bridge_codec <- function() {
  list(name = "bridge", write_columns = write_with_bridge, read_columns = read_with_bridge)
}

write_with_bridge <- function(columns, n, path, metadata) {
  buffers <- tempfile("landbridge-", fileext = ".buffers")
  on.exit(unlink(buffers))
  con <- file(buffers, "wb")
  specs <- tryCatch(put_fields(con, columns), finally = close(con))
  if (length(metadata) == 0) metadata <- structure(list(), names = character())
  answer <- ask_bridge(list(
    call = "write", buffers = buffers, arrow = absolute_path(path), columns = specs, metadata = metadata
  ))
  as.character(unlist(answer$types))
}

read_with_bridge <- function(path, ...) {
  buffers <- tempfile("landbridge-", fileext = ".buffers")
  on.exit(unlink(buffers))
  answer <- ask_bridge(list(call = "read", buffers = buffers, arrow = absolute_path(path)))
  if (!is.null(answer$unreadable)) refuse_unreadable(path, answer$unreadable)
  damaged <- answer$damaged
  if (!is.null(damaged)) refuse_content(path, damaged$column, damaged$chunks, damaged$problem)
  con <- file(buffers, "rb")
  on.exit(close(con), add = TRUE)
  list(
    columns = lapply(answer$columns, function(spec) take_column(con, spec)),
    names = texts_of(lapply(answer$columns, `[[`, "name")),
    metadata = list(landbridge = answer$metadata), rows = answer$rows
  )
}

absolute_path <- function(path) file.path(normalizePath(dirname(path)), basename(path))

put_bytes <- function(con, x) writeBin(x, con, endian = "little")

#' Write a column's buffers; its description for Python.
#' @noRd
put_column <- function(con, column) {
  data <- column$data
  n <- column_size(column)
  fields <- switch(column$type,
    bool = put_bytes(con, as.raw(ifelse(is.na(data), 2L, as.integer(data)))),
    int32 = ,
    date32 = put_bytes(con, as.integer(data)),
    int64 = put_bytes(con, `oldClass<-`(data, NULL)),
    float64 = put_bytes(con, as.double(data)),
    uint8 = put_bytes(con, data),
    complex = put_complex(con, data),
    utf8 = put_texts(con, data),
    timestamp = ,
    duration = ,
    time64 = put_times(con, column),
    dictionary = put_factor(con, column),
    binary = put_cells(con, data, list(type = "uint8", data = as.raw(unlist(data)))),
    list = put_list(con, column),
    fixed_list = list(size = column$size, child = put_column(con, column$child)),
    struct = list(fields = put_fields(con, column$columns))
  )
  c(list(type = column$type, n = n), fields)
}

column_size <- function(column) {
  switch(column$type,
    timestamp = ,
    duration = ,
    time64 = length(column_parts(column)$seconds),
    dictionary = length(column$codes),
    list = length(column$lengths),
    fixed_list = ,
    struct = column$n,
    length(column$data)
  )
}

put_list <- function(con, column) {
  put_bytes(con, column$lengths)
  list(child = put_column(con, column$child))
}

put_fields <- function(con, columns) {
  Map(function(column, name) c(list(name = name), put_column(con, column)), columns, names(columns), USE.NAMES = FALSE)
}

put_complex <- function(con, x) {
  put_bytes(con, as.raw(is_missing(Re(x))))
  put_bytes(con, Re(x))
  put_bytes(con, Im(x))
  NULL
}

put_texts <- function(con, x) {
  put_bytes(con, as.raw(is.na(x)))
  x[is.na(x)] <- ""
  writeBin(as_utf8(x), con, useBytes = TRUE)
  list(bytes = sum(nchar(x, "bytes")) + length(x))
}

put_times <- function(con, column) {
  parts <- column_parts(column)
  put_bytes(con, as.double(parts$seconds))
  put_bytes(con, as.double(parts$part))
  list(unit = column$unit, tz = column$tz)
}

put_factor <- function(con, column) {
  put_bytes(con, column$codes)
  list(
    ordered = column$ordered,
    levels = put_column(con, list(type = "utf8", data = column$levels))
  )
}

put_cells <- function(con, cells, child) {
  missing <- vapply(cells, is.null, NA)
  put_bytes(con, ifelse(missing, -1L, lengths(cells)))
  list(child = put_column(con, child))
}

#' Read the next column of buffers that Python wrote.
#' @noRd
take_column <- function(con, spec) {
  n <- spec$n
  column <- list(type = spec$type)
  switch(spec$type,
    bool = column$data <- c(FALSE, TRUE, NA)[as.integer(take_raw(con, n)) + 1L],
    int32 = ,
    date32 = column$data <- readBin(con, "integer", n, endian = "little"),
    int64 = column$data <- take_long(con, spec),
    float64 = column$data <- take_doubles(con, n),
    complex = column$data <- take_complex(con, n),
    utf8 = column$data <- take_texts(con, spec),
    timestamp = ,
    duration = ,
    time64 = column <- take_times(con, spec),
    dictionary = {
      column$codes <- readBin(con, "integer", n, endian = "little")
      column$levels <- take_texts(con, spec$levels)
      column$ordered <- spec$ordered
    },
    binary = column$data <- take_binary(con, spec),
    list = {
      column$lengths <- readBin(con, "integer", n, endian = "little")
      column$child <- take_column(con, spec$child)
    },
    fixed_list = {
      column[c("n", "size")] <- spec[c("n", "size")]
      column$missing <- take_missing(con, spec)
      column$child <- take_column(con, spec$child)
    },
    struct = column <- take_struct(con, spec)
  )
  column[names(column_remarks(spec))] <- column_remarks(spec)
  column
}

column_remarks <- function(spec) spec[intersect(c("arrow", "corrupt", "beyond", "digits", "nul"), names(spec))]

take_missing <- function(con, spec) if (isTRUE(spec$missing)) take_raw(con, spec$n) == as.raw(1)

take_struct <- function(con, spec) {
  missing <- take_missing(con, spec)
  columns <- lapply(spec$fields, function(field) take_column(con, field))
  names(columns) <- texts_of(lapply(spec$fields, `[[`, "name"))
  list(type = "struct", n = spec$n, columns = columns, missing = missing)
}

take_raw <- function(con, n) readBin(con, "raw", n)

take_doubles <- function(con, n) readBin(con, "double", n, endian = "little")

take_long <- function(con, spec) {
  numbers <- take_doubles(con, spec$n)
  if (spec$as == "int64") structure(numbers, class = "integer64") else numbers
}

take_complex <- function(con, n) {
  missing <- take_raw(con, n) == as.raw(1)
  x <- complex(real = take_doubles(con, n), imaginary = take_doubles(con, n))
  replace(x, missing, NA_complex_)
}

take_texts <- function(con, spec) {
  missing <- take_raw(con, spec$n) == as.raw(1)
  # From a raw vector: from a connection R breaks texts at 10,000 bytes.
  texts <- readBin(take_raw(con, spec$bytes), "character", spec$n)
  Encoding(texts) <- "UTF-8"
  texts[missing] <- NA_character_
  texts
}

take_times <- function(con, spec) {
  seconds <- take_doubles(con, spec$n)
  per <- c(s = 1, ms = 1e3, us = 1e6, ns = 1e9)[[spec$unit]]
  parts <- list(seconds = seconds, part = take_doubles(con, spec$n), per = per)
  list(type = spec$type, parts = parts, unit = spec$unit, tz = spec$tz)
}

take_binary <- function(con, spec) {
  lengths <- readBin(con, "integer", spec$n, endian = "little")
  cut_cells(take_raw(con, spec$bytes), lengths)
}

#' Send a request to the bridge and wait for its answer; the bridge is started when there is none.
#' @noRd
ask_bridge <- function(request) {
  if (!identical(bridge_state$process, Sys.getpid())) leave_bridge()
  if (is.null(bridge_state$requests)) start_bridge()
  bridge_state$count <- bridge_state$count + 1L
  # With the process: one fork after another may share a bridge, and must not take an answer to what another asked.
  id <- paste0(Sys.getpid(), "-", bridge_state$count)
  writeLines(protocol_json(c(list(id = id), request)), bridge_state$requests, useBytes = TRUE)
  flush(bridge_state$requests)
  answer <- bridge_answer(id)
  if (!is.null(answer$error)) {
    reason <- sub("\\.$", "", answer$error)
    abort_landbridge("value_cannot_cross", sprintf("A table cannot cross the bridge: %s.", reason))
  }
  answer
}

#' A fork leaves the bridge to the process that started it: both would read the answers of both. The connections are
#' kept, because closing them would wait for a child of that process.
#' @noRd
leave_bridge <- function() {
  bridge_state$inherited <- mget(c("requests", "answers"), bridge_state, ifnotfound = list(NULL))
  bridge_state$requests <- bridge_state$answers <- NULL
  bridge_state$process <- Sys.getpid()
}

#' For a fork that the other process waits for: it goes on with the bridge that is there.
#' @noRd
share_bridge <- function() bridge_state$process <- Sys.getpid()

start_bridge <- function() {
  python <- bridge_python()
  if (is.null(python)) abort_no_bridge("no Python with pyarrow was found")
  tell_codec(sprintf("Tables pass through the reticulate bridge with %s.", python))
  folder <- tempfile("landbridge-bridge-")
  dir.create(folder, mode = "0700")
  answers <- file.path(folder, "answers")
  if (system2("mkfifo", shQuote(answers)) != 0) abort_no_bridge("this system has no named pipes")
  # The last word comes from the shell, so that a bridge which dies is an answer too.
  command <- sprintf(
    "exec 2>%s >%s; %s --vanilla %s %s %s; echo 'landbridge {\"ended\":true}'",
    shQuote(file.path(folder, "errors.log")), shQuote(answers), shQuote(file.path(R.home("bin"), "Rscript")),
    shQuote(package_file("bridge", "bridge.R")),
    shQuote(python), shQuote(package_file("python"))
  )
  bridge_state$folder <- folder
  bridge_state$requests <- pipe(command, "w")
  bridge_state$answers <- fifo(answers, "r", blocking = TRUE)
  bridge_state$count <- 0L
  started <- bridge_answer("0")
  if (!is.null(started$error)) {
    stop_bridge()
    abort_no_bridge(started$error)
  }
  bridge_state$pid <- started$pid
}

package_file <- function(...) system.file(..., package = "landbridge", mustWork = TRUE)

#' The answer to a request; answers to earlier requests, whose waiting was interrupted, are passed over.
#' @noRd
bridge_answer <- function(id) {
  repeat {
    line <- readLines(bridge_state$answers, n = 1L, encoding = "UTF-8", warn = FALSE)
    if (length(line) > 0 && !startsWith(line, "landbridge ")) next
    answer <- if (length(line) == 0) list(ended = TRUE) else parse_protocol_json(substring(line, 12))
    if (isTRUE(answer$ended)) {
      errors <- file.path(bridge_state$folder, "errors.log")
      words <- tryCatch(readLines(errors, warn = FALSE), error = function(error) "")
      stop_bridge()
      abort_no_bridge(paste(c("its process ended", utils::tail(words, 3)), collapse = "; "))
    }
    if (identical(as.character(answer$id), id)) return(answer)
  }
}

stop_bridge <- function() {
  for (name in c("requests", "answers")) {
    if (!is.null(bridge_state[[name]])) suppressWarnings(close(bridge_state[[name]]))
    bridge_state[[name]] <- NULL
  }
  unlink(bridge_state$folder, recursive = TRUE)
}

abort_no_bridge <- function(reason) {
  abort_landbridge(
    "codec_missing",
    sprintf("Tables need Arrow; the package arrow is missing and the reticulate bridge cannot start: %s.", reason),
    hint = "install.packages(\"arrow\"), or point options(landbridge.bridge_python =) at a Python with pyarrow."
  )
}

#' The Python of the bridge: option, environment, the `landbridge` command's own, the gateway's, python3. NULL when none
#' has pyarrow.
#' @noRd
bridge_python <- function() {
  variables <- Sys.getenv(c("LANDBRIDGE_BRIDGE_PYTHON", "RETICULATE_PYTHON"), names = FALSE)
  told <- c(getOption("landbridge.bridge_python"), variables)
  told <- told[nzchar(told)]
  if (length(told) > 0) return(path.expand(told[[1]]))
  found <- c(command_python(), gateway_python(), Sys.which("python3"))
  for (python in unique(found[nzchar(found)])) if (has_pyarrow(python)) return(python)
  NULL
}

command_python <- function() {
  command <- Sys.which("landbridge")
  if (!nzchar(command)) return(NULL)
  python <- file.path(dirname(normalizePath(command)), "python")
  if (file.exists(python)) python
}

gateway_python <- function() {
  home <- Sys.getenv("LANDBRIDGE_HOME", "~/.landbridge")
  path <- file.path(path.expand(home), "gateway.json")
  if (!file.exists(path)) return(NULL)
  python <- tryCatch(jsonlite::fromJSON(path)$python, error = function(error) NULL)
  if (is.character(python) && file.exists(python)) python
}

has_pyarrow <- function(python) {
  probe <- c("-c", shQuote("import pyarrow, numpy"))
  identical(suppressWarnings(system2(python, probe, stdout = FALSE, stderr = FALSE)), 0L)
}
