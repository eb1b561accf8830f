# A worker that is started before there is a job for it: it does all that is slow the first time, and waits.

#' Where the worker is a warm one, make ready and wait at the folder's pipe; FALSE when whoever would have sent the job
#' is gone. The pipe is opened last: that there is a reader says that the worker is ready.
#' @noRd
await_job <- function(folder) {
  warm <- nzchar(Sys.getenv("LANDBRIDGE_WARM"))
  Sys.unsetenv("LANDBRIDGE_WARM")
  if (!warm) return(TRUE)
  rehearse()
  # What the rehearsal leaves is cleared away now: in the middle of a short job that would be half of its time.
  gc(full = TRUE)
  warm_state$warm <- TRUE
  pipe <- fifo(file.path(folder, "go"), "r", blocking = TRUE)
  on.exit(close(pipe))
  identical(readLines(pipe, n = 1L), "go")
}

warm_state <- new.env(parent = emptyenv())

#' Leave the processors to those who wait for the result of a warm worker: ending takes one for tens of milliseconds.
#' @noRd
breathe <- function() if (isTRUE(warm_state$warm)) Sys.sleep(0.02)

#' Encode and decode a small table, and read and write JSON: what that uses is loaded and compiled.
#' @noRd
rehearse <- function() {
  place <- tempfile("rehearsal-")
  dir.create(place)
  on.exit(unlink(place, recursive = TRUE))
  sample <- data.frame(
    n = 1:2, x = c(0.5, NA), s = c("a", NA), f = factor(c("a", NA)),
    t = as.POSIXct(c("2024-01-01 00:00:00", NA), tz = "UTC"), d = as.Date(c("2024-01-01", NA))
  )
  sink <- handing_sink(place)
  # Tables of Python are tibbles here.
  for (value in list(sample, as_frame_class(sample, "tbl_df"), list(a = 1:3, b = "text"), 1:3)) {
    node <- parse_protocol_json(protocol_json(encode_value(value, sink, "sample")))
    decode_value(node, call_source(place), trust = TRUE)
  }
  session_versions()
  spec <- list(type = "source", name = "f", text = "f <- function() 1L", line = 1L)
  run_guarded(function() run_function(spec, list(), call_source(place), sink), event_log(place))
  in_job_state$events <- NULL
  # A random number that was drawn on the way is not the job's.
  rm(list = intersect(".Random.seed", ls(globalenv(), all.names = TRUE)), envir = globalenv())
}
