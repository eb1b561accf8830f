# A sweep's worker: the points of its folder one after another, each as if it were alone. What a point could change is
# put back behind it; where points could change each other's values, each runs in a fork (sweep_fork.R).

sweep_state <- new.env(parent = emptyenv())

#' Run the points of a folder; only what keeps them all from beginning is an error of the folder itself.
#' @noRd
work_sweep <- function(spec, folder) {
  on.exit(Sys.unsetenv("LANDBRIDGE_POINT"))
  load <- function() {
    receive_secrets(spec, folder)
    load_sweep(spec, folder)
  }
  loaded <- run_guarded(load, event_log(folder))
  if (!is.null(loaded$error)) return(finish_job(folder, loaded))
  sweep_state$process <- Sys.getpid()
  for (name in c("quit", "q")) replace_in_base(name, quit_of_point)
  keep_what_loading_sets()
  notice_sinks()
  sweep <- loaded$value
  for (point in spec$points) {
    asked <- file.exists(c(sweep$recall, paste0(sweep$cancelled, point$point)))
    if (asked[[1]]) break
    if (!asked[[2]]) sweep <- run_point(sweep, point)
  }
  finish_job(folder, list(value = list(kind = "null")))
}

#' What all points have in common, decoded and made once.
#' @noRd
load_sweep <- function(spec, folder) {
  forget_call()
  items <- spec$values$items
  in_job_state$on_loss <- spec$task$on_loss
  refuse_nul(attr(spec, "nul"), "values")
  check_wanted(spec$task$as)
  source <- folder_source(folder)
  source$arguments <- spec$task$as
  sweep <- list(
    folder = normalizePath(folder), source = source, sink = folder_sink(folder), items = items,
    events = event_log(folder), logs = file.path(folder, "out", c("stdout.log", "stderr.log")),
    recall = file.path(folder, "in", "recall"), cancelled = file.path(folder, "in", "cancelled", ""),
    spec = spec[setdiff(names(spec), c("points", "values"))], forks = can_change(spec),
    again = function() load_sweep(spec, folder)
  )
  sweep$each <- vapply(items, function(item) if (identical(item[[2]]$kind, "each")) item[[2]]$column + 1L else NA, 0L)
  sweep$varying <- which(!is.na(sweep$each))
  common <- which(is.na(sweep$each))
  # A connection to DuckDB is no fork's: each point has its own.
  sweep$late <- if (identical(spec$task$as, "duckdb")) common else integer()
  common <- setdiff(common, sweep$late)
  sweep$values <- vector("list", length(items))
  sweep$values[common] <- lapply(common, function(i) decode_argument(items[[i]], i, sweep$source))
  sweep$plan <- function_plan(spec$task[["function"]], sweep$source)
  sweep$call <- call_plan(make_function(sweep$plan), spec$task[["function"]]$name, item_keys(items))
  sweep$given <- mget(c("values", "given", "mapped"), envir = in_job_state, ifnotfound = list(NULL))
  sweep$sizes <- log_sizes(sweep)
  sweep$before <- process_facts()
  sweep
}

#' Is one of the values that points have in common one that a point could change in place? Of R's values these are
#' environments, which only native values hold, and data.tables.
#' @noRd
can_change <- function(spec) {
  tables <- isTRUE(spec$task$as %in% c("data.table", "duckdb"))
  any(vapply(spec$values$items, function(item) node_can_change(item[[2]], tables), NA)) ||
    function_can_change(spec$task[["function"]])
}

#' @param tables whether every table arrives as something that can be changed in place
#' @noRd
node_can_change <- function(node, tables = FALSE) {
  switch(node$kind,
    native = TRUE,
    list = any(vapply(node$items, function(item) node_can_change(item[[2]], tables), NA)),
    frame = tables || frame_can_change(node$descriptor),
    FALSE
  )
}

frame_can_change <- function(facts) {
  "data.table" %in% c(facts$class, facts$hint$class) || !is.null(c(facts$library$r$side, facts$hint$library$r$side))
}

function_can_change <- function(spec) {
  any(vapply(spec$free, function(free) {
    !is.null(free$value) && node_can_change(free$value) || !is.null(free$source) && function_can_change(free$source)
  }, NA))
}

#' Begin a point, run it, tell its outcome; the sweep as the next point finds it.
#' @noRd
run_point <- function(sweep, point) {
  Sys.setenv(LANDBRIDGE_POINT = point$point)
  tell_point(sweep, "point", point, "", sweep$sizes, sweep$sizes)
  in_job_state$point <- list(spec = sweep$spec, point = point$point, job = point$job, seed = point$seed)
  if (sweep$forks) return(run_in_fork(sweep, point))
  outcome <- outcome_of_point(sweep, point)
  sweep$sizes <- tell_outcome(sweep, point, outcome)
  sweep$before <- put_back(sweep$before)
  sweep
}

