# The values that a job was given: one that it returns unchanged is the value that was sent, to its last attribute (the
# dtype of an array of numpy, a dataclass, a tuple). Frames have their hints.

#' Keep in mind as which node a scalar, vector, array or list came, and what is inside a list.
#' @noRd
remember_value <- function(value, node) {
  kept <- length(in_job_state$values)
  if (!is_remembered(node) || kept >= inline_limit) return(invisible())
  # A long vector is not held: its memory is the job's. Its digest tells it as well.
  entry <- list(node = node, type = typeof(value), length = length(value), address = rlang::obj_address(value))
  entry[[if (is.null(node$object)) "value" else "digest"]] <- if (is.null(node$object)) value else rlang::hash(value)
  in_job_state$values <- c(in_job_state$values, list(entry))
  if (node$kind == "list" && length(node$items) <= inline_limit) {
    for (i in seq_along(value)) remember_value(value[[i]], node$items[[i]][[2]])
  }
}

#' Of single values those for whose facts R has no place: a dtype, digits of a decimal, an instant without a zone.
#' @noRd
is_remembered <- function(node) {
  if (!identical(node$kind, "scalar")) return(isTRUE(node$kind %in% c("vector", "array", "list")))
  !is.null(node$tags) || node$type %in% c("decimal", "datetime", "time")
}

#' The node as which a value was given, or NULL.
#' @noRd
given_node <- function(x, given = in_job_state$values) {
  found <- Filter(function(entry) is_given(x, entry), given)
  if (length(found) == 0) return(NULL)
  # The very object before one that is equal to it: equal integers may have come in several dtypes.
  address <- rlang::obj_address(x)
  own <- Filter(function(entry) identical(entry$address, address), found)
  if (length(own) > 0) return(own[[1]]$node)
  # Any other number that a job computes may equal a single one that it was given.
  found <- Filter(function(entry) entry$node$kind != "scalar", found)
  facts <- agreed(lapply(found, function(entry) entry$node[setdiff(names(entry$node), "object")]))
  if (!is.null(facts)) found[[1]]$node
}

is_given <- function(x, entry) {
  if (entry$length != length(x) || entry$type != typeof(x)) return(FALSE)
  # Missing doubles may have a letter in their bits (haven), which is another value.
  if (is.null(entry$digest)) identical(entry$value, x, single.NA = FALSE) else identical(entry$digest, rlang::hash(x))
}
