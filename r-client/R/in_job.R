# What user code may call inside a job. Each call appends a line to out/events.jsonl; outside a job nothing happens.

in_job_state <- new.env(parent = emptyenv())
in_job_state$objects <- 0L
in_job_state$told <- FALSE

#' Log from inside a job
#'
#' A job that calls these has its metrics, parameters, tags, progress, values, files and plots kept in its record.
#' Outside a job they do nothing and say so once, so that a script runs unchanged on a laptop.
#'
#' @param name text of 1 to 200 characters
#' @param value `log_metric()`: one number; NaN and infinities are kept. `log_param()`: one number, text or logical.
#'   `set_tag()`: one text. `save_value()`: any value that can be a job's result.
#' @param step whole number, or NULL
#' @param done,total numbers: how much is done, and of how much
#' @param message text shown with the progress, or NULL
#' @param path path of an existing file
#' @param plot a ggplot, lattice or recorded plot, or a function that draws when it is called
#' @param width,height,res size in pixels and resolution of the picture
#' @return all but `context()`: NULL, invisibly. `context()`: a list of `job`, `attempt`, `seed`, `experiment`,
#'   `tags`, `folder` and, in a sweep ([map_jobs()]), `point`, counted from 1; NULL outside a job.
#' @section Errors: `landbridge_invalid_field` when an argument is not of its kind.
#' @name in_job
NULL

#' @rdname in_job
#' @export
log_metric <- function(name, value, step = NULL) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  name <- metric_name(name)
  if (!(is.numeric(value) || is.logical(value)) || length(value) != 1 || is.na(value) && !is.nan(value)) {
    refuse_field("value", "must be one number")
  }
  if (!is.null(step) && (!is.numeric(step) || length(step) != 1 || is.na(step) || step != floor(step))) {
    refuse_field("step", "must be a whole number")
  }
  # Written out by hand: a training loop calls this for every batch.
  append_line(events, paste0(
    "{\"event\":\"metric\",\"at\":\"", event_time(), "\"", point_field(), ",\"name\":", name,
    ",\"value\":", json_floats(as.double(value)),
    ",\"step\":", if (is.null(step)) "null" else sprintf("%.0f", step), "}"
  ))
}

#' @rdname in_job
#' @export
log_param <- function(name, value) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  check_name(name)
  if (is.factor(value)) value <- as.character(value)
  if (!is.null(value) && (!is.atomic(value) || length(value) != 1 || is.raw(value) || is.complex(value))) {
    refuse_field("value", "must be one number, text or logical")
  }
  write_event(events, "param", list(name = name, value = param_value(value)))
}

param_value <- function(value) {
  if (is.null(value) || is.na(value) && !is.nan(value)) return(NULL)
  if (!is.null(oldClass(value)) || is.character(value)) return(valid_text(as.character(value)))
  if (is.double(value)) verbatim_json(json_floats(value)) else value
}

#' @rdname in_job
#' @export
set_tag <- function(name, value) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  check_name(name)
  if (!is.atomic(value) || length(value) != 1 || is.na(value)) refuse_field("value", "must be one text")
  write_event(events, "tag", list(name = name, value = valid_text(as.character(value))))
}

#' @rdname in_job
#' @export
progress <- function(done, total = NULL, message = NULL) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  is_amount <- function(x) is.numeric(x) && length(x) == 1 && is.finite(x)
  if (!is_amount(done)) refuse_field("done", "must be one number")
  if (!is.null(total) && !is_amount(total)) refuse_field("total", "must be one number or NULL")
  fields <- list(done = verbatim_json(json_floats(as.double(done))))
  fields["total"] <- list(if (!is.null(total)) verbatim_json(json_floats(as.double(total))))
  fields["message"] <- list(if (!is.null(message)) valid_text(paste(message, collapse = " ")))
  write_event(events, "progress", fields)
}

#' @rdname in_job
#' @export
save_value <- function(name, value) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  check_name(name)
  write_event(events, "artifact", list(name = name, value = encode_value(value, folder_sink(events$folder), name)))
}

#' @rdname in_job
#' @export
save_file <- function(path, name = basename(path)) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  if (!is.character(path) || length(path) != 1 || !file.exists(path) || dir.exists(path)) {
    refuse_field("path", sprintf("must be an existing file, not `%s`", toString(path)))
  }
  check_name(name)
  to <- job_file(events, name)
  if (!file.copy(path, to, overwrite = TRUE, copy.mode = FALSE)) refuse_field("path", "cannot be copied")
  write_file_event(events, name)
}

#' @rdname in_job
#' @export
log_plot <- function(name, plot, width = 1600, height = 1000, res = 150) {
  events <- job_events()
  if (is.null(events)) return(invisible())
  check_name(name)
  file <- if (grepl("\\.png$", name)) name else paste0(name, ".png")
  grDevices::png(job_file(events, file), width = width, height = height, res = res)
  tryCatch(
    if (is.function(plot)) plot() else if (inherits(plot, "recordedplot")) grDevices::replayPlot(plot) else print(plot),
    finally = grDevices::dev.off()
  )
  write_file_event(events, file)
}

