# Objects of Python that reticulate holds in this session: functions and frames, submitted as they are. Python encodes
# them itself, by its package `landbridge`: reticulate's own conversion of tables is not used.

is_python_object <- function(x) inherits(x, "python.builtin.object")

#' The node of a Python value.
#' @noRd
encode_python <- function(x, sink, path) taken_from_python(x, sink, path, "value")

#' The source of a Python function with its helpers, values and imports.
#' @noRd
capture_python <- function(f, name, sink) taken_from_python(f, sink, name, "function")

taken_from_python <- function(x, sink, name, kind) {
  folder <- tempfile("landbridge-")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  told <- parse_protocol_json(python_hand_over()(x, folder, name, kind))
  if (!is.null(told$error)) abort_landbridge(told$error$code, told$error$message, told$error$hint)
  take_files(told$node, folder, sink)
}

python_hand_over <- function() {
  tryCatch(
    reticulate::import("landbridge.hand_over", convert = TRUE)$hand_over,
    error = function(error) {
      abort_landbridge(
        "codec_missing",
        "Python's objects are handed over by the Python package `landbridge`, which this Python lacks.",
        sprintf("Install it into %s: pip install ./py-client.", reticulate::py_config()$python)
      )
    }
  )
}

#' A copy of a node in which every file that Python wrote is an object of the sink's.
#' @noRd
take_files <- function(part, folder, sink) {
  if (!is.list(part)) return(part)
  part[] <- lapply(part, take_files, folder = folder, sink = sink)
  reference <- part[["object"]]
  if (!is.null(part[["kind"]]) && is.character(reference) && startsWith(reference, "new:")) {
    from <- file.path(folder, sub("new:", "", reference, fixed = TRUE))
    part[["object"]] <- sink$put(tools::file_ext(from), function(to) file.copy(from, to, copy.mode = FALSE))
  }
  part
}
