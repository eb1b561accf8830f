#' Submit a function or a script
#'
#' Sends the values to the gateway, which runs the function on them in a container of its language. All arguments after
#' the first belong to the function; options belong to [task()]. A job, or a part of one ([job_part()]), may be an
#' argument: its result goes to the new job without passing through this session.
#'
#' An R function is sent as its source together with what it uses by name: helper functions, data, and the packages
#' to attach. A function that an installed package exports is sent by its name.
#'
#' @param what function, [r()], [python()], path of a script, or [task()]
#' @param ... arguments of the function. For a script: with a name, a variable of the script; without, a command
#'   line argument.
#' @return a `landbridge_job`, at once, or with the job's end: where the last job was short and was waited for, up to
#'   50 ms are waited for this one's. `job$id` is its id; see [result()], [state()], [logs()].
#' @section Errors: `landbridge_unknown_argument`, `landbridge_function_not_captured`,
#'   `landbridge_value_cannot_cross`, `landbridge_code_does_not_parse`, and those of the gateway and of the way to it
#'   (see [landbridge_error]).
#' @export
#' @examples
#' \dontrun{
#' fit <- function(table, depth) nrow(table) * depth
#' job <- submit(fit, mtcars, depth = 6)
#' result(job)
#' fit |> task(memory = "4g") |> submit(mtcars, depth = 6)
#' }
submit <- function(what, ...) {
  task <- as_task(what, function_name(substitute(what)))
  client <- current_client()
  body <- submission(task, list(...), client_sink(client, task))
  session <- if (is.null(body$task$session)) "none" else body$task$session
  wait <- if (was_short(client, client$last[[session]])) short_job
  headers <- c("Idempotency-Key" = new_key())
  job <- job_from_answer(client, ask_gateway(client, "POST", "/jobs", list(wait = wait), body, headers))
  client$last[[session]] <- job$id
  job
}

# Seconds of a job that is waited for with its submission.
short_job <- 0.05

#' Was the last job waited for, and short? Then the next one's end may come with its acceptance.
#' @param last its id, or NULL
#' @noRd
was_short <- function(client, last) {
  known <- if (!is.null(last)) client$jobs[[last]]
  seconds <- known$whole$seconds
  isTRUE(known$whole$state %in% ended_states) && is.numeric(seconds) && isTRUE(seconds < short_job)
}

#' The body of a job or, without its points, of a sweep.
#' @noRd
submission <- function(task, values, sink) {
  formals <- task_formals(task)
  check_arguments(task, formals, values)
  task_node <- task_node(task, sink)
  list(
    protocol = 1L, client = client_text(), task = task_node, values = list(items = value_items(values, formals, sink))
  )
}

client_text <- function() sprintf("R %s, %s", getRversion(), sub("-r/", " ", user_agent(), fixed = TRUE))

#' A key that no other submission has; made without touching the user's random numbers.
#' @noRd
new_key <- function() {
  clients$submissions <- sum(clients$submissions, 1)
  fields <- list(tempfile(), Sys.getpid(), Sys.info()[["nodename"]], as.double(Sys.time()), clients$submissions)
  paste0("r-", rlang::hash(fields))
}

task_node <- function(task, sink) {
  code <- task$code
  options <- task$options
  if (!is.null(options$outputs) && code$type != "script") {
    refuse_option("outputs", options$outputs, "Only scripts have outputs; a function returns its result.")
  }
  function_node <- switch(code$type,
    "function" = capture_function(code$f, code$name, sink),
    python = capture_python(code$f, code$name, sink),
    source = drop_null(list(type = "source", name = code$name, text = code$text, file = code$file, line = 1L)),
    session = drop_null(list(type = "session", idle = code$idle)),
    script = drop_null(list(type = "script", file = code$file, text = code$text, outputs = as_list(options$outputs)))
  )
  limits <- if (length(options$limits) > 0) options$limits
  settled <- settled_environment(task, function_node)
  drop_null(list(
    language = code$language, runtime = settled$runtime, "function" = function_node, limits = limits,
    environment = settled$environment,
    name = options$name, experiment = options$experiment, tags = options$tags, seed = options$seed,
    on_loss = options$on_loss, decimal = options$decimal, as = options$as, session = options$session,
    secrets = as_list(options$secrets), retries = options$retries, retry_on = as_list(options$retry_on)
  ))
}

as_list <- function(x) if (!is.null(x)) as.list(x)

value_items <- function(values, formals, sink) {
  keys <- names(values)
  if (is.null(keys)) keys <- rep("", length(values))
  paths <- argument_paths(values, formals)
  lapply(seq_along(values), function(i) {
    key <- if (nzchar(keys[[i]])) check_text(keys[[i]], "names of the arguments")
    place <- inherits(values[[i]], "landbridge_place")
    list(key, if (place) c(list(kind = "each"), unclass(values[[i]])) else encode_value(values[[i]], sink, paths[[i]]))
  })
}

#' What messages call the arguments.
#' @noRd
argument_paths <- function(values, formals) {
  paths <- if (is.null(names(values))) rep("", length(values)) else names(values)
  free <- setdiff(names(formals), c("...", paths))
  unnamed <- which(paths == "")
  paths[unnamed] <- ifelse(seq_along(unnamed) <= length(free), free[seq_along(unnamed)], sprintf("..%d", unnamed))
  paths
}

#' The formals as a named list; NULL where they are not known here.
#' @noRd
task_formals <- function(task) {
  if (task$code$type != "function") return(task$code$formals)
  described <- args(task$code$f)
  if (is.function(described)) as.list(formals(described))
}

#' Refuse what the call would refuse inside the container; what is missing is left to R, which is lazy.
#' @noRd
check_arguments <- function(task, formals, values) {
  if (is.null(formals) || "..." %in% names(formals)) return(invisible())
  keys <- setdiff(names(values), "")
  unknown <- keys[is.na(pmatch(keys, names(formals), duplicates.ok = TRUE))]
  name <- task$code$name
  if (length(unknown) > 0) {
    abort_landbridge(
      "unknown_argument", sprintf("`%s` has no argument `%s`.", name, unknown[[1]]),
      nearest_hint(unknown[[1]], names(formals)), list(argument = unknown[[1]])
    )
  }
  if (length(values) > length(formals)) {
    takes <- sprintf(ngettext(length(formals), "%d argument", "%d arguments"), length(formals))
    given <- sprintf(ngettext(length(values), "%d was given", "%d were given"), length(values))
    abort_landbridge(
      "unknown_argument", sprintf("`%s` takes %s, and %s.", name, takes, given),
      sprintf("It takes: %s.", paste0("`", names(formals), "`", collapse = ", "))
    )
  }
}