#' The outcome of a point as the part of its event: the name, a colon, and JSON.
#' @noRd
outcome_of_point <- function(sweep, point) {
  seed_job(point$seed)
  in_job_state$values <- sweep$given$values
  in_job_state$given <- sweep$given$given
  in_job_state$mapped <- sweep$given$mapped
  outcome <- tryCatch(
    run_guarded(function() result_of_point(sweep, point), sweep$events),
    landbridge_quit = function(quit) list(died = death(code = quit$status %% 256L))
  )
  if (!is.null(outcome$value)) return(paste0("\"result\":", outcome$value))
  protocol_field(outcome)
}

protocol_field <- function(field) sprintf("%s:%s", json_texts(names(field)), protocol_json(field[[1]]))

result_of_point <- function(sweep, point) {
  for (i in sweep$varying) {
    node <- point$values[[sweep$each[[i]]]]
    sweep$values[i] <- list(decode_argument(list(sweep$items[[i]][[1]], node), i, sweep$source))
  }
  for (i in sweep$late) sweep$values[i] <- list(decode_argument(sweep$items[[i]], i, sweep$source))
  value <- call_function(sweep$call, make_function(sweep$plan), sweep$values)
  result_text(value, sweep$sink)
}

#' The JSON of a result; of plain numbers and logicals, which most results of sweeps are, without the way of a node.
#' @noRd
result_text <- function(value, sink) {
  single <- length(value) == 1L && is.null(attributes(value)) && length(in_job_state$values) == 0
  type <- if (single) switch(typeof(value), double = "float", integer = "int", logical = "bool")
  if (is.null(type)) return(protocol_json(encode_value(value, sink, "result")))
  text <- json_atoms(value)
  field <- if (text == "null") "\"na\":true" else paste0("\"value\":", text)
  paste0("{\"kind\":\"scalar\",\"type\":\"", type, "\",", field, "}")
}

#' The sizes of the logs at the end of the point.
#' @noRd
tell_outcome <- function(sweep, point, outcome) {
  # Not by flush(), which looks for a method each time.
  flush.connection(stdout())
  flush.connection(stderr())
  to <- log_sizes(sweep)
  tell_point(sweep, "outcome", point, paste0(",", outcome), sweep$sizes, to)
  to
}

#' A line of the point, with the bytes of the logs that are its own: written out by hand, as log_metric() does.
#' @noRd
tell_point <- function(sweep, event, point, fields, from, to) {
  append_line(sweep$events, sprintf(
    "{\"event\":\"%s\",\"at\":\"%s\",\"point\":%d%s,\"stdout\":[%.0f,%.0f],\"stderr\":[%.0f,%.0f]}",
    event, event_time(), point$point, fields, from[[1]], to[[1]], from[[2]], to[[2]]
  ))
}

log_sizes <- function(sweep) {
  sizes <- file.size(sweep$logs)
  if (anyNA(sizes)) replace(sizes, is.na(sizes), 0) else sizes
}

death <- function(code = NULL, signal = NULL, memory = FALSE) {
  c(list(memory = memory), list(code = code, signal = signal))
}

#' What quit() does in a point: it ends the point, not the worker. In a fork of the user's own it is R's.
#' @noRd
quit_of_point <- function(save = "default", status = 0, runLast = TRUE) { # nolint: object_name_linter.
  if (Sys.getpid() != sweep_state$process) regular_quit(save, status, runLast)
  leave_call(as.integer(status))
}

#' What a point could leave to the next: the working directory, variables of the environment, options, what is attached.
#' @noRd
process_facts <- function() {
  list(
    folder = getwd(), options = as.list(.Options), settings = options(), search = search(),
    variables = own_variables()
  )
}

#' Variables of the environment as "name=value", without the one that each point has of its own.
#' @noRd
own_variables <- function() {
  variables <- Sys.getenv(character())
  variables[!startsWith(variables, "LANDBRIDGE_POINT=")]
}

