# Matrices and arrays inside a frame.

#' A matrix or array as a column: one list of fixed size a row, its elements in C order.
#' @noRd
matrix_column <- function(x, path) {
  dim <- dim(x)
  if (!is.null(oldClass(x)) || !is.atomic(x) || prod(dim[-1]) == 0) {
    return(no_column(sprintf("a %s inside a frame has no Arrow type", class_text(x))))
  }
  extra <- setdiff(names(attributes(x)), c("dim", "dimnames"))
  if (length(extra) > 0) return(no_column(sprintf("a matrix with the attribute `%s` has no Arrow type", extra[[1]])))
  if (length(dim) == 1) return(one_dimensional_column(x, path))
  child <- wire_column(as.vector(aperm(x, rev(seq_along(dim)))), path)
  if (is_no_column(child)) return(child)
  tag <- list(type = "matrix", dim = as.list(dim[-1]), element = child$tag, nan = only_missing(child))
  tag <- Filter(Negate(is.null), tag)
  dimnames <- dimnames(x)
  if (length(unlist(dimnames[-1])) > inline_limit) return(no_column("a matrix with so many names has no Arrow type"))
  if (!is.null(dimnames)) tag$dimnames <- lapply(unname(dimnames[-1]), dimension_names)
  if (!is.null(names(dimnames))) tag$axes <- text_or_null(names(dimnames))
  size <- as.integer(prod(dim[-1]))
  column <- list(type = "fixed_list", n = dim[[1]], size = size, child = child, tag = tag, verdict = child$verdict)
  with_names(column, dimnames[[1]], path)
}

one_dimensional_column <- function(x, path) {
  column <- wire_column(as.vector(x), path)
  if (is_no_column(column)) return(column)
  column$tag$array <- TRUE
  if (!is.null(names(dimnames(x)))) column$tag$axes <- text_or_null(names(dimnames(x)))
  with_names(column, dimnames(x)[[1]], path)
}

restore_dimension <- function(x, tag) {
  if (!isTRUE(tag$array)) return(x)
  names <- names(x)
  x <- array(x)
  if (is.null(names)) return(x)
  dimnames <- list(names)
  if (!is.null(tag$axes)) names(dimnames) <- texts_of(tag$axes)
  dimnames(x) <- dimnames
  x
}

matrix_of_column <- function(column, tag) {
  sizes <- as.integer(unlist(tag$dim))
  column <- fixed_column(column, prod(sizes))
  elements <- value_of_column(column$child, tag$element)
  if (column$type != "fixed_list" || column$size != prod(sizes) || !is.atomic(elements)) {
    return(cells_of_column(column, tag[c("element", "nan")]))
  }
  elements <- nan_as_missing(spread_elements(elements, column), tag)
  x <- aperm(array(elements, c(rev(sizes), column$n)))
  if (is.null(tag$dimnames) && is.null(tag$names)) return(x)
  rows <- if (!is.null(tag$names)) names(restore_names(seq_len(column$n), tag$names))
  others <- if (is.null(tag$dimnames)) vector("list", length(sizes)) else tag$dimnames
  dimnames <- c(list(rows), lapply(others, function(names) if (!is.null(names)) texts_of(names)))
  if (!is.null(tag$axes)) names(dimnames) <- texts_of(tag$axes)
  dimnames(x) <- dimnames
  x
}

#' A column of lists that are all of one size as one of lists of fixed size.
#' @noRd
fixed_column <- function(column, size) {
  if (column$type != "list" || !all(column$lengths %in% c(-1L, size))) return(column)
  missing <- column$lengths < 0
  list(
    type = "fixed_list", n = length(missing), size = size, child = column$child, missing = if (any(missing)) missing
  )
}

#' The elements with missing ones for missing rows.
#' @noRd
spread_elements <- function(elements, column) {
  if (is.null(column$missing)) return(elements)
  there <- rep(!column$missing, each = column$size)
  at <- cumsum(there)
  at[!there] <- NA
  elements[at]
}
