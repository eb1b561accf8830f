# Calls of Python functions beside this process: a child R process with reticulate, started at the first call, kept for
# the session, gone with it. A child, because R and Python in one process crash where rpy2 or two Arrow libraries are.

python_state <- new.env(parent = emptyenv())

#' Run a Python function beside this R session
#'
#' The function runs in a process of its own, through the package reticulate, which stays for further calls. Tables pass
#' as Arrow files and arguments and result cross as those of jobs do, so missing integers, factors and times stay what
#' they are. In a job, name the image that has both languages: `task(f, runtime = "polyglot")`. Elsewhere reticulate
#' and a Python with the package landbridge are needed: `options(landbridge.bridge_python =)`, the variables
#' `LANDBRIDGE_BRIDGE_PYTHON` and `RETICULATE_PYTHON`, or the Python of the `landbridge` command.
#'
#' @param .what source text of a Python function, `"module:name"` for one of an installed module, [python()], or a
#'   function that reticulate holds
#' @param ... arguments of the function, by position or by name
#' @return the function's result as a value of R. An object that only Python can open is a handle for a later call.
#' @section Errors: an exception of Python is an error of the classes `landbridge_python_error` and of the exception's
#'   own classes, such as `ValueError`, with Python's message; `detail$remote` has its traceback.
#'   `landbridge_codec_missing` without reticulate or such a Python; `landbridge_value_cannot_cross`.
#' @export
#' @examples
#' \dontrun{
#' with_python("def double(table, by):\n    return table.assign(x=table.x * by)\n", data.frame(x = 1:3), by = 2L)
#' with_python("statistics:median", list(1, 2, 4))
#' }
with_python <- function(.what, ...) {
  folder <- tempfile("landbridge-")
  dir.create(call_objects(folder), recursive = TRUE, mode = "0700")
  on.exit(unlink(folder, recursive = TRUE))
  job <- around_job()
  on_loss <- if (is.null(job$task$on_loss)) "warn" else job$task$on_loss
  write_json_file(python_call(.what, list(...), folder, job, on_loss), file.path(folder, "job.json"))
  ask_python(folder)
  answer <- read_json_file(file.path(folder, "out", "answer.json"))
  for (one in answer$warnings) signal_python_warning(one)
  if (!is.null(answer$error)) abort_python_error(answer$error)
  source <- c(call_source(call_places(folder)), list(on_loss = on_loss))
  decode_value(keep_parts(answer$node, folder), source, trust = TRUE)
}

python_call <- function(what, values, folder, job, on_loss) {
  sink <- call_sink(folder, "python", on_loss)
  list(
    protocol = 1L,
    task = list(language = "python", "function" = python_function(what, sink), on_loss = on_loss),
    values = list(items = value_items(values, NULL, sink)), places = as.list(call_places(folder)),
    seed = if (is.null(python_state$requests)) job$seed, directory = getwd()
  )
}

python_function <- function(what, sink) {
  reference <- "^([A-Za-z_][A-Za-z0-9_.]*):([A-Za-z_][A-Za-z0-9_.]*)$"
  if (is_text(what) && grepl(reference, what)) {
    return(list(type = "reference", package = sub(reference, "\\1", what), name = sub(reference, "\\2", what)))
  }
  code <- if (inherits(what, "landbridge_code")) what else python(what)
  if (!identical(code$language, "python")) refuse_option(".what", "code of R", "It is a function of Python.")
  if (code$type == "python") return(capture_python(code$f, code$name, sink))
  list(type = "source", name = code$name, text = code$text, file = code$file, line = 1L)
}

#' The document of the job around this call; NULL outside of one.
#' @noRd
around_job <- function() {
  job <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  if (nzchar(job)) read_json_file(file.path(job, "job.json"))
}

call_places <- function(folder) {
  job <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  c(call_objects(folder), kept_objects(), if (nzchar(job)) file.path(job, "in"))
}

#' Where files stay that a result only refers to: with the job's own, outside of one as long as this session.
#' @noRd
kept_objects <- function() {
  job <- Sys.getenv("LANDBRIDGE_JOB_FOLDER")
  if (nzchar(job)) return(file.path(job, "out", "objects"))
  folder <- file.path(tempdir(), "landbridge-kept")
  dir.create(folder, showWarnings = FALSE, mode = "0700")
  folder
}

#' A node whose files and native objects, which are opened later or never, lie where they stay.
#' @noRd
keep_parts <- function(node, folder) {
  if (identical(node$kind, "list")) {
    node$items <- lapply(node$items, function(item) list(item[[1]], keep_parts(item[[2]], folder)))
  } else if (node$kind %in% c("native", "file")) {
    node$object <- keep_file(node$object, folder)
    if (!is.null(node$summary$picture)) node$summary$picture <- keep_file(node$summary$picture, folder)
  }
  node
}

