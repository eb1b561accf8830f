# Sweeps: one task over many points by one call, each point a job of its own.

#' Run a function over many values by one call
#'
#' A bare vector or list whose length is not one varies from point to point; everything else is common to all points. A
#' scalar is thus common, and a data frame; [each()] lets other values vary, or the rows of a frame, and [common()]
#' keeps a vector common. The function is captured and common values are sent once. However many points, it is one call.
#'
#' @param what function, [r()], [python()], or [task()]; no script
#' @param ... arguments of the function
#' @return a `landbridge_sweep`, at once. `sweep[[3]]` is the job of the third point, `length(sweep)` their number; see
#'   [result()], [wait()], [state()], [cancel()], and [sweep_frame] for the points as a table.
#' @section Errors: those of [submit()], and `landbridge_invalid_field` where nothing varies, or in different lengths.
#' @export
#' @examples
#' \dontrun{
#' sweep <- map_jobs(function(depth, table) nrow(table) * depth, 1:8, mtcars)
#' result(sweep)
#' map_jobs(fit, combinations(depth = c(2, 4), rate = c(0.1, 0.2)), table = mtcars) |> tibble::as_tibble()
#' }
map_jobs <- function(what, ...) {
  task <- as_task(what, function_name(substitute(what)))
  if (task$code$type == "script") refuse_sweep("A script cannot be a sweep.", "Give a function.", "what")
  if (!is.null(task$options$session)) {
    refuse_sweep("A sweep cannot run in a session.", "Leave the option `session` out.", "session")
  }
  found <- tell_varying(list(...))
  client <- current_client()
  sink <- client_sink(client, task)
  body <- submission(task, found$values, sink)
  names <- column_names(found, task)
  body$points <- list(
    n = length(found$columns[[1]]), columns = unname(Map(point_column, found$columns, list(sink), names))
  )
  headers <- c("Idempotency-Key" = new_key())
  answer <- ask_gateway(client, "POST", "/jobs/batch", body = body, headers = headers)
  sweep <- new_sweep(client, answer)
  sweep$given <- stats::setNames(found$columns, names)
  sweep
}

refuse_sweep <- function(message, hint, field) abort_landbridge("invalid_field", message, hint, list(field = field))

#' What the columns are called: as the function's own arguments where these are known.
#' @noRd
column_names <- function(found, task) {
  paths <- argument_paths(found$values, task_formals(task))
  places <- vapply(found$values, inherits, NA, "landbridge_place")
  ifelse(grepl("^[.][.][0-9]+$", paths[places]), found$labels, paths[places])
}

new_sweep <- function(client, answer) {
  job_from_answer(client, answer)
  sweep <- new.env(parent = emptyenv())
  sweep$id <- answer$job$id
  sweep$client <- client
  sweep$name <- answer$job$name
  sweep$url <- answer$job$url
  sweep$items <- answer$job$values$items
  sweep$counts <- answer$job$points
  # What the gateway told of each point that has ended.
  sweep$ended <- vector("list", answer$job$points$total)
  sweep$told <- 0
  sweep$complete <- FALSE
  structure(sweep, class = "landbridge_sweep")
}

#' How many points there are
#'
#' @param sweep what [map_jobs()] returned
#' @return numbers by name: `total`, and how many are in each state
#' @export
counts <- function(sweep) {
  sweep$counts <- look_up(as_job(sweep))$whole$points
  unlist(sweep$counts)
}

#' @export
length.landbridge_sweep <- function(x) length(x$ended)

#' @export
`[[.landbridge_sweep` <- function(x, i, ...) {
  if (!is_number(i) || i != floor(i) || i < 1 || i > length(x)) {
    message <- sprintf("The sweep has %s points, and no point %s.", format(length(x), big.mark = ","), toString(i))
    abort_landbridge("invalid_field", message, "Points are counted from 1.", list(field = "point"))
  }
  told <- x$ended[[i]]
  if (is.null(told)) {
    query <- list(sweep = x$id, sort = "point", point = i - 1, limit = 1)
    return(job_from_answer(x$client, list(job = ask_gateway(x$client, "GET", "/jobs", query)$jobs[[1]])))
  }
  whole <- c(
    known_job(as_job(x))$whole[c("name", "language", "runtime", "experiment", "tags")],
    list(id = told$job, url = sub("[^/]*$", told$job, x$url), sweep = x$id),
    told[c("state", "cause", "seconds", "result", "error", "point")]
  )
  job_from_answer(x$client, list(job = whole))
}

#' @export
print.landbridge_sweep <- function(x, ...) {
  known <- tryCatch(look_up(as_job(x)), landbridge_error = function(error) known_job(as_job(x)))
  if (!is.null(known$whole$points)) x$counts <- known$whole$points
  cat(sprintf("<landbridge sweep> %s %s\n", toString(x$name), x$id))
  cat(sprintf("state    %s\npoints   %s\npage     %s\n", state_text(known), sweep_text(x$counts), toString(x$url)))
  invisible(x)
}

#' Wait until all points have ended, taking in what came of them.
#' @noRd
wait_sweep <- function(sweep, timeout, progress) {
  deadline <- seconds_now() + timeout
  status <- status_line(progress)
  on.exit(status$clear())
  tryCatch(
    {
      if (status$shows) await_ready(sweep, status, deadline)
      while (!sweep$complete) {
        left <- deadline - seconds_now()
        ask_points(sweep, max(0, min(left, longest_wait)))
        status$show(sweep_text(sweep$counts))
        if (!sweep$complete && left <= 0) refuse_longer_sweep(sweep, timeout)
      }
    },
    interrupt = function(interrupt) {
      message(sprintf(
        "Stopped waiting; sweep %s goes on: %s (to cancel: cancel(\"%s\"))", sweep$id, toString(sweep$url), sweep$id
      ))
      rlang::interrupt()
    }
  )
}

