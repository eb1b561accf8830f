# What varies from point to point of a sweep: vectors and lists, what each() marks, and parameter frames.

#' What varies from point to point
#'
#' A bare vector or list whose length is not one gives each point of [map_jobs()] one of its elements; everything else
#' is common to all points. `each()` lets other values vary, `common()` keeps a vector common.
#'
#' @param x `each()`: a vector or a list, whatever its class and length, or, given without a name, a data frame: each
#'   row is a point, and each column an argument of its name. `common()`: any value.
#' @param ... named vectors or lists
#' @return an argument for [map_jobs()]; of `combinations()` all combinations of the values, the first name varying
#'   slowest
#' @section Errors: `landbridge_invalid_field`.
#' @export
#' @examples
#' combinations(depth = c(2, 4), rate = c(0.1, 0.2))
#' \dontrun{
#' map_jobs(fit, each(data.frame(depth = c(2, 4), rate = c(0.1, 0.5))), table = mtcars)
#' map_jobs(fit, depth = 1:8, quantiles = common(c(0.1, 0.9)), table = mtcars)
#' }
each <- function(x) {
  if (is.data.frame(x)) return(structure(list(columns = frame_columns(x)), class = "landbridge_varying"))
  if (!is.vector(unclass(x)) && !is.atomic(x) || is.null(x)) {
    abort_landbridge(
      "invalid_field", sprintf("each() cannot go through a %s.", class(x)[[1]]), "Give a list, a vector or a frame.",
      list(field = "each")
    )
  }
  structure(list(values = x), class = "landbridge_varying")
}

#' @rdname each
#' @export
common <- function(x) structure(list(value = x), class = "landbridge_common")

#' @rdname each
#' @export
combinations <- function(...) {
  given <- list(...)
  names <- names(given)
  if (length(given) == 0 || is.null(names) || !all(nzchar(names))) {
    hint <- "Such as combinations(depth = c(2, 4))."
    abort_landbridge("invalid_field", "The values of combinations() are given by name.", hint)
  }
  for (name in names[vapply(given, is.data.frame, NA)]) {
    message <- sprintf("`%s` is a frame, and combinations are made of values.", name)
    abort_landbridge("invalid_field", message, "Give a list.", list(field = name))
  }
  sizes <- lengths(given)
  repeats <- rev(cumprod(c(1, rev(sizes))))[-1]
  columns <- Map(function(x, times) x[rep(rep(seq_along(x), each = times), length.out = prod(sizes))], given, repeats)
  structure(list(columns = columns), class = "landbridge_varying")
}

#' @export
print.landbridge_varying <- function(x, ...) {
  count <- function(n) format(n, big.mark = ",")
  if (is.null(x$columns)) {
    cat(sprintf("<each of %s values>\n", count(length(x$values))))
  } else {
    rows <- if (length(x$columns) == 0) 0 else length(x$columns[[1]])
    cat(sprintf("<each of %s rows of %s>\n", count(rows), toString(names(x$columns))))
  }
  invisible(x)
}

frame_columns <- function(frame) stats::setNames(lapply(seq_along(frame), function(i) .subset2(frame, i)), names(frame))

varying_classes <- c("Date", "POSIXct", "POSIXt", "factor", "ordered", "difftime", "hms", "integer64")

varies_by_itself <- function(x) {
  (is.atomic(x) && !is.null(x) || is.list(x)) && is.null(dim(x)) && length(x) != 1 &&
    length(setdiff(oldClass(x), varying_classes)) == 0
}

#' Tell apart what varies and what is common.
#'
#' @return `values`: the arguments, in which a `landbridge_place` stands for a column; `columns`: what varies; `labels`:
#'   what messages call the columns
#' @noRd
tell_varying <- function(given) {
  keys <- if (is.null(names(given))) rep("", length(given)) else names(given)
  spread <- vapply(seq_along(given), function(i) keys[[i]] == "" && is_table(given[[i]]), NA)
  found <- list(values = list(), columns = list(), labels = character())
  for (i in which(!spread)) {
    label <- if (nzchar(keys[[i]])) keys[[i]] else sprintf("argument %d", sum(!spread[seq_len(i)]))
    found <- take_argument(found, keys[[i]], label, given[[i]])
  }
  for (table in given[spread]) for (name in names(table$columns)) {
    if (name %in% names(found$values)) {
      message <- sprintf("The argument `%s` was given twice.", name)
      abort_landbridge("unknown_argument", message, "Give it once.", list(argument = name))
    }
    found <- take_argument(found, name, name, each(table$columns[[name]]))
  }
  check_lengths(found)
  found
}

is_table <- function(x) inherits(x, "landbridge_varying") && !is.null(x$columns)

take_argument <- function(found, key, label, given) {
  if (is_table(given)) {
    message <- sprintf("`%s` is a frame, whose columns are arguments themselves.", label)
    abort_landbridge("invalid_field", message, "Give it no name.", list(field = label))
  }
  marked <- inherits(given, "landbridge_varying")
  value <- if (inherits(given, "landbridge_common") || marked) given[[1]] else given
  if (marked || !inherits(given, "landbridge_common") && varies_by_itself(given)) {
    place <- structure(list(column = length(found$columns)), class = "landbridge_place")
    found$columns <- c(found$columns, list(value))
    found$labels <- c(found$labels, label)
    value <- place
  }
  found$values <- c(found$values, stats::setNames(list(value), key))
  found
}

check_lengths <- function(found) {
  if (length(found$columns) == 0) {
    hint <- "Give a vector or a list, or each(...) of what differs."
    abort_landbridge("invalid_field", "Nothing varies from point to point.", hint)
  }
  sizes <- lengths(found$columns)
  other <- which(sizes != sizes[[1]])
  if (length(other) == 0) return(invisible())
  count <- function(n) format(n, big.mark = ",")
  message <- sprintf(
    "`%s` has %s values, and `%s` has %s.", found$labels[[1]], count(sizes[[1]]), found$labels[[other[[1]]]],
    count(sizes[[other[[1]]]])
  )
  hint <- "What varies is of one length; what is common to all points goes into common()."
  abort_landbridge("invalid_field", message, hint, list(field = found$labels[[other[[1]]]]))
}

#' A column of the table of points: single values of one type side by side, anything else as a list of nodes.
#' @noRd
point_column <- function(x, sink, label) {
  names(x) <- NULL
  if (is_plain_list(x)) {
    single <- length(x) > 0 && all(lengths(x) == 1) && all(vapply(x, function(one) is.null(attributes(one)), NA))
    types <- if (single) unique(vapply(x, typeof, ""))
    if (length(types) != 1 || !types %in% names(single_types)) return(listed_column(x, sink, label))
    x <- unlist(x)
  }
  type <- if (length(x) == 0) "str" else vector_type(x)
  # A moment has its zone beside it, for which a column of single values has no place.
  if (is.null(type) || type %in% c("bytes", "datetime")) return(listed_column(as.list(x), sink, label))
  if (is.character(x)) check_text(x, label)
  plain <- is.null(oldClass(x)) && type %in% single_types
  elements <- if (plain) json_atoms(x) else json_elements(x, type, label)
  tags <- vector_tags(x, type)
  if (!plain && !is.null(exact_numbers(x, type, elements, tags))) return(listed_column(as.list(x), sink, label))
  column <- list(kind = "vector", type = type, n = length(x), values = elements)
  if (plain) column$values <- verbatim_json(sprintf("[%s]", paste(elements, collapse = ",")))
  if (length(tags) > 0) column$tags <- tags
  column
}

listed_column <- function(x, sink, label) list(kind = "list", items = list_items(x, NULL, sink, label))
