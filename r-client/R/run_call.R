# A call of Python's landbridge.bridge.r(), which holds this R through rpy2. A call is a folder, laid out as a job's:
# job.json with function and arguments, files in out/objects, and the outcome in out/answer.json.

#' Run the call of a folder; its result or error is told there, so this never fails for the function's own reasons.
#' @noRd
run_call <- function(folder) {
  spec <- read_json_file(file.path(folder, "job.json"))
  # Another language's frames of this call alone tell what its result was there.
  in_job_state$given <- NULL
  in_job_state$values <- NULL
  on_loss <- spec$task$on_loss
  if (length(told_python()) == 0) options(landbridge.bridge_python = spec$python)
  if (!is.null(spec$seed)) {
    seed_job(spec$seed)
  }
  heard <- call_events(folder)
  # Warnings are shown by Python, and rpy2's R calls itself interactive.
  shown <- options(
    warn = if (getOption("warn") >= 2) 2L else -1L, landbridge.verbose = getOption("landbridge.verbose", FALSE)
  )
  on.exit({
    options(shown)
    close(heard$connection)
  })
  source <- c(call_source(spec$places), list(remembers = TRUE, events = heard, on_loss = on_loss))
  sink <- call_sink(folder, "python", on_loss)
  code <- list()
  run <- function() {
    refuse_nul(attr(spec, "nul"), "values")
    withCallingHandlers(
      encode_value(run_function(spec$task[["function"]], spec$values$items, source, sink), sink, "result"),
      landbridge_error = function(error) code <<- error_code(error)
    )
  }
  outcome <- run_guarded(run, heard)
  told <- if (is.null(outcome$error)) list(node = outcome$value) else list(error = c(outcome$error, code))
  write_json_file(c(told, list(warnings = call_warnings(heard))), file.path(folder, "out", "answer.json"))
}

error_code <- function(error) {
  if (inherits(error, "landbridge_python_error")) list() else drop_null(list(code = error$code, hint = error$hint))
}

#' The events of a call, apart from those of the job around it.
#' @noRd
call_events <- function(folder) {
  events <- new.env(parent = emptyenv())
  events$folder <- folder
  events$connection <- file(file.path(folder, "out", "events.jsonl"), "ab")
  events
}

call_warnings <- function(events) {
  lines <- readLines(file.path(events$folder, "out", "events.jsonl"), encoding = "UTF-8", warn = FALSE)
  told <- Filter(function(one) identical(one$event, "warning"), lapply(lines, parse_protocol_json))
  lapply(told, function(one) one[c("message", "category")])
}

#' The files of a call in one of its places: its own, and those of the job around it, or what earlier calls left.
#' @noRd
call_source <- function(places) {
  path <- function(id) {
    name <- if (startsWith(id, "new:")) substring(id, 5) else paste0(id, c("", ".arrow", ".rds", ".pkl", ".bin"))
    found <- unlist(lapply(places, file.path, name))
    found <- found[file.exists(found)]
    if (length(found) == 0) abort_landbridge("unknown_object", sprintf("There is no file of the object %s.", id))
    found[[1]]
  }
  list(path = path, arrow = arrow_codec())
}

#' Files of a call, for the language that reads them.
#' @noRd
call_sink <- function(folder, reader, on_loss) {
  sink <- handing_sink(call_objects(folder))
  sink$hints <- TRUE
  sink$reader <- reader
  sink$on_loss <- on_loss
  sink
}

call_objects <- function(folder) file.path(folder, "out", "objects")

read_json_file <- function(path) {
  # Raw: else it is opened twice, to see whether it is compressed.
  document <- file(path, "r", raw = TRUE)
  on.exit(close(document))
  parse_protocol_json(paste(readLines(document, encoding = "UTF-8", warn = FALSE), collapse = "\n"))
}

write_json_file <- function(x, path) {
  con <- file(path, "wb")
  on.exit(close(con))
  writeLines(protocol_json(x), con, useBytes = TRUE)
}
