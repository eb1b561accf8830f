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
    position <- sys.nframe()
    frames <<- tryCatch(capture_frames(position), error = function(error) list())
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

valid_text <- function(text) iconv(as_utf8(text), "UTF-8", "UTF-8", sub = "?")

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

#' The frames of the running calls, outermost first: to be called from a calling handler, with that handler's own
#' position among the calls.
#'
#' A frame's line is where its function was when it made its last call, which R keeps with the call. An error of a
#' primitive has no such call; there R notes the place with the handler's call.
#' @noRd
capture_frames <- function(handler) {
  calls <- sys.calls()
  parents <- sys.parents()
  names <- vapply(calls, calls_name, "")
  last <- if (handler > 1L && names[[handler - 1L]] == ".handleSimpleError") handler - 1L else handler
  border <- max(0L, which(names[seq_len(last)] == "user_call"))
  # Without a border user code had not begun: all frames are the worker's.
  if (border == 0L) border <- last
  frames <- lapply(seq_len(last - 1L), function(k) {
    made <- which(parents == k & seq_along(calls) > k & seq_along(calls) < last)
    place <- if (length(made) > 0) innermost_place(calls[made]) else if (k == last - 1L) attr(calls[[last]], "srcref")
    one_frame(names[[k]], sys.function(k), place, ours = k <= border)
  })
  shown_frames(frames, names[seq_len(last - 1L)], border)
}

#' Of the places of a function's calls the last one that lies within the first: a block handed to tryCatch() is run by
#' calls of its own.
#' @noRd
innermost_place <- function(calls) {
  places <- Filter(Negate(is.null), lapply(calls, attr, "srcref"))
  if (length(places) == 0) return(NULL)
  first <- places[[1]]
  within <- vapply(places, function(place) {
    identical(attr(place, "srcfile"), attr(first, "srcfile")) && place[[1]] >= first[[1]] && place[[3]] <= first[[3]]
  }, NA)
  places[[max(which(within))]]
}

# What stands between the function that raised and the handler.
signalling <- c(
  "stop", "abort", "rlang::abort", "cli_abort", "cli::cli_abort", "signal_abort", "signalCondition", "withRestarts",
  "withOneRestart", "doWithOneRestart", "warning", "stopifnot", "base::stop", "rlang:::signal_abort"
)

shown_frames <- function(frames, names, border) {
  positions <- seq_along(frames)
  ours <- positions <= border
  package <- vapply(frames, function(frame) frame$package, "")
  # eval(call, env) of user_call() are two frames beyond the border.
  shown <- ifelse(ours, package == "landbridge" & names != "user_call", positions > border + 2L | names != "eval")
  raised <- max(0L, which(!ours & !names %in% signalling))
  shown <- shown & (ours | positions <= raised)
  frames <- lapply(frames, function(frame) frame[names(frame) != "package"])
  kept <- c(frames[shown & ours], if (raised > 0) script_frame(), frames[shown & !ours])
  if (length(kept) > most_frames) kept[c(1:20, seq(length(kept) - most_frames + 21L, length(kept)))] else kept
}

calls_name <- function(call) {
  head <- call[[1]]
  if (is.name(head)) as.character(head) else if (is.call(head)) deparse(head, nlines = 1L)[[1]] else "<anonymous>"
}

one_frame <- function(name, f, place, ours) {
  found <- c(list("function" = substr(name, 1, 200)), place_fields(place))
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
  list(c(list("function" = NULL), place_fields(place), list(ours = FALSE)))
}