keep_file <- function(reference, folder) {
  from <- file.path(call_objects(folder), sub("new:", "", reference, fixed = TRUE))
  # Others are of the job, or of an earlier call.
  if (!startsWith(reference, "new:") || !file.exists(from)) return(reference)
  kept <- tempfile("kept-", kept_objects(), paste0(".", tools::file_ext(from)))
  file.copy(from, kept, copy.mode = FALSE)
  paste0("new:", basename(kept))
}

signal_python_warning <- function(one) {
  classes <- c("landbridge_remote_warning", setdiff(one$category, base_classes), "warning", "condition")
  warning(structure(list(message = toString(one$message), call = NULL, category = one$category), class = classes))
}

abort_python_error <- function(remote) {
  if (!is.null(remote$code)) abort_landbridge(remote$code, remote$message, remote$hint)
  message <- if (nzchar(remote$message)) remote$message else remote$type
  frames <- Filter(function(frame) !isTRUE(frame$ours), remote$frames)
  last <- if (length(frames) > 0) frames[[length(frames)]]
  place <- if (!is.null(last)) sprintf(" in `%s`, line %.0f of %s", last[["function"]], last$line, last$file)
  rlang::cnd_signal(landbridge_condition(
    "python_error", message, detail = list(type = remote$type, remote = remote), text = message,
    class = setdiff(unlist(remote$classes), base_classes), body = c(x = paste0(remote$type, place))
  ))
}

#' Have the child carry out the call of a folder; it is started when there is none.
#' @noRd
ask_python <- function(folder) {
  if (is.null(python_state$requests)) start_python()
  writeLines(normalizePath(folder), python_state$requests)
  flush(python_state$requests)
  python_answer(paste("done", normalizePath(folder)))
}

start_python <- function() {
  if (!is_installed("reticulate")) abort_no_python("the package reticulate is missing")
  python <- client_python()
  if (is.null(python)) abort_no_python("no Python with the package landbridge was found")
  folder <- tempfile("landbridge-python-")
  dir.create(folder, mode = "0700")
  answers <- file.path(folder, "answers")
  if (system2("mkfifo", shQuote(answers)) != 0) abort_no_python("this system has no named pipes")
  # Descriptors of its own: what the function prints or reads is no part of the talk. The last word comes from the
  # shell, so that a process which dies is an answer too.
  command <- sprintf(
    "exec 3>%s 4<&0 </dev/null; %s --vanilla %s %s; echo ended >&3",
    shQuote(answers), shQuote(file.path(R.home("bin"), "Rscript")), shQuote(package_file("bridge", "with_python.R")),
    shQuote(python)
  )
  python_state$folder <- folder
  python_state$requests <- pipe(command, "w")
  python_state$answers <- fifo(answers, "r", blocking = TRUE)
  python_state$pid <- as.integer(python_answer("started"))
}

#' Wait for an answer that begins with these words, and give the rest of its line; answers to earlier calls, whose
#' waiting was interrupted, are passed over.
#' @noRd
python_answer <- function(words) {
  repeat {
    line <- readLines(python_state$answers, n = 1L, encoding = "UTF-8", warn = FALSE)
    if (length(line) == 0 || line == "ended") {
      stop_python()
      abort_python_ended(words)
    }
    if (startsWith(line, "failed ")) {
      stop_python()
      abort_no_python(sub("^failed ", "", line))
    }
    if (startsWith(line, words)) return(trimws(substring(line, nchar(words) + 1L)))
  }
}

abort_python_ended <- function(words) {
  if (words == "started") abort_no_python("its process ended while it started")
  abort_landbridge(
    "python_error", "The Python process ended before the function returned.",
    "It ended itself, crashed, or was killed for its memory; the next call starts a new one."
  )
}

stop_python <- function() {
  for (name in c("requests", "answers")) {
    if (!is.null(python_state[[name]])) suppressWarnings(close(python_state[[name]]))
    python_state[[name]] <- NULL
  }
  unlink(python_state$folder, recursive = TRUE)
}

abort_no_python <- function(reason) {
  abort_landbridge(
    "codec_missing", sprintf("Functions of Python cannot run here: %s.", sub("\\.$", "", reason)),
    hint = paste(
      "In a job name the image that has both languages: task(f, runtime = \"polyglot\"). Elsewhere install reticulate,",
      "and point options(landbridge.bridge_python =) at a Python with the package landbridge."
    )
  )
}

#' The Python of the calls: option, environment, or the first of those at hand that has the package landbridge.
#' @noRd
client_python <- function() {
  told <- told_python()
  if (length(told) > 0) return(path.expand(told[[1]]))
  found <- c(command_python(), gateway_python(), Sys.which("python3"))
  Find(has_client, unique(found[nzchar(found)]))
}

told_python <- function() {
  variables <- Sys.getenv(c("LANDBRIDGE_BRIDGE_PYTHON", "RETICULATE_PYTHON"), names = FALSE)
  told <- c(getOption("landbridge.bridge_python"), variables)
  told[nzchar(told)]
}

has_client <- function(python) {
  probe <- c("-c", shQuote("import landbridge.bridge"))
  identical(suppressWarnings(system2(python, probe, stdout = FALSE, stderr = FALSE)), 0L)
}
