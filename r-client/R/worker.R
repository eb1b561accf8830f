# The worker: one job folder in, one result or error out. Started by inst/worker.sh, which moves the streams first.

#' Run the job of a folder and end the process.
#'
#' Exit status 0: a result or an error was written. 64: the folder could not be understood; one line says why on
#' descriptor 3 (the standard error that the worker was started with). User code that calls quit() ends with its own.
#' Random numbers: Mersenne-Twister, Inversion, Rejection, seeded from the job's seed.
#' @noRd
worker <- function(folder) {
  if (!await_job(folder)) quit_process(0L)
  spec <- tryCatch(read_job(folder), error = function(error) refuse_folder(folder, conditionMessage(error)))
  secret_state$process <- attempt_name(spec)
  prepare_process(folder, spec$seed)
  events <- event_log(folder)
  write_started(events)
  if (identical(spec$task[["function"]]$type, "session")) {
    work_session(folder)
    quit_process(0L)
  }
  if (!is.null(spec$points)) {
    work_sweep(spec, folder)
    quit_process(0L)
  }
  tell_exit(events)
  outcome <- run_guarded(function() run_job(spec, folder), events)
  finish_job(folder, outcome)
  breathe()
  quit_process(0L)
}

# Kept from before a script's own quit() stands in base: see scripted_quit().
regular_quit <- base::quit

quit_process <- function(status) {
  remove_secrets_folder()
  regular_quit("no", status, FALSE)
}

#' Say so when user code ends the process: an exit code that a signal would leave as well is then its own.
#' @noRd
tell_exit <- function(events) {
  worker_process <- Sys.getpid()
  exit_state$expected <- FALSE
  last_word <- function(state) {
    if (!state$expected && Sys.getpid() == worker_process) write_event(events, "exit", NULL)
  }
  reg.finalizer(exit_state, last_word, onexit = TRUE)
}

exit_state <- new.env(parent = emptyenv())

read_job <- function(folder) {
  spec <- read_json_file(file.path(folder, "job.json"))
  if (!identical(as.numeric(spec$protocol), 1)) stop("job.json is not of protocol 1")
  if (!identical(spec$task$language, "r")) stop("the task is not for R")
  if (!is.list(spec$values$items)) stop("job.json has no values")
  if (is.null(spec$task[["function"]]$type)) stop("the task has no function")
  if (!is.numeric(spec$seed)) stop("job.json has no seed")
  spec
}

refuse_folder <- function(folder, reason) {
  no_descriptor <- function(condition) stderr()
  out <- tryCatch(file("/dev/fd/3", "w", raw = TRUE), error = no_descriptor, warning = no_descriptor)
  reason <- gsub("[[:cntrl:]]+", " ", reason)
  writeLines(sprintf("landbridge worker: `%s` cannot be understood: %s", folder, substr(reason, 1, 500)), out)
  flush(out)
  logs <- file.path(folder, "out", c("stdout.log", "stderr.log"))
  unlink(logs[file.exists(logs) & file.size(logs) %in% 0])
  quit_process(64L)
}

prepare_process <- function(folder, seed) {
  exit_state$process <- Sys.getpid()
  Sys.umask("022")
  Sys.setenv(LANDBRIDGE_JOB_FOLDER = normalizePath(folder))
  if (Sys.getenv("TZ") == "") Sys.setenv(TZ = "UTC")
  seed_job(seed)
  work <- file.path(tempdir(), "work")
  dir.create(work)
  setwd(work)
}

seed_job <- function(seed) {
  # To look generators up by their names takes R longer than to seed them.
  if (identical(globalenv()[[".Random.seed"]][1L], usual_generators)) return(set.seed(as.integer(seed)))
  set.seed(as.integer(seed), kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
}

# With this number the state of those generators begins: see ?.Random.seed.
usual_generators <- 10403L

versioned_packages <- c("arrow", "jsonlite", "tibble", "data.table", "duckdb")

#' As JSON, made once: what is installed is looked up for each call of a session else.
#' @noRd
session_versions <- function() {
  if (is.null(known_versions$as_json)) {
    versions <- list(r = r_version(), landbridge = package_version_text("landbridge"))
    for (package in versioned_packages) versions[[package]] <- package_version_text(package)
    known_versions$as_json <- protocol_json(versions)
  }
  known_versions$as_json
}

package_version_text <- function(package) {
  if (is.null(known_versions[[package]])) {
    # Only DESCRIPTION is read: loading a package for its version would cost each job its start-up time.
    known_versions[[package]] <- if (is_installed(package)) as.character(utils::packageVersion(package)) else ""
  }
  if (nzchar(known_versions[[package]])) known_versions[[package]]
}

known_versions <- new.env(parent = emptyenv())

run_job <- function(spec, folder) {
  receive_secrets(spec, folder)
  in_job_state$on_loss <- spec$task$on_loss
  refuse_nul(attr(spec, "nul"), "values")
  check_wanted(spec$task$as)
  source <- folder_source(folder)
  # For the arguments alone: see decode_argument().
  source$arguments <- spec$task$as
  sink <- folder_sink(folder)
  value <- run_function(spec$task[["function"]], spec$values$items, source, sink)
  encode_value(value, sink, "result")
}

#' Objects of a job folder's in/, for decode_value().
#' @noRd
folder_source <- function(folder) {
  path <- function(id) {
    found <- list.files(file.path(folder, "in"), pattern = paste0("^", id, "(\\.|$)"), full.names = TRUE)
    if (length(found) == 0) abort_landbridge("unknown_object", sprintf("The job folder has no object %s.", id))
    found[[1]]
  }
  list(
    path = path, arrow = arrow_codec(), remembers = TRUE, events = event_log(folder), on_loss = in_job_state$on_loss
  )
}

#' New files of a job folder's out/objects/, for encode_value().
#' @noRd
folder_sink <- function(folder) {
  objects <- file.path(folder, "out", "objects")
  put <- function(extension, write) {
    # The process id keeps forked children of the job apart, and the point those that had the same id one after another.
    in_job_state$objects <- in_job_state$objects + 1L
    name <- sprintf("%s%d-%d.%s", point_prefix(), Sys.getpid(), in_job_state$objects, extension)
    write(file.path(objects, name))
    paste0("new:", name)
  }
  list(put = put, arrow = arrow_codec(), functions = TRUE, hints = TRUE, on_loss = in_job_state$on_loss)
}

#' Write result.json or error.json, after the streams are flushed: to a temporary name, then renamed. To the file that
#' is there for it if there is one: to make one takes a file system up to a millisecond.
#' @noRd
finish_job <- function(folder, outcome) {
  while (sink.number() > 0) sink()
  flush.connection(stdout())
  flush.connection(stderr())
  name <- if (is.null(outcome$error)) "result.json" else "error.json"
  text <- protocol_json(if (is.null(outcome$error)) outcome$value else outcome$error)
  out <- file.path(folder, "out")
  temporary <- file.path(out, ".draft")
  # A child that user code forked, and let run on until here, has no draft of its own.
  drafted <- identical(exit_state$process, Sys.getpid()) && file.size(temporary) %in% 0
  if (!drafted) temporary <- file.path(out, sprintf(".%s-%d", name, Sys.getpid()))
  con <- file(temporary, if (drafted) "r+b" else "wb", raw = TRUE)
  writeLines(text, con, useBytes = TRUE)
  close(con)
  if (!file.rename(temporary, file.path(out, name))) stop("the outcome could not be written")
  exit_state$expected <- TRUE
}
