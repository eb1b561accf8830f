# The three ways a task names its code: source, reference, script.

run_function <- function(spec, items, source, sink) {
  if (identical(spec$type, "script")) return(run_script(spec, items, source, sink))
  f <- make_function(function_plan(spec, source))
  values <- lapply(seq_along(items), function(i) decode_argument(items[[i]], i, source))
  call_function(call_plan(f, spec$name, item_keys(items)), f, values)
}

item_keys <- function(items) lapply(items, function(item) item[[1]])

decode_argument <- function(item, position, source) {
  # How the record calls the argument.
  source$label <- if (is.null(item[[1]])) as.character(position) else item[[1]]
  source$wanted <- source$arguments
  value <- decode_value(item[[2]], source, trust = TRUE)
  remember_value(value, item[[2]])
  value
}

#' What it takes to make a function, as often as it is wanted: parsed texts, decoded values, what packages export.
#' @noRd
function_plan <- function(spec, source) {
  switch(spec$type,
    source = source_plan(spec, source),
    reference = list(exported = getExportedValue(spec$package, spec$name)),
    abort_landbridge("bad_answer", sprintf("The task's function is of the type `%s`.", spec$type))
  )
}

source_plan <- function(spec, source) {
  for (package in unlist(spec$packages)) library(package, character.only = TRUE)
  free <- lapply(spec$free, free_plan, source = source)
  list(name = spec$name, free = free, expressions = parse_source(spec))
}

free_plan <- function(free, source) {
  if (is.null(free$value) && !is.null(free$source)) {
    return(list(name = free$name, plan = source_plan(free$source, source)))
  }
  list(name = free$name, value = free_value(free, source))
}

free_value <- function(free, source) {
  if (!is.null(free$value)) return(decode_value(free$value, source, trust = TRUE))
  if (is.null(free[["import"]]$attribute)) return(asNamespace(free[["import"]]$module))
  getExportedValue(free[["import"]]$module, free[["import"]]$attribute)
}

#' Run the text in a fresh environment below the global one, in which the free names stand, and take the function.
#' @noRd
make_function <- function(plan) {
  if (!is.null(plan$exported)) return(plan$exported)
  env <- new.env(parent = globalenv())
  for (free in plan$free) {
    env[[free$name]] <- if (is.null(free$plan)) free$value else make_function(free$plan)
  }
  for (expression in plan$expressions) eval(expression, env)
  get(plan$name, envir = env, mode = "function", inherits = FALSE)
}

#' Parse user code so that its source references are those of the user's own file. What was parsed last is known still:
#' calls of a session often have the same.
#' @noRd
parse_source <- function(spec) {
  if (!identical(parsed$spec, spec)) {
    parsed$expressions <- parse_anew(spec)
    parsed$spec <- spec
  }
  parsed$expressions
}

parsed <- new.env(parent = emptyenv())

parse_anew <- function(spec) {
  lines <- strsplit(as_utf8(spec$text), "\r?\n")[[1]]
  before <- if (is.null(spec$line)) 0L else as.integer(spec$line) - 1L
  lines <- c(rep("", before), lines)
  name <- if (is.null(spec$file)) sprintf("<%s>", if (is.null(spec$name)) "script" else spec$name) else spec$file
  tryCatch(
    parse(text = lines, keep.source = TRUE, srcfile = srcfilecopy(name, lines), encoding = "UTF-8"),
    error = function(error) refuse_source(conditionMessage(error), name, lines)
  )
}

refuse_source <- function(message, name, lines) {
  found <- regmatches(message, regexec(":([0-9]+):[0-9]+:", message))[[1]]
  line <- if (length(found) == 2) min(as.integer(found[[2]]), length(lines)) else length(lines)
  stop(structure(
    class = c("parseError", "landbridge_parse_error", "error", "condition"),
    list(message = message, call = NULL, place = source_fields(name, line, lines))
  ))
}