#' Show what a sweep waits for, such as an image that is being built, until it waits no more.
#' @noRd
await_ready <- function(sweep, status, deadline) {
  job <- as_job(sweep)
  heard <- new.env(parent = emptyenv())
  while (identical(known_job(job)$state, "waiting") && deadline > seconds_now()) {
    status$show(if (is.null(known_job(job)$note)) sweep_text(sweep$counts) else waiting_text(list(job)))
    left <- max(0, min(deadline - seconds_now(), longest_wait))
    if (read_events(job$client, left, list(job), heard, all = TRUE)) look_up(job)
  }
}

most_points <- 1000L

#' Ask for points that have ended since the last answer; TRUE when there were some.
#' @noRd
ask_points <- function(sweep, seconds) {
  query <- list(after = sweep$told, limit = most_points, wait = round(seconds, 3))
  if (is.null(sweep$given)) query$values <- "yes"
  answer <- ask_gateway(sweep$client, "GET", job_path(sweep, "points"), query, seconds = seconds + 30)
  if (!is.numeric(answer[["next"]])) abort_bad_answer(sweep$client, "with points that have no `next`")
  at <- vapply(answer$points, function(point) point$point + 1, 0)
  sweep$ended[at] <- answer$points
  sweep$counts <- answer$counts
  sweep$told <- answer[["next"]]
  sweep$complete <- isTRUE(answer$ended) && length(at) < most_points
  length(at) > 0
}

refuse_longer_sweep <- function(sweep, timeout) {
  abort_landbridge(
    "wait_timeout",
    sprintf("Sweep %s has not ended after %s s: %s.", sweep$id, format(timeout), sweep_text(sweep$counts)),
    "It goes on; ask again, or cancel(sweep) ends it.", list(job = sweep$id)
  )
}

sweep_text <- function(counts) {
  number <- function(n) format(n, big.mark = ",")
  unwell <- unwell_points(counts)
  text <- sprintf("%s of %s points", number(counts$succeeded + unwell), number(counts$total))
  if (unwell > 0) sprintf("%s, %s did not succeed", text, number(unwell)) else text
}

unwell_points <- function(counts) counts$failed + counts$cancelled + counts$lost

gather_points <- function(sweep, timeout, partial) {
  if (!partial) return(wait_sweep(sweep, timeout, NULL))
  while (!sweep$complete && ask_points(sweep, 0)) next
}

#' The results of all points in their order.
#' @noRd
sweep_results <- function(sweep, timeout, trust, on_error, partial) {
  check_option(on_error, "on_error", is_on_error, "It is \"raise\", \"return\" or \"skip\".")
  gather_points(sweep, timeout, partial)
  states <- point_states(sweep)
  unwell <- which(states %in% c("failed", "cancelled", "lost"))
  if (on_error == "raise" && length(unwell) > 0) raise_point(sweep, unwell[[1]])
  found <- decoded_points(sweep, trust)
  if (on_error == "return") {
    found[unwell] <- lapply(unwell, function(i) job_condition(sweep[[i]], ended_whole(sweep, i)))
  }
  names(found) <- point_names(sweep)
  if (on_error != "skip" || length(unwell) == 0) return(found)
  if (is.null(names(found))) names(found) <- as.character(seq_along(found))
  found[-unwell]
}

is_on_error <- function(x) is_text(x) && x %in% c("raise", "return", "skip")

point_states <- function(sweep) vapply(sweep$ended, function(told) if (is.null(told)) "" else told$state, "")

point_names <- function(sweep) {
  for (values in sweep$given) if (!is.null(names(values))) return(names(values))
  NULL
}

ended_whole <- function(sweep, i) known_job(sweep[[i]])$whole

raise_point <- function(sweep, i) {
  note <- sprintf(
    "It is point %s of a sweep of %s; %s did not succeed: %s", format(i, big.mark = ","),
    format(length(sweep), big.mark = ","), format(unwell_points(sweep$counts), big.mark = ","), toString(sweep$url)
  )
  rlang::cnd_signal(job_condition(sweep[[i]], ended_whole(sweep, i), note, list(sweep = sweep$id, point = i)))
}

#' The values of all points that succeeded, NULL for the rest. Single values are decoded type by type, because one by
#' one they take a hundred times as long.
#' @noRd
decoded_points <- function(sweep, trust) {
  nodes <- lapply(sweep$ended, function(told) if (identical(told$state, "succeeded")) told$result)
  found <- vector("list", length(nodes))
  types <- vapply(nodes, function(node) {
    plain <- identical(node$kind, "scalar") && is.null(node$tags) && node$type %in% single_types
    if (plain) node$type else ""
  }, "")
  for (type in intersect(single_types, types)) {
    at <- which(types == type)
    values <- lapply(nodes[at], function(node) if (isTRUE(node$na)) NULL else node[["value"]])
    # Beyond the range of integers each is of the type that it would be by itself.
    if (type == "int" && !all(vapply(values, is.integer, NA))) {
      types[at] <- ""
    } else {
      found[at] <- as.list(vector_of_elements(values, type, NULL))
    }
  }
  for (i in which(types == "" & !vapply(nodes, is.null, NA))) {
    found[i] <- list(decode_result(sweep, list(result = nodes[[i]]), trust))
  }
  found
}
