# Waiting: one request for all jobs of a client, answered by the gateway when something changes.

longest_wait <- 30
most_named <- 50L

#' Wait for jobs to end
#'
#' However many jobs, one request waits for all of them. Ctrl-C stops the waiting, not the jobs.
#'
#' @param job a job, a list of jobs, or a sweep
#' @param timeout seconds
#' @param progress of a sweep: show how far it is? NULL does so in interactive sessions
#' @return `job`, invisibly, when all have ended, however they did
#' @section Errors: `landbridge_wait_timeout`.
#' @export
wait <- function(job, timeout = Inf, progress = NULL) {
  check_option(timeout, "timeout", is_duration, "It is a number of seconds.")
  if (inherits(job, "landbridge_sweep")) {
    wait_sweep(job, timeout, progress)
    return(invisible(job))
  }
  jobs <- if (inherits(job, "landbridge_job") || is_text(job)) list(as_job(job)) else lapply(job, as_job)
  deadline <- seconds_now() + timeout
  addresses <- vapply(jobs, function(one) rlang::obj_address(one$client), "")
  for (same in split(jobs, addresses)) await(same, deadline, timeout)
  invisible(job)
}

is_duration <- function(x) is.numeric(x) && length(x) == 1 && !is.na(x) && x >= 0

seconds_now <- function() proc.time()[["elapsed"]]

#' @param jobs of one client
#' @noRd
await <- function(jobs, deadline, timeout) {
  status <- status_line()
  on.exit(status$clear())
  heard <- new.env(parent = emptyenv())
  tryCatch(
    repeat {
      open <- Filter(Negate(has_ended), jobs)
      if (length(open) == 0) break
      left <- deadline - seconds_now()
      status$show(waiting_text(open))
      quiet <- read_events(open[[1]]$client, max(0, min(left, longest_wait)), open, heard, all = status$shows)
      # The truth is asked for after a silence: of a job that the gateway has forgotten no event comes.
      if (quiet && left > longest_wait) look_up(open[[1]])
      if (left <= 0) refuse_longer_wait(Filter(Negate(has_ended), jobs), timeout)
    },
    interrupt = function(interrupt) {
      tell_stopped(Filter(Negate(has_ended), jobs))
      rlang::interrupt()
    }
  )
}

refuse_longer_wait <- function(open, timeout) {
  if (length(open) == 0) return(invisible())
  job <- open[[1]]
  abort_landbridge(
    "wait_timeout", sprintf("Job %s is still %s after %s s.", job$id, known_job(job)$state, format(timeout)),
    "It goes on; ask again, or cancel(job) ends it.", list(job = job$id)
  )
}

tell_stopped <- function(open) {
  if (length(open) == 0) return(invisible())
  job <- open[[1]]
  more <- if (length(open) > 1) sprintf(" and %d more go", length(open) - 1) else " goes"
  message(sprintf(
    "Stopped waiting; job %s%s on: %s (to cancel: cancel(\"%s\"))", job$id, more,
    toString(known_job(job)$whole$url), job$id
  ))
}

#' Read the ends since the last look, or all changes, waiting for the first; TRUE when there were none.
#'
#' @param open jobs; few enough are named, and the gateway wakes us for these alone
#' @param heard environment of one wait: how far the named jobs were heard of
#' @noRd
read_events <- function(client, seconds, open, heard, all = FALSE) {
  if (length(open) > most_named) {
    answer <- ask_gateway(client, "GET", "/events", events_query(client, seconds, all), seconds = seconds + 30)
    fold_events(client, answer)
  } else {
    query <- events_query(client, seconds, all)
    query$after <- max(query$after, heard$cursor)
    query$job <- vapply(open, `[[`, "", "id")
    answer <- ask_gateway(client, "GET", "/events", query, seconds = seconds + 30)
    # Of jobs that were not named we know no more than before: the client's own cursor stays.
    heard$cursor <- fold_all(client, answer)
  }
  length(answer$events) == 0
}

events_query <- function(client, seconds, all = FALSE) {
  list(after = client$cursor, wait = round(seconds, 3), ends = if (!all) "only")
}

fold_events <- function(client, answer) {
  cursor <- fold_all(client, answer)
  client$cursor <- max(client$cursor, cursor)
}

fold_all <- function(client, answer) {
  if (!is.numeric(answer$cursor)) abort_bad_answer(client, "with events that have no cursor")
  for (event in answer$events) fold_event(client, event, answer$jobs[[event$job]])
  answer$cursor
}

#' @param whole the job itself, where it came with the event
#' @noRd
fold_event <- function(client, event, whole = NULL) {
  known <- client$jobs[[event$job]]
  if (is.null(known) || known$state %in% ended_states) return(invisible())
  if (is.numeric(known$seq) && event$seq <= known$seq) return(invisible())
  known$state <- event$state
  known["cause"] <- list(event$cause)
  known["note"] <- list(event$note)
  known$seq <- event$seq
  if (!is.null(whole)) known$whole <- whole
  client$jobs[[event$job]] <- known
}

waiting_text <- function(open) {
  known <- known_job(open[[1]])
  text <- sprintf("%s: %s", known$whole$name, if (is.null(known$note)) known$state else known$note)
  if (length(open) > 1) sprintf("%s (%d jobs open)", text, length(open)) else text
}

#' A line that says what is waited for; silent in scripts, unless it is wanted there.
#' @noRd
status_line <- function(wanted = NULL) {
  somebody_looks <- isTRUE(getOption("landbridge.verbose", interactive())) && cli::is_dynamic_tty()
  if (isTRUE(wanted) && !somebody_looks) {
    return(list(show = function(text) cat("\r", text, sep = "", file = stderr()), clear = function() {
      cat("\n", file = stderr())
    }, shows = TRUE))
  }
  if (identical(wanted, FALSE) || !somebody_looks) {
    return(list(show = function(text) NULL, clear = function() NULL, shows = FALSE))
  }
  id <- cli::cli_status("{.emph waiting}", .auto_close = FALSE)
  list(
    show = function(text) cli::cli_status_update(id, "{text}"),
    clear = function() cli::cli_status_clear(id), shows = TRUE
  )
}
