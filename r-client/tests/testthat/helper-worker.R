# Each test runs the worker as a process of its own on a folder of its own, as a container does.
job_folder <- function(fun, items = list(), points = NULL, env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  for (name in c("in", "out/objects", "out/files")) dir.create(file.path(folder, name), recursive = TRUE)
  spec <- list(
    protocol = 1L, job = "job_0123456789abcdef", attempt = 1L,
    task = list(language = "r", "function" = fun, experiment = "tests", tags = list(kind = "unit")),
    values = list(items = items), seed = 42L
  )
  spec$points <- points
  writeLines(protocol_json(spec), file.path(folder, "job.json"), useBytes = TRUE)
  folder
}

run_worker <- function(folder) {
  script <- system.file("worker.sh", package = "landbridge", mustWork = TRUE)
  errors <- withr::local_tempfile()
  withr::local_envvar(R_LIBS = paste(.libPaths(), collapse = ":"), LANDBRIDGE_JOB_FOLDER = NA)
  status <- system2("sh", c(script, folder), stdout = FALSE, stderr = errors)
  out <- function(name) file.path(folder, "out", name)
  lines <- function(name) if (file.exists(out(name))) readLines(out(name), warn = FALSE)
  document <- function(name) if (file.exists(out(name))) parse_protocol_json(paste(lines(name), collapse = "\n"))
  list(
    status = status, errors = readLines(errors), result = document("result.json"), error = document("error.json"),
    events = lapply(lines("events.jsonl"), parse_protocol_json),
    stdout = lines("stdout.log"), stderr = lines("stderr.log")
  )
}

run_job_of <- function(fun, items = list()) run_worker(job_folder(fun, items))

source_of <- function(text, name = "fit", file = "fit.R", line = 1L, ...) {
  list(type = "source", name = name, text = paste(text, collapse = "\n"), file = file, line = line, ...)
}

value_item <- function(x, key = NULL) list(key, encode_value(x, local_store()))

events_of <- function(run, kind) Filter(function(event) event$event == kind, run$events)

user_frames <- function(run) Filter(function(frame) !frame$ours, run$error$frames)
