# A session's worker: one process that runs call after call, each in a job folder of its own, and keeps its state: the
# packages that are attached, and what code assigns in the global environment.

session_state <- new.env(parent = emptyenv())

#' Answer the requests of a session until it is told to end; then its own result stands in the folder.
#' @noRd
work_session <- function(folder) {
  session_state$log <- NULL
  for (name in c("quit", "q")) replace_in_base(name, quit_of_call)
  # Without links on the way, as what is made of it for each call.
  calls <- file.path(Sys.getenv("LANDBRIDGE_JOB_FOLDER"), "calls")
  done <- new.env(parent = emptyenv())
  repeat {
    request <- next_request(file.path(calls, "requests"))
    if (request == "end") break
    if (is.null(done[[request]])) run_call_of_session(file.path(calls, request))
    done[[request]] <- TRUE
  }
  move_streams(folder)
  finish_job(folder, list(value = list(kind = "null")))
}

#' One line of the pipe. Its end is the end of who wrote it, not of the session: another will come.
#' @noRd
next_request <- function(path) {
  repeat {
    # Between calls there is nothing to interrupt.
    line <- tryCatch(read_request(path), interrupt = function(interrupt) character())
    if (length(line) > 0) return(line[[1]])
  }
}

read_request <- function(path) {
  if (is.null(session_state$requests)) session_state$requests <- fifo(path, "r", blocking = TRUE)
  line <- readLines(session_state$requests, n = 1L)
  if (length(line) == 0) {
    close(session_state$requests)
    session_state$requests <- NULL
  }
  line
}

run_call_of_session <- function(folder) {
  session <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  move_streams(folder)
  forget_call()
  on.exit({
    forget_secrets()
    close_events()
    move_streams(session)
    Sys.setenv(LANDBRIDGE_JOB_FOLDER = session)
  })
  spec <- tryCatch(read_job(folder), error = function(error) NULL)
  if (is.null(spec)) quit_process(64L)
  Sys.setenv(LANDBRIDGE_JOB_FOLDER = folder)
  seed_job(spec$seed)
  finish_job(folder, outcome_of_call(spec, folder))
}

outcome_of_call <- function(spec, folder) {
  events <- event_log(folder)
  write_started(events)
  stopped <- function(message, class) {
    condition <- structure(class = c(class, "error", "condition"), list(message = message, call = NULL))
    list(error = error_document(condition, list(), list()))
  }
  tryCatch(
    run_guarded(function() run_job(spec, folder), events),
    interrupt = function(interrupt) stopped("interrupted", "interrupt"),
    landbridge_quit = function(quit) {
      if (!is.null(quit$outcome)) return(quit$outcome)
      stopped(sprintf("quit() was called with status %d.", quit$status), "landbridge_quit")
    }
  )
}

#' What quit() does inside a session: it ends the call, not the process.
#' @noRd
quit_of_call <- function(save = "default", status = 0, runLast = TRUE) { # nolint: object_name_linter.
  leave_call(as.integer(status))
}

#' @param outcome what the call is to end with, or NULL when it was cut short
#' @noRd
leave_call <- function(status, outcome = NULL) {
  condition <- structure(
    class = c("landbridge_quit", "condition"), list(message = "quit", call = NULL, status = status, outcome = outcome)
  )
  signalCondition(condition)
}

#' Nothing that one call remembers of its values is the next one's.
#' @noRd
forget_call <- function() {
  for (name in c("values", "given", "mapped", "on_loss")) in_job_state[[name]] <- NULL
}

close_events <- function() {
  connection <- in_job_state$events$connection
  if (!is.null(connection)) try(close(connection), silent = TRUE)
  in_job_state$events <- NULL
}

#' Let the streams of this process go to the logs of a folder, for compiled code and child processes too.
#'
#' R cannot move a descriptor, but a file that is opened takes the lowest one that is free.
#' @noRd
move_streams <- function(folder) {
  while (sink.number() > 0) sink()
  # Not by flush(), which looks for a method each time.
  flush.connection(stdout())
  flush.connection(stderr())
  before <- session_state$log
  session_state$log <- lapply(1:2, function(descriptor) {
    if (is.null(before)) close_descriptor(descriptor) else close(before[[descriptor]])
    file(file.path(folder, "out", c("stdout.log", "stderr.log")[[descriptor]]), "ab", raw = TRUE)
  })
}

close_descriptor <- function(descriptor) {
  utils::getFromNamespace("closeFD", "parallel")(descriptor)
}
