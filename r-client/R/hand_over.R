# Objects of R that another language's client holds (rpy2 in a Python notebook) are encoded here, by R itself: neither
# bridge's own conversion of tables is used.

#' A value, or a function with what it uses, as JSON and files for another process.
#'
#' @param x any R value; a function when `as` is "function"
#' @param folder path of an existing folder, which takes the files that the JSON names as "new:<file>"
#' @param name what x is called in messages
#' @param as "value" or "function"
#' @return text: `{"node": ...}`, or `{"error": {"code", "message", "hint"}}` when x cannot cross
#' @noRd
hand_over <- function(x, folder, name = "value", as = "value") {
  sink <- handing_sink(folder)
  told <- tryCatch(
    list(node = if (as == "function") capture_function(x, name, sink) else encode_value(x, sink, name)),
    landbridge_error = function(error) {
      list(error = list(code = error$code, message = conditionMessage(error), hint = error$hint))
    }
  )
  protocol_json(told)
}

handing_sink <- function(folder) {
  sink <- new.env(parent = emptyenv())
  sink$count <- 0L
  sink$put <- function(extension, write) {
    sink$count <- sink$count + 1L
    name <- sprintf("%d.%s", sink$count, extension)
    write(file.path(folder, name))
    paste0("new:", name)
  }
  # Looked for only when a table comes.
  delayedAssign("arrow", arrow_codec(), assign.env = sink)
  sink$functions <- FALSE
  sink
}