#' Make the process again what it was before the point; the facts as the next point finds them.
#' @noRd
put_back <- function(before) {
  if (sweep_state$diverted) put_back_streams()
  # A device that was ever open has its place there.
  if (length(.Devices) > 1L && !is.null(grDevices::dev.list())) grDevices::graphics.off()
  put_back_folder(before$folder)
  if (!is.null(sweep_state$loaded)) before <- with_loaded(before, sweep_state$loaded)
  if (!identical(own_variables(), before$variables)) before$variables <- put_back_variables(before$variables)
  # Comparing .Options is cheaper than asking for options(), which copies and sorts.
  if (!identical(as.list(.Options), before$options)) before$options <- put_back_options(before$settings)
  if (!identical(search(), before$search)) {
    for (name in setdiff(search(), before$search)) detach(name, character.only = TRUE)
  }
  left <- names(globalenv())
  if (can_be_seeded()) left <- left[left != ".Random.seed"]
  if (length(left) > 0) rm(list = left, envir = globalenv())
  before
}

#' Are the generators the usual ones, and nothing keeps them from being seeded? Then their state may stay: each point
#' begins with a seed of its own.
#' @noRd
can_be_seeded <- function() {
  global <- globalenv()
  exists(".Random.seed", envir = global, inherits = FALSE) && !bindingIsActive(".Random.seed", global) &&
    !bindingIsLocked(".Random.seed", global) && identical(global[[".Random.seed"]][1L], usual_generators)
}

#' Asking for the numbers of sinks takes long, so it is noticed when there may be any. What diverted output before the
#' first point is put back after it.
#' @noRd
notice_sinks <- function() {
  # By its own name, which its errors tell.
  sink <- base::sink
  sweep_state$diverted <- TRUE
  replace_in_base("sink", function(file = NULL, append = FALSE, type = c("output", "message"), split = FALSE) {
    sweep_state$diverted <- TRUE
    sink(file, append, type, split)
  })
}

put_back_streams <- function() {
  while (sink.number() > 0) sink()
  if (sink.number("message") != 2) sink(type = "message")
  sweep_state$diverted <- FALSE
}

#' A package sets options and variables of its own when it is loaded, and does so once: those stay.
#' @noRd
keep_what_loading_sets <- function() {
  load <- base::loadNamespace
  replace_in_base("loadNamespace", function(package, ...) {
    if (is.character(package) && isNamespaceLoaded(package)) return(load(package, ...))
    settings <- options()
    variables <- own_variables()
    namespace <- load(package, ...)
    now <- options()
    set <- vapply(names(now), function(name) !identical(now[[name]], settings[[name]]), NA)
    sweep_state$loaded <- list(
      settings = c(sweep_state$loaded$settings, now[set]),
      variables = c(sweep_state$loaded$variables, setdiff(own_variables(), variables))
    )
    namespace
  })
}

with_loaded <- function(before, loaded) {
  before$settings[names(loaded$settings)] <- loaded$settings
  kept <- !variable_names(before$variables) %in% variable_names(loaded$variables)
  before$variables <- c(before$variables[kept], loaded$variables)
  sweep_state$loaded <- NULL
  before
}

put_back_folder <- function(folder) {
  # A working directory that was removed has no name.
  if (!identical(getwd(), folder)) {
    if (!dir.exists(folder)) dir.create(folder, recursive = TRUE)
    setwd(folder)
  }
  left <- list.files(folder, all.files = TRUE, full.names = TRUE, no.. = TRUE)
  if (length(left) > 0) unlink(left, recursive = TRUE)
}

put_back_variables <- function(before) {
  now <- own_variables()
  Sys.unsetenv(setdiff(variable_names(now), variable_names(before)))
  changed <- setdiff(before, now)
  values <- as.list(sub("^[^=]*=", "", changed))
  names(values) <- variable_names(changed)
  if (length(changed) > 0) do.call(Sys.setenv, values)
  own_variables()
}

variable_names <- function(variables) sub("=.*", "", variables)

#' All options as they were; .Options as they stand now.
#' @noRd
put_back_options <- function(settings) {
  new <- setdiff(names(options()), names(settings))
  options(stats::setNames(vector("list", length(new)), new))
  options(settings)
  as.list(.Options)
}

#' The point that this process runs, from what the worker knows or, in another process, from the folder; NULL outside.
#' @noRd
running_point <- function(events) {
  number <- point_number()
  if (is.null(number)) return(NULL)
  known <- in_job_state$point
  if (identical(as.integer(number), known$point)) return(known)
  spec <- read_json_file(file.path(events$folder, "job.json"))
  for (point in spec$points) if (identical(point$point, as.integer(number))) return(c(list(spec = spec), point))
  NULL
}

#' The number of the point, as text, or NULL.
#' @noRd
point_number <- function() {
  point <- Sys.getenv("LANDBRIDGE_POINT")
  if (nzchar(point)) point
}

point_prefix <- function() if (!is.null(point_number())) paste0("p", point_number(), "-") else ""
