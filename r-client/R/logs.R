#' What a job printed
#'
#' @param job a job, or its id
#' @param stream `"stdout"`, `"stderr"`, or NULL for both
#' @param tail number of lines from the end; `Inf` for all
#' @param attempt number of the attempt; NULL for the last one
#' @param follow print what comes, until the job has ended? Ctrl-C stops the printing, not the job.
#' @return lines as a character vector; for both streams a list of `stdout` and `stderr`, which prints them.
#'   With `follow`: NULL, invisibly.
#' @export
logs <- function(job, stream = NULL, tail = 100, follow = FALSE, attempt = NULL) {
  check_option(stream, "stream", is_stream, "It is \"stdout\", \"stderr\" or NULL.")
  check_option(tail, "tail", is_duration, "It is a number of lines.")
  check_option(attempt, "attempt", is_positive, "It is the number of an attempt: 1, 2, ...")
  job <- as_job(job)
  streams <- if (is.null(stream)) c("stdout", "stderr") else stream
  if (isTRUE(follow)) return(invisible(follow_logs(job, streams, tail)))
  found <- lapply(stats::setNames(nm = streams), read_log, job = job, tail = tail, attempt = attempt)
  if (is.null(stream)) structure(found, class = "landbridge_logs") else found[[1]]
}

is_stream <- function(x) is_text(x) && x %in% c("stdout", "stderr")

#' @export
print.landbridge_logs <- function(x, ...) {
  for (name in names(x)) {
    if (length(x[[name]]) > 0) cat(cli::format_inline("{.strong {name}}"), x[[name]], sep = "\n")
  }
  if (sum(lengths(unclass(x))) == 0) cat("Nothing was printed.\n")
  invisible(x)
}

log_query <- function(stream, tail, offset = NULL, wait = NULL) {
  if (!is.null(offset)) return(list(stream = stream, offset = offset, wait = wait))
  if (is.infinite(tail) || tail < 1) return(list(stream = stream, offset = 0, wait = wait))
  list(stream = stream, tail = tail, wait = wait)
}

read_log <- function(stream, job, tail, attempt = NULL) {
  texts <- character()
  query <- c(log_query(stream, tail), list(attempt = attempt))
  repeat {
    url <- api_url(job$client, job_path(job, "log"), query)
    answer <- send_call(job$client, list(method = "GET", url = url, seconds = 60))
    texts <- c(texts, answer_text(answer))
    if (log_ended(answer) || length(answer$content) == 0) break
    query <- c(log_query(stream, tail, offset = log_offset(job$client, answer)), list(attempt = attempt))
  }
  lines <- strsplit(paste(texts, collapse = ""), "\r?\n")[[1]]
  if (tail < 1) character() else utils::tail(lines, if (is.infinite(tail)) length(lines) else tail)
}

log_ended <- function(answer) identical(answer$headers[["landbridge-log-end"]], "true")

log_offset <- function(client, answer) {
  offset <- suppressWarnings(as.numeric(answer$headers[["landbridge-offset"]]))
  if (length(offset) != 1 || is.na(offset)) abort_bad_answer(client, "without saying where the log goes on")
  offset
}

#' Print the streams side by side as they come: one held request for each.
#' @noRd
follow_logs <- function(job, streams, tail) {
  pool <- curl::new_pool()
  followed <- new.env(parent = emptyenv())
  followed$failures <- 0L
  for (stream in streams) follow_stream(job, log_query(stream, tail, wait = 20), pool, followed)
  curl::multi_run(pool = pool)
  if (!is.null(followed$problem)) rlang::cnd_signal(followed$problem)
  NULL
}

follow_stream <- function(job, query, pool, followed) {
  call <- list(method = "GET", url = api_url(job$client, job_path(job, "log"), query), seconds = 60)
  handle <- curl::handle_setopt(call_handle(job$client, call, new.env(parent = emptyenv())), url = call$url)
  # A condition thrown through curl's callback would leave the pool half done.
  guarded <- function(expression) tryCatch(expression, error = function(error) followed$problem <- error)
  done <- function(answer) {
    guarded({
      answer <- check_answer(job$client, parsed_answer(answer))
      followed$failures <- 0L
      cat(answer_text(answer), file = if (query$stream == "stderr") stderr() else stdout())
      following <- log_query(query$stream, offset = log_offset(job$client, answer), wait = 20)
      if (!log_ended(answer)) follow_stream(job, following, pool, followed)
    })
  }
  fail <- function(reason) {
    guarded({
      followed$failures <- followed$failures + 1L
      if (followed$failures >= most_tries) abort_unreachable(job$client, reason)
      Sys.sleep(pause_seconds(list(), followed$failures))
      follow_stream(job, query, pool, followed)
    })
  }
  curl::multi_add(handle, done = done, fail = fail, pool = pool)
}