#' @rdname in_job
#' @export
context <- function() {
  events <- job_events()
  if (is.null(events)) return(NULL)
  point <- running_point(events)
  spec <- if (is.null(point)) read_json_file(file.path(events$folder, "job.json")) else point$spec
  found <- list(
    job = spec$job, attempt = spec$attempt, seed = spec$seed, experiment = spec$task$experiment,
    tags = spec$task$tags, folder = events$folder
  )
  if (is.null(point)) return(found)
  # R counts from 1.
  found[c("job", "attempt", "seed", "point")] <- list(point$job, 1L, point$seed, point$point + 1L)
  found
}

job_file <- function(events, name) {
  if (grepl("/", name, fixed = TRUE) || name %in% c(".", "..")) {
    refuse_field("name", "must be a file name without folders")
  }
  file.path(events$folder, "out", "files", stored_name(name))
}

#' The points of a sweep save into one folder: there a file's name begins with its point.
#' @noRd
stored_name <- function(name) paste(c(point_number(), name), collapse = "-")

write_file_event <- function(events, name) {
  size <- verbatim_json(sprintf("%.0f", file.size(job_file(events, name))))
  fields <- list(name = name, file = paste0("files/", stored_name(name)), media_type = media_type(name), size = size)
  write_event(events, "file", fields)
}

check_name <- function(name) {
  if (!is.character(name) || length(name) != 1 || is.na(name) || !nzchar(name) || nchar(name) > 200) {
    refuse_field("name", "must be a text of 1 to 200 characters")
  }
}

#' The name as JSON text, kept for the next time: a loop logs the same few again and again.
#' @noRd
metric_name <- function(name) {
  check_name(name)
  # In another encoding a variable's name is not the text itself.
  if (Encoding(name) != "unknown") return(json_texts(name))
  if (is.null(metric_names[[name]])) {
    if (length(metric_names) >= 1000L) return(json_texts(name))
    metric_names[[name]] <- json_texts(name)
  }
  metric_names[[name]]
}

metric_names <- new.env(parent = emptyenv())

refuse_field <- function(field, reason) {
  abort_landbridge("invalid_field", sprintf("`%s` %s.", field, reason))
}

#' The event log of the job that this process belongs to, or NULL (said once) outside a job.
#' @noRd
job_events <- function() {
  folder <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  if (nzchar(folder)) {
    return(event_log(folder))
  }
  if (!in_job_state$told) {
    in_job_state$told <- TRUE
    message("Not inside a Landbridge job: what is logged here is not kept.")
  }
  NULL
}

event_log <- function(folder) {
  if (identical(in_job_state$events$folder, folder)) return(in_job_state$events)
  events <- new.env(parent = emptyenv())
  events$folder <- folder
  in_job_state$events <- events
  events
}

write_event <- function(events, event, fields) {
  told <- list(event = event, at = event_time())
  point <- point_number()
  if (!is.null(point)) told$point <- as.integer(point)
  append_line(events, protocol_json(c(told, fields)))
}

#' The first event of a job, and of each call of a session: written out by hand, as a metric is.
#' @noRd
write_started <- function(events) {
  append_line(events, paste0(
    "{\"event\":\"started\",\"at\":\"", event_time(), "\"", point_field(), ",\"versions\":", session_versions(), "}"
  ))
}

point_field <- function() {
  point <- point_number()
  if (!is.null(point)) paste0(",\"point\":", point)
}

#' @param line text in UTF-8
#' @noRd
append_line <- function(events, line) {
  # The first line, or user code has closed all connections.
  if (!is_there(events$connection)) {
    events$connection <- file(file.path(events$folder, "out", "events.jsonl"), "ab", raw = TRUE)
  }
  writeLines(line, events$connection, useBytes = TRUE)
  # Not by flush(), which looks for a method for each line.
  flush.connection(events$connection)
  invisible()
}

#' Is this connection still open, and its number not another's by now?
#' @noRd
is_there <- function(connection) {
  if (is.null(connection)) return(FALSE)
  # Not by as.integer(), nor with tryCatch(): this is asked for each line.
  number <- .subset2(connection, 1L)
  number %in% getAllConnections() && identical(getConnection(number), connection)
}

#' Now as ISO text; the part up to the second is kept, because formatting it is the slow half.
#' @noRd
event_time <- function() {
  now <- as.double(Sys.time())
  second <- floor(now)
  if (!identical(in_job_state$second, second)) {
    in_job_state$second <- second
    in_job_state$second_text <- format(as.POSIXct(second, origin = "1970-01-01", tz = "UTC"), "%Y-%m-%dT%H:%M:%S")
  }
  sprintf("%s.%06.0fZ", in_job_state$second_text, floor((now - second) * 1e6))
}
