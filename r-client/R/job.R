# Job handles. What is known of a job stands in its client, so that all handles of a job agree.

new_job <- function(client, id) structure(list(id = id, client = client), class = "landbridge_job")

#' Keep what an answer for one job says; its handle. `wanted` is the id that was asked for.
#' @noRd
job_from_answer <- function(client, answer, wanted = NULL) {
  job <- answer$job
  if (!is_text(job$id) || !is_text(job$state)) abort_bad_answer(client, "with a job that has no id or no state")
  if (!is.null(wanted) && !identical(job$id, wanted)) {
    abort_bad_answer(client, sprintf("with job %s where %s was asked for", job$id, wanted))
  }
  if (is.numeric(answer$cursor)) {
    # Backwards too: whoever waits from the older place misses nothing, and repeats do no harm.
    client$cursor <- min(client$cursor, answer$cursor)
  }
  old <- client$jobs[[job$id]]
  client$jobs[[job$id]] <- list(
    state = job$state, cause = job$cause, note = job$note, seq = answer$cursor, whole = job,
    warned = isTRUE(old$warned), nul = attr(answer, "nul")
  )
  new_job(client, job$id)
}

known_job <- function(job) job$client$jobs[[job$id]]

look_up <- function(job) {
  job_from_answer(job$client, ask_gateway(job$client, "GET", job_path(job)), job$id)
  known_job(job)
}

job_path <- function(job, part = NULL) paste(c("/jobs", curl::curl_escape(job$id), part), collapse = "/")

ended_states <- c("succeeded", "failed", "cancelled", "lost")

has_ended <- function(job) isTRUE(known_job(job)$state %in% ended_states)

#' The job as JSON after its end; asked for once.
#' @noRd
ended_job <- function(job) {
  known <- known_job(job)
  if (!isTRUE(known$whole$state %in% ended_states)) known <- look_up(job)
  known$whole
}

as_job <- function(job) {
  if (inherits(job, "landbridge_session")) return(job$job)
  if (inherits(job, "landbridge_job")) return(job)
  if (inherits(job, "landbridge_sweep")) return(new_job(job$client, job$id))
  if (is_text(job) && grepl("^job_", job)) return(as_job(get_job(job)))
  refuse_option("job", class(job), "It is what submit() or get_job() returned, or a job's id.")
}

#' Look at a job
#'
#' @param job a job, or its id, or a sweep
#' @return `state()`: one of `waiting`, `queued`, `running`, `succeeded`, `failed`, `cancelled`, `lost`.
#'   `is_done()`: has it ended? `browse()`: the address of the job's page, invisibly.
#' @export
state <- function(job) {
  job <- as_job(job)
  if (has_ended(job)) known_job(job)$state else look_up(job)$state
}

#' @rdname state
#' @export
is_done <- function(job) state(job) %in% ended_states

#' @rdname state
#' @export
browse <- function(job) {
  job <- as_job(job)
  known <- known_job(job)
  url <- if (is.null(known$whole$url)) look_up(job)$whole$url else known$whole$url
  utils::browseURL(url)
  invisible(url)
}

#' Cancel a job
#'
#' A job that has ended is left as it is.
#'
#' @param job a job, or its id, or a sweep: all of its points that have not ended
#' @return the job or the sweep, invisibly
#' @export
cancel <- function(job) {
  known <- as_job(job)
  job_from_answer(known$client, ask_gateway(known$client, "POST", job_path(known, "cancel")), known$id)
  invisible(if (is_text(job)) known else job)
}

#' Run a job once more
#'
#' @param job a job that has ended or not, or its id; a point of a sweep as well, which becomes a job of its own
#' @return a new `landbridge_job` of the same task, values and seed
#' @section Errors: `landbridge_invalid_request` for a sweep and for a session.
#' @export
rerun <- function(job) {
  job <- as_job(job)
  headers <- c("Idempotency-Key" = new_key())
  job_from_answer(job$client, ask_gateway(job$client, "POST", job_path(job, "rerun"), headers = headers))
}

#' A handle of a job by its id
#'
#' @param id such as `"job_0123456789abcdef"`
#' @return a `landbridge_job`, or a `landbridge_sweep` (see [map_jobs()])
#' @section Errors: `landbridge_unknown_job`.
#' @export
get_job <- function(id) {
  check_option(id, "id", is_text, "It is a job's id, such as \"job_0123456789abcdef\".")
  client <- current_client()
  answer <- ask_gateway(client, "GET", job_path(list(id = id)))
  if (is.null(answer$job$points)) job_from_answer(client, answer, id) else new_sweep(client, answer)
}

#' A part of a job's result, as an argument of another job
#'
#' The part goes to the new job on the gateway; it does not pass through this session.
#'
#' @param job a job, or its id
#' @param ... names, or positions counted from 1, from the outside inwards
#' @return a `landbridge_job_part` for [submit()]
#' @export
#' @examples
#' \dontrun{
#' model <- submit(python("fit.py", "fit"), table)
#' submit(summarise, job_part(model, "predictions"))
#' submit(summarise, job_part(model, "folds", 1))
#' }
job_part <- function(job, ...) {
  # The protocol counts from 0.
  path <- lapply(list(...), function(step) {
    if (is_text(step)) return(enc2utf8(step))
    if (is_number(step) && step >= 1 && step == floor(step)) return(as.integer(step) - 1L)
    refuse_option("path", step, "It consists of names and of positions counted from 1.")
  })
  structure(list(job = as_job(job), path = path), class = "landbridge_job_part")
}
