#' The result of a job
#'
#' Waits for the job and brings its result here: tables in the class they were handed in, or, of Python jobs, as
#' tibbles. Warnings of the job are warnings here, once, of the class `landbridge_remote_warning`.
#'
#' @param job a job, or its id, or a sweep
#' @param timeout seconds
#' @param trust load R objects that only R can read (models, plots)? Loading runs what the job's code put into them.
#'   Inside of lists, and from Python, they otherwise are handles of class `landbridge_native` that show their summary.
#' @param on_error of a sweep with points that did not succeed: `"raise"` raises the first one's error, `"return"` has
#'   the conditions among the results, `"skip"` leaves those points out; the names then tell the points that are there
#' @param partial of a sweep: do not wait, with NULL for points that have not ended?
#' @return the value; of a sweep a list, in the order of its points and with the names of what varied
#' @section Errors: `landbridge_job_failed`, with the classes of the remote error, so that
#'   `tryCatch(result(job), my_error = ...)` works; its parent is the remote error, its message shows where it was
#'   raised, `detail$remote` has all that is known. `landbridge_job_cancelled`, `landbridge_job_lost`,
#'   `landbridge_wait_timeout`, `landbridge_needs_trust`.
#' @export
result <- function(job, timeout = Inf, trust = FALSE, on_error = "raise", partial = FALSE) {
  if (is_text(job)) job <- get_job(job)
  if (inherits(job, "landbridge_sweep")) return(sweep_results(job, timeout, trust, on_error, partial))
  job <- as_job(job)
  wait(job, timeout)
  whole <- ended_job(job)
  signal_warnings(job, whole$warnings)
  if (whole$state == "succeeded") return(decode_result(job, whole, trust))
  rlang::cnd_signal(job_condition(job, whole))
}

#' The condition of a job that has no result.
#'
#' @param note a sentence behind the first, of a point of a sweep
#' @param more for the condition's `detail`
#' @noRd
job_condition <- function(job, whole, note = NULL, more = NULL) {
  switch(whole$state,
    failed = job_failed(job, whole, note, more),
    cancelled = job_cancelled(job, note, more),
    lost = job_lost(job, whole, note, more),
    abort_bad_answer(job$client, sprintf("with job %s in the state `%s`", job$id, whole$state))
  )
}

decode_result <- function(job, whole, trust) {
  node <- whole$result
  has_result <- is.list(node) && is_text(node$kind)
  if (!has_result) abort_bad_answer(job$client, "with a job that has succeeded without a result")
  if (node$kind == "native" && identical(node$language, "r") && !isTRUE(trust)) abort_needs_trust(node)
  refuse_nul(known_job(job)$nul, "result")
  decode_value(node, client_source(job$client), trust)
}

abort_needs_trust <- function(node) {
  class <- c(unlist(node$class), "object")[[1]]
  abort_landbridge(
    "needs_trust", sprintf("The result is an R object of class %s; it is loaded only when trusted.", class),
    "Call result(job, trust = TRUE) if you trust the job's code."
  )
}

signal_warnings <- function(job, warnings) {
  known <- known_job(job)
  if (isTRUE(known$warned)) return(invisible())
  known$warned <- TRUE
  job$client$jobs[[job$id]] <- known
  for (one in warnings) {
    classes <- c("landbridge_remote_warning", setdiff(one$category, base_classes), "warning", "condition")
    fields <- list(message = toString(one$message), call = NULL, job = job$id, category = one$category)
    warning(structure(fields, class = classes))
  }
}

base_classes <- c("condition", "error", "warning", "message", "interrupt", "rlang_error", "rlang_warning")

job_cancelled <- function(job, note, more) {
  message <- paste(c(sprintf("Job %s was cancelled.", job$id), note), collapse = " ")
  landbridge_condition("job_cancelled", message, detail = c(list(job = job$id), more))
}

