# Sessions: one held container for interactive work, whose state stays between calls.

#' Hold a container for interactive work
#'
#' A session is a container that is yours until it is ended: packages stay attached, and what code assigns in the global
#' environment (`x <<- ...`) stays there for the next call. Its jobs run one after another, in the order they came; each
#' is recorded as any other. A session is listed, shown and logged like a job.
#'
#' @param runtime a language, or a language with its version, such as `"python:3.14"`; R's default when NULL
#' @param language `"r"` or `"python"`: of the jobs, where the runtime has both
#' @param idle seconds that it may wait for a job before it ends by itself (3600)
#' @param ... options of [task()]: `packages`, `image`, `cpus`, `memory`, `pids`, `disk`, `network`, `name`,
#'   `experiment`, `tags`, `seed`
#' @return a `landbridge_session`, at once: `s$submit(f, ...)` is [submit()] in this session, `s$id` its id, and
#'   `s$job` its handle as a job. `close(s)` ends it once the jobs that it was given have ended, `cancel(s)` at once.
#' @section Errors: `landbridge_invalid_field`, `landbridge_unknown_option`, `landbridge_unknown_runtime`,
#'   `landbridge_overloaded` when the gateway holds no more; a job for a session that has ended is
#'   `landbridge_conflict`.
#' @export
#' @examples
#' \dontrun{
#' s <- session("python:3.14")
#' s$submit(python("def load(n):\n    global table\n    table = list(range(n))\n"), 10)
#' result(s$submit(python("def total():\n    return sum(table)\n")))
#' close(s)
#' }
session <- function(runtime = NULL, language = NULL, idle = NULL, ...) {
  options <- list(...)
  known <- c("packages", "image", "cpus", "memory", "pids", "disk", "network", "name", "experiment", "tags", "seed")
  unknown <- setdiff(names(options), known)
  if (length(options) > 0 && (is.null(names(options)) || length(unknown) > 0)) {
    name <- c(unknown, "")[[1]]
    message <- sprintf("`%s` is not an option of session().", name)
    abort_landbridge("unknown_option", message, nearest_hint(name, known), list(option = name))
  }
  code <- session_code(runtime, language, idle)
  made <- structure(list(code = code, options = list()), class = "landbridge_task")
  wanted <- if (!identical(runtime, code$language)) runtime
  made <- do.call(task, c(list(made, runtime = wanted), options))
  client <- current_client()
  body <- list(
    protocol = 1L, client = client_text(), task = task_node(made, NULL), values = list(items = list())
  )
  answer <- ask_gateway(client, "POST", "/jobs", body = body, headers = c("Idempotency-Key" = new_key()))
  new_session(job_from_answer(client, answer))
}

session_code <- function(runtime, language, idle) {
  check_option(runtime, "runtime", is_text, "It is text such as \"python:3.14\".")
  named <- if (is.null(runtime)) "r" else sub(":.*", "", runtime)
  if (is.null(language)) language <- if (named %in% c("r", "python")) named else "r"
  check_option(language, "language", function(x) is_text(x) && x %in% c("r", "python"), "It is \"r\" or \"python\".")
  fits <- function(x) is_number(x) && x == floor(x) && x >= 1 && x <= 604800
  idle <- check_option(idle, "idle", fits, "It is a number of seconds, up to 7 days.")
  list(language = language, type = "session", name = "session", idle = if (!is.null(idle)) as.integer(idle))
}

new_session <- function(job) {
  submit_here <- function(what, ...) {
    made <- as_task(what, function_name(substitute(what)))
    submit(task(made, session = job$id), ...)
  }
  structure(list(id = job$id, job = job, submit = submit_here), class = "landbridge_session")
}

#' The id for the option `session` of a task.
#' @noRd
session_id <- function(session) {
  if (inherits(session, "landbridge_session")) session <- session$id
  check_option(session, "session", is_text, "It is what session() returned, or its id.")
}

#' @param con a session
#' @param ... nothing
#' @return `close()`: NULL, invisibly
#' @rdname session
#' @export
close.landbridge_session <- function(con, ...) {
  job <- con$job
  job_from_answer(job$client, ask_gateway(job$client, "POST", job_path(job, "end")))
  invisible()
}

#' @export
print.landbridge_session <- function(x, ...) {
  known <- known_job(x$job)
  now <- state(x$job)
  note <- known_job(x$job)$note
  told <- if (is.null(note)) now else sprintf("%s (%s)", now, note)
  cat(sprintf("<landbridge session %s %s %s>\n", x$id, known$whole$runtime, told))
  invisible(x)
}