#' How a function is called with arguments of these keys: bound to names, because a call that held the data itself would
#' fill every traceback.
#' @noRd
call_plan <- function(f, name, keys) {
  call_name <- if (make.names(name) == name) name else "job_function"
  taken <- argument_names(f, keys)
  if (anyDuplicated(taken)) taken <- make.unique(taken)
  taken[taken == call_name] <- paste0(call_name, "_argument")
  arguments <- lapply(taken, as.name)
  names(arguments) <- vapply(keys, function(key) if (is.null(key)) "" else key, "")
  list(name = call_name, arguments = taken, call = as.call(c(list(as.name(call_name)), arguments)))
}

call_function <- function(plan, f, values) {
  env <- new.env(parent = globalenv())
  for (i in seq_along(values)) env[[plan$arguments[[i]]]] <- values[[i]]
  env[[plan$name]] <- f
  user_call(plan$call, env)
}

argument_names <- function(f, keys) {
  formals <- names(formals(args(f)))
  formals <- formals[!formals %in% c("...", unlist(keys))]
  position <- 0L
  vapply(keys, function(key) {
    if (!is.null(key)) return(key)
    position <<- position + 1L
    if (position <= length(formals)) formals[[position]] else paste0("argument_", position)
  }, "")
}

#' The border between the worker's frames and the user's: capture_frames() looks for it by name.
#' @noRd
user_call <- function(call, env) eval(call, env)

run_script <- function(spec, items, source, sink) {
  keyed <- !vapply(items, function(item) is.null(item[[1]]), NA)
  for (i in which(keyed)) assign(items[[i]][[1]], decode_argument(items[[i]], i, source), envir = globalenv())
  arguments <- vapply(items[!keyed], function(item) argument_text(decode_value(item[[2]], source, TRUE)), "")
  outputs <- unlist(spec$outputs)
  replace_in_base("commandArgs", script_arguments(spec, arguments))
  for (name in c("quit", "q")) replace_in_base(name, scripted_quit(outputs, sink))
  script_state$expressions <- parse_source(spec)
  for (i in seq_along(script_state$expressions)) {
    script_state$current <- i
    user_call(script_state$expressions[[i]], globalenv())
  }
  collect_outputs(outputs)
}

script_state <- new.env(parent = emptyenv())

argument_text <- function(x) {
  if (!is.atomic(x) || length(x) != 1) {
    abort_landbridge("value_cannot_cross", "A script's argument without a name must be a single value.")
  }
  if (is.double(x) && is.null(oldClass(x))) gsub("\"", "", json_floats(x)) else as.character(x)
}

script_arguments <- function(spec, arguments) {
  all <- c("R", "--no-echo", "--no-restore", paste0("--file=", spec$file), "--args", arguments)
  function(trailingOnly = FALSE) if (trailingOnly) arguments else all # nolint: object_name_linter.
}

# In base itself, because argument parsers call these functions from their own namespaces.
replace_in_base <- function(name, f) {
  environment <- baseenv()
  unlockBinding(name, environment)
  assign(name, f, envir = environment)
  lockBinding(name, environment)
}

#' quit() of a script: with status 0 the script ended as it wanted to, and its outputs count.
#' @noRd
scripted_quit <- function(outputs, sink) {
  folder <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  worker_process <- Sys.getpid()
  function(save = "default", status = 0, runLast = TRUE) { # nolint: object_name_linter.
    ended_well <- identical(as.integer(status), 0L) && Sys.getpid() == worker_process
    outcome <- if (ended_well) list(value = encode_value(collect_outputs(outputs), sink, "result"))
    if (!is.null(session_state$log)) leave_call(as.integer(status), outcome)
    if (ended_well) finish_job(folder, outcome)
    quit_process(as.integer(status))
  }
}

collect_outputs <- function(outputs) {
  if (length(outputs) == 0) return(NULL)
  missing <- outputs[!vapply(outputs, exists, NA, envir = globalenv(), inherits = FALSE)]
  if (length(missing) > 0) stop(sprintf("The script has no variable `%s` to collect.", missing[[1]]), call. = FALSE)
  stats::setNames(lapply(outputs, get, envir = globalenv(), inherits = FALSE), outputs)
}