job_lost <- function(job, whole, note, more) {
  reason <- if (is.null(whole$error$message)) toString(whole$note) else whole$error$message
  message <- paste(c(sprintf("Job %s was lost: %s", job$id, reason), note), collapse = " ")
  tail <- unlist(Map(tail_lines, names(whole$error$log_tail), whole$error$log_tail), use.names = FALSE)
  landbridge_condition(
    "job_lost", message, whole$error$hint, c(list(job = job$id, remote = whole$error), more),
    body = tail, text = paste(c(message, tail, whole$error$hint), collapse = "\n")
  )
}

job_failed <- function(job, whole, note, more) {
  remote <- whole$error
  if (!is.list(remote)) remote <- list(type = whole$cause, message = toString(whole$note))
  message <- toString(remote$message)
  classes <- setdiff(unlist(remote$classes), base_classes)
  parent <- structure(
    list(message = message, call = remote_call(remote$call)),
    class = c("landbridge_remote_error", classes, "error", "condition")
  )
  header <- paste(c(failure_header(job, remote), note), collapse = " ")
  around <- list(before = failure_frames(remote), after = failure_notes(remote))
  kind <- paste0(toString(remote$type), if (!is.null(remote$call)) paste0(" in ", remote$call))
  landbridge_condition(
    "job_failed", message, remote$hint, c(list(job = job$id, cause = whole$cause, remote = remote), more),
    parent = parent, class = classes, header = header, body = paste(unlist(around), collapse = "\n"),
    text = paste(c(header, around$before, paste0(kind, ": ", message), around$after, remote$hint), collapse = "\n")
  )
}

remote_call <- function(text) {
  if (is.null(text)) return(NULL)
  tryCatch(str2lang(text), error = function(error) NULL)
}

# Packages that know a remote class have methods for it, which would miss fields of theirs.
#' @export
conditionMessage.landbridge_remote_error <- function(c) c$message # nolint: object_length_linter.

failure_header <- function(job, remote) {
  session <- remote$session
  where <- if (!is.null(session$language)) sprintf(" (%s)", trimws(paste(session$language, session$version)))
  sprintf("Job %s failed%s.", job$id, paste(where, collapse = ""))
}

#' The user's frames, outermost first: each with its line, the last with what stands around it.
#' @noRd
failure_frames <- function(remote) {
  frames <- Filter(function(frame) !isTRUE(frame$ours), remote$frames)
  if (length(frames) == 0) return(NULL)
  last <- seq_along(frames) == length(frames)
  c("Remote traceback, the last call raised:", unlist(Map(frame_lines, frames, last)))
}

frame_lines <- function(frame, around) {
  place <- if (!is.null(frame$file)) paste(c(frame$file, frame$line), collapse = ":")
  head <- paste(c(if (is.null(frame[["function"]])) "<top level>" else frame[["function"]], place), collapse = "  ")
  source <- Filter(function(line) around || identical(as.numeric(line[[1]]), as.numeric(frame$line)), frame$source)
  lines <- vapply(source, function(line) {
    mark <- if (identical(as.numeric(line[[1]]), as.numeric(frame$line))) ">" else " "
    sprintf("    %s %4d | %s", mark, as.integer(line[[1]]), line[[2]])
  }, "")
  c(paste0("  ", head), lines)
}

failure_notes <- function(remote) {
  warnings <- vapply(utils::tail(remote$warnings, 5), function(one) {
    sprintf("Warning before it: %s: %s", if (is.null(one$category)) "warning" else one$category, toString(one$message))
  }, "")
  c(warnings, unlist(Map(tail_lines, names(remote$log_tail), remote$log_tail), use.names = FALSE))
}

tail_lines <- function(name, content) {
  lines <- utils::tail(unlist(strsplit(as.character(unlist(content)), "\r?\n")), 20)
  if (length(lines) > 0) c(sprintf("Last lines of %s:", name), paste0("  ", lines))
}
