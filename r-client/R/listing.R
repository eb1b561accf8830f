#' Jobs of this gateway
#'
#' @param state,language,experiment names, or NULL for all; several are alternatives
#' @param text what to look for in names and messages
#' @param limit most rows; the newest jobs come first
#' @param sweep a sweep, or its id: its points, in their order
#' @return a tibble (a data frame where tibble is not installed) of `id`, `name`, `language`, `runtime`, `experiment`,
#'   `state`, `cause`, `submitted`, `started`, `ended` (times), `seconds` (running time) `url`
#'   and, of a sweep's points, `point`, counted from 1
#' @export
jobs <- function(state = NULL, language = NULL, experiment = NULL, text = NULL, limit = 50, sweep = NULL) {
  check_option(limit, "limit", is_positive, "It is a positive number.")
  client <- current_client()
  filters <- list(state = state, language = language, experiment = experiment, text = text)
  if (!is.null(sweep)) {
    filters$sweep <- if (is_text(sweep)) sweep else as_job(sweep)$id
    filters$sort <- "point"
  }
  found <- list()
  page <- NULL
  repeat {
    ask <- c(filters, list(limit = min(100, limit - length(found)), page = page))
    answer <- ask_gateway(client, "GET", "/jobs", ask)
    found <- c(found, answer$jobs)
    page <- answer[["next"]]
    if (is.null(page) || length(answer$jobs) == 0 || length(found) >= limit) break
  }
  jobs_frame(found, points = !is.null(sweep))
}

jobs_frame <- function(found, points = FALSE) {
  text <- function(name) texts_of(lapply(found, `[[`, name))
  columns <- list(
    id = text("id"), name = text("name"), language = text("language"), runtime = text("runtime"),
    experiment = text("experiment"), state = text("state"), cause = text("cause"),
    submitted = times_of(text("submitted")), started = times_of(text("started")), ended = times_of(text("ended")),
    seconds = numbers_of(found, "seconds"), url = text("url")
  )
  if (points) columns$point <- as.integer(numbers_of(found, "point") + 1)
  as_frame(columns)
}

as_frame <- function(columns) {
  frame <- as.data.frame(columns, stringsAsFactors = FALSE)
  if (has_package("tibble")) tibble::as_tibble(frame) else frame
}

times_of <- function(texts) as.POSIXct(texts, format = "%Y-%m-%dT%H:%M:%OSZ", tz = "UTC")

numbers_of <- function(found, name) floats_of(lapply(found, `[[`, name))

job_record <- function(job) ask_gateway(job$client, "GET", job_path(job, "record"))

#' What a job reported
#'
#' Up to date while the job runs.
#'
#' @param job a job, or its id
#' @return `metrics()`: a tibble (or data frame) of `name`, `value`, `step` and `at`, in the order of reporting.
#'   `record()`: a list of `metrics`, `params`, `tags`, `progress`, `messages`, `warnings`, `artifacts` (the saved
#'   values, by name) and `files` (a frame of `name`, `object`, `media_type`, `size`).
#' @export
metrics <- function(job) metrics_frame(job_record(as_job(job))$metrics)

metrics_frame <- function(found) {
  as_frame(list(
    name = texts_of(lapply(found, `[[`, "name")), value = numbers_of(found, "value"), step = numbers_of(found, "step"),
    at = times_of(texts_of(lapply(found, `[[`, "at")))
  ))
}

#' Each try at running a job
#'
#' There is more than one only where the task asked for it by `retries`, or where one never began.
#'
#' @param job a job, or its id
#' @return a tibble (or data frame), the first attempt first: `number`, `state` (`"superseded"` for one whose place
#'   another took), `cause`, `message`, `seconds`, `exit_code`, `memory_peak` in bytes, and `late`, what a superseded
#'   one left when it was too late
#' @export
attempts <- function(job) {
  job <- as_job(job)
  found <- ask_gateway(job$client, "GET", job_path(job, "attempts"))$attempts
  field <- function(name) texts_of(lapply(found, `[[`, name))
  as_frame(list(
    number = numbers_of(found, "number"), state = field("state"), cause = field("cause"), message = field("message"),
    seconds = numbers_of(found, "seconds"), exit_code = numbers_of(found, "exit_code"),
    memory_peak = numbers_of(found, "memory_peak"), late = field("late")
  ))
}

#' What the columns of a job's tables became
#'
#' Each column of each table among the arguments and the result of a job has a verdict: `"exact"`, `"equal"` (the same
#' values in another type) or `"lossy"`, told by who sent it and, where it differed on arrival, by the job.
#'
#' @param job a job, or its id
#' @return a tibble (or data frame) of `value` (an argument's name or position, or "result"), `column`, `step` ("sent"
#'   or "received"), `verdict` and `reason`
#' @export
fidelity <- function(job) {
  found <- job_record(as_job(job))$fidelity
  fields <- c("value", "column", "step", "verdict", "reason")
  as_frame(lapply(stats::setNames(nm = fields), function(field) texts_of(lapply(found, `[[`, field))))
}

#' @rdname metrics
#' @export
record <- function(job) {
  job <- as_job(job)
  found <- job_record(job)
  field <- function(entries, name) texts_of(lapply(entries, `[[`, name))
  source <- client_source(job$client)
  values <- lapply(found$artifacts, function(artifact) decode_value(artifact$value, source))
  list(
    metrics = metrics_frame(found$metrics), params = lapply(found$params, plain_param), tags = found$tags,
    progress = found$progress, messages = field(found$messages, "text"), warnings = field(found$warnings, "message"),
    artifacts = stats::setNames(values, field(found$artifacts, "name")),
    files = as_frame(list(
      name = field(found$files, "name"), object = field(found$files, "object"),
      media_type = field(found$files, "media_type"), size = numbers_of(found$files, "size")
    ))
  )
}

plain_param <- function(value) if (is.list(value) && !is.null(value$value)) value$value else value
