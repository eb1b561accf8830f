# What user code signals: messages and warnings become events as they come, an error becomes error.json.

most_frames <- 100L

#' Call f() and return list(value =) or list(error =), the document for error.json.
#' @noRd
run_guarded <- function(f, events) {
  warnings <- list()
  frames <- list()
  note_warning <- function(condition) {
    # With options(warn = 2) the user asked for errors: R makes them after the handlers.
    if (getOption("warn") >= 2) return(invisible())
    noted <- warning_fields(condition)
    if (length(warnings) < 100) warnings[[length(warnings) + 1L]] <<- noted[c("message", "category")]
    write_event(events, "warning", noted)
    if (getOption("warn") >= 0) cat(warning_line(noted), file = stderr())
    invokeRestart("muffleWarning")
  }
  note_message <- function(condition) {
    if (inherits(condition, "packageStartupMessage")) return(invisible())
    write_event(events, "message", list(text = sub("\n$", "", conditionMessage(condition))))
  }
  note_error <- function(condition) {
    frames <<- tryCatch(capture_frames(), error = function(error) list())
  }
  failed <- function(condition) {
    document <- tryCatch(error_document(condition, frames, warnings), error = function(error) bare_error(condition))
    cat(sprintf("Error: %s\n", document$message), file = stderr())
    list(error = document)
  }
  tryCatch(
    list(value = withCallingHandlers(f(), warning = note_warning, message = note_message, error = note_error)),
    error = failed
  )
}

warning_fields <- function(condition) {
  list(message = message_text(condition), category = class(condition)[[1]], call = call_text(conditionCall(condition)))
}

warning_line <- function(noted) {
  if (is.null(noted$call)) return(sprintf("Warning: %s\n", noted$message))
  sprintf("Warning in %s: %s\n", noted$call, noted$message)
}

message_text <- function(condition) substr(valid_text(paste(conditionMessage(condition), collapse = "\n")), 1, 20000)

valid_text <- function(text) iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "?")

call_text <- function(call) {
  if (is.null(call)) return(NULL)
  valid_text(substr(deparse(call, width.cutoff = 200L, nlines = 1L)[[1]], 1, 200))
}

error_document <- function(condition, frames, warnings) {
  list(
    type = class(condition)[[1]], classes = as.list(class(condition)), message = message_text(condition),
    call = call_text(conditionCall(condition)), frames = c(frames, parse_frame(condition)), warnings = warnings,
    session = list(language = "r", version = r_version())
  )
}

bare_error <- function(condition) {
  list(
    type = class(condition)[[1]], classes = as.list(class(condition)), message = "The error's own message failed.",
    call = NULL, frames = list(), warnings = list(), session = list(language = "r", version = r_version())
  )
}

parse_frame <- function(condition) {
  if (!inherits(condition, "landbridge_parse_error")) return(NULL)
  list(c(list("function" = NULL), condition$place, list(ours = FALSE)))
}

#' The frames of the running calls, outermost first: to be called from a calling handler.
#'
#' A frame's line is where its function was when it made its last call, which R keeps with the call. An error of a
#' primitive has no such call; there R notes the place with the handler's own call.
#' @noRd
capture_frames <- function() {
  calls <- sys.calls()
  parents <- sys.parents()
  last <- handler_position(calls)
  border <- which(vapply(calls[seq_len(last)], calls_name, "") == "user_call")
  # Without a border user code had not begun: all frames are the worker's.
  border <- if (length(border) > 0) max(border) else last
  frames <- lapply(seq_len(last - 1L), function(k) {
    made <- which(parents == k & seq_along(calls) > k & seq_along(calls) < last)
    place <- if (length(made) > 0) attr(calls[[max(made)]], "srcref") else if (k == last - 1L) attr(calls[[last]], "srcref")
    one_frame(calls[[k]], sys.function(k), place, ours = k <= border)
  })
  names <- vapply(calls[seq_len(last - 1L)], calls_name, "")
  plumbing <- c("stop", "eval", "user_call")
  shown <- vapply(frames, is_shown, NA) & !(names %in% plumbing & (seq_along(names) <= border + 2L | names == "stop"))
  frames <- c(frames[shown & seq_along(frames) <= border], script_frame(), frames[shown & seq_along(frames) > border])
  frames <- lapply(frames, function(frame) frame[names(frame) != "package"])
  if (length(frames) > most_frames) frames[c(seq_len(20L), seq(length(frames) - most_frames + 21L, length(frames)))] else frames
}

handler_position <- function(calls) {
  names <- vapply(calls, calls_name, "")
  found <- which(names %in% c(".handleSimpleError", "signalCondition", "note_error"))
  user <- which(names == "user_call")
  found <- found[found > max(c(0L, user))]
  if (length(found) > 0) found[[1]] else length(calls)
}

calls_name <- function(call) {
  head <- call[[1]]
  if (is.name(head)) as.character(head) else if (is.call(head)) deparse(head, nlines = 1L)[[1]] else "<anonymous>"
}

is_shown <- function(frame) !frame$ours || identical(frame$package, "landbridge")

one_frame <- function(call, f, place, ours) {
  found <- c(list("function" = substr(calls_name(call), 1, 200)), place_fields(place))
  c(found, list(ours = ours, package = environmentName(topenv(environment(f)))))
}

place_fields <- function(place) {
  if (is.null(place)) return(list(file = NULL, line = NULL, source = NULL))
  srcfile <- attr(place, "srcfile")
  source_fields(srcfile$filename, place[[1]], srcfile$lines)
}

source_fields <- function(file, line, lines) {
  near <- seq(max(1L, line - 2L), min(max(line, length(lines)), line + 2L))
  near <- near[near <= length(lines)]
  list(
    file = file, line = line,
    source = lapply(near, function(number) list(number, valid_text(substr(lines[[number]], 1, 500))))
  )
}

script_frame <- function() {
  if (is.null(script_state$current)) return(NULL)
  place <- attr(script_state$expressions, "srcref")[[script_state$current]]
  list(c(list("function" = NULL), place_fields(place), list(ours = FALSE, package = "")))
}
