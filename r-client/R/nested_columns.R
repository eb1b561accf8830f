# Columns whose cells are more than one number or text: lists and data frames inside a frame.

# Lists -------------------------------------------------------------------------------------------------------------

#' The column of a list without attributes: all its cells must be of one type, class and set of attributes.
#' @noRd
list_column <- function(x, path) {
  missing <- vapply(x, is.null, NA)
  present <- x[!missing]
  if (length(present) > 0 && all(vapply(present, is_bare_raw, NA))) return(list(type = "binary", data = x))
  problem <- mixed_cells(x, missing)
  if (!is.null(problem)) return(problem)
  lengths <- rep(-1L, length(x))
  lengths[!missing] <- vapply(present, cell_length, 0L)
  child <- wire_column(joined_cells(present), path)
  if (is_no_column(child)) return(list_problem(x, child))
  child <- without_dictionaries(child)
  tag <- list(element = child$tag, cell_names = cell_names(present))
  if (is.data.frame(present[1][[1]])) tag$cell <- as.list(class(present[[1]]))
  if (identical(tag$cell_names, FALSE)) {
    return(no_column(sprintf("more than %d elements of its cells have names", inline_limit)))
  }
  tag$nan <- only_missing(child)
  tag <- Filter(Negate(is.null), tag)
  column <- list(type = "list", lengths = lengths, child = child, verdict = child$verdict, side = child$side)
  if (length(tag) > 0) column$tag <- tag
  if (length(column$side) > 0) return(no_column("attributes of its cells have no place in the descriptor"))
  column
}

#' FALSE for numbers of which some are missing and none is NaN: what Python shows as NaN is missing there again.
#' @noRd
only_missing <- function(child) {
  if (child$type == "float64" && anyNA(child$data) && !any(is.nan(child$data))) FALSE
}

nan_as_missing <- function(x, tag) {
  if (identical(tag$nan, FALSE)) x[is.nan(x)] <- NA
  x
}

#' Factors inside lists as text: dictionaries cannot be written there by all codecs. The tag has the levels.
#' @noRd
without_dictionaries <- function(column) {
  if (column$type == "struct") {
    column$columns <- lapply(column$columns, without_dictionaries)
    column$tag$columns <- column_tags(column$columns)
  }
  if (column$type != "dictionary") return(column)
  column$tag <- utils::modifyList(as.list(column$tag), levels_tag(column))
  text <- list(type = "utf8", data = column$levels[column$codes], tag = column$tag)
  c(text, column[intersect(names(column), c("side", "verdict"))])
}

factor_of_text <- function(x, tag) factor(x, levels = texts_of(tag$levels), ordered = isTRUE(tag$ordered))

is_bare_raw <- function(x) is.raw(x) && is.null(attributes(x))

cell_length <- function(x) if (is.data.frame(x)) nrow(x) else length(x)

#' Why the cells have no common type, or NULL.
#' @noRd
mixed_cells <- function(x, missing) {
  first <- NULL
  for (row in which(!missing)) {
    cell <- x[[row]]
    if (!is_cell(cell)) {
      return(no_column(sprintf("its cells hold %s, which has no Arrow type", cell_word(cell)), row))
    }
    if (is.null(first)) {
      first <- row
      kind <- cell_kind(cell)
    } else if (!identical(cell_kind(cell), kind)) {
      words <- c(cell_word(x[[first]]), cell_word(cell))
      if (words[[1]] == words[[2]]) words[[2]] <- "another kind of it"
      reason <- sprintf("its cells are not of one type: it mixes %s (row %d) and %s", words[1], first, words[2])
      return(no_column(reason, row))
    }
  }
  NULL
}

#' Is it a cell whose elements can be joined with those of others?
#' @noRd
is_cell <- function(x) {
  if (isS4(x) || inherits(x, c("POSIXlt", "landbridge_job", "landbridge_native", "landbridge_file"))) return(FALSE)
  if (is.data.frame(x)) return(.row_names_info(x) <= 0 && !is.null(frame_class(x)) && length(x) > 0)
  is.null(dim(x)) && (is.atomic(x) || is.list(x) && is.null(oldClass(x)))
}

cell_word <- function(x) {
  if (is.null(oldClass(x))) return(if (is.list(x)) "list" else if (is.function(x)) "a function" else typeof(x))
  class(x)[[1]]
}

#' All that must be the same in every cell.
#' @noRd
cell_kind <- function(x) {
  if (is.data.frame(x)) return(list(class(x), lapply(x, cell_kind)))
  attr(x, "names") <- NULL
  list(typeof(x), attributes(x))
}

joined_cells <- function(cells) {
  if (length(cells) == 0) return(logical())
  first <- cells[[1]]
  if (is.data.frame(first)) {
    columns <- lapply(seq_along(first), function(i) joined_cells(lapply(cells, .subset2, i)))
    names(columns) <- names(first)
    return(structure(columns, class = "data.frame", row.names = .set_row_names(length(columns[[1]]))))
  }
  joined <- unlist(lapply(cells, function(cell) unname(unclass(cell))), recursive = FALSE, use.names = FALSE)
  # unlist() of empty cells forgets their type.
  if (length(joined) == 0) joined <- unname(unclass(first))[0]
  attr(first, "names") <- NULL
  attributes(joined) <- attributes(first)
  joined
}

#' Names inside the cells: NULL when there are none, FALSE when there are too many for a tag.
#' @noRd
cell_names <- function(cells) {
  named <- lapply(cells, function(cell) if (!is.data.frame(cell)) names(cell))
  if (all(vapply(named, is.null, NA))) return(NULL)
  if (sum(lengths(named)) > inline_limit || length(cells) > inline_limit) return(FALSE)
  lapply(named, function(one) if (!is.null(one)) text_or_null(as_utf8(one)))
}

list_problem <- function(x, child) {
  if (is.null(child$row)) return(child)
  ends <- cumsum(vapply(x, cell_length, 0L))
  no_column(child$reason, which(ends >= child$row)[[1]])
}

cells_of_column <- function(column, tag) {
  elements <- nan_as_missing(value_of_column(column$child, tag$element), tag)
  lengths <- column$lengths
  if (column$type == "fixed_list") {
    lengths <- rep(column$size, column$n)
    if (!is.null(column$missing)) lengths[column$missing] <- -1L
  }
  cells <- cut_cells(elements, lengths)
  if (!is.null(tag$cell) && is.data.frame(elements)) {
    cells <- lapply(cells, function(cell) if (!is.null(cell)) as_frame_class(cell, cell_class(tag$cell)))
  }
  restore_cell_names(cells, tag$cell_names)
}

cell_class <- function(class) {
  found <- vapply(frame_classes, identical, NA, unlist(class))
  if (any(found)) names(frame_classes)[found] else "data.frame"
}

#' Cells of these lengths, one after the other; NULL for a length of -1.
#' @noRd
cut_cells <- function(elements, lengths) {
  sizes <- pmax(lengths, 0L)
  starts <- cumsum(as.double(sizes)) - sizes
  lapply(seq_along(lengths), function(i) if (lengths[[i]] >= 0) take_elements(elements, starts[[i]], lengths[[i]]))
}

take_elements <- function(x, start, n) {
  if (!is.data.frame(x)) {
    # Without methods: most classes would lose their attributes, and copying all of x for each cell is slow.
    part <- .subset(x, seq_len(n) + start)
    facts <- attributes(x)
    if (!is.null(facts)) attributes(part) <- replace(facts, "names", list(names(part)))
    return(part)
  }
  part <- lapply(x, take_elements, start, n)
  structure(part, class = class(x), row.names = .set_row_names(n))
}

restore_cell_names <- function(cells, names) {
  if (is.null(names)) return(cells)
  present <- which(!vapply(cells, is.null, NA))
  if (length(present) != length(names)) return(cells)
  for (i in seq_along(present)) {
    if (!is.null(names[[i]])) names(cells[[present[[i]]]]) <- texts_of(names[[i]])
  }
  cells
}

# Data frames -------------------------------------------------------------------------------------------------------

struct_column <- function(x, path) {
  class <- frame_class(x)
  if (is.null(class) || length(x) == 0 || .row_names_info(x) > 0 || length(frame_attributes(x)) > 0) {
    return(no_column(sprintf("a %s inside a frame has no Arrow type", class_text(x))))
  }
  columns <- lapply(seq_along(x), function(i) wire_column(.subset2(x, i), item_path(path, names(x), i)))
  bad <- Find(is_no_column, columns)
  if (!is.null(bad)) return(bad)
  if (any(vapply(columns, function(column) !is.null(column$side), NA))) {
    return(no_column("attributes of columns inside a column have no place in the descriptor"))
  }
  names(columns) <- wire_names(names(x))
  columns <- lapply(columns, with_levels_tag)
  tag <- list(type = "data.frame", class = as.list(frame_classes[[class]]), columns = column_tags(columns))
  if (!identical(names(columns), names(x))) tag$names <- text_or_null(names(x))
  verdict <- Find(Negate(is.null), lapply(columns, `[[`, "verdict"))
  c(list(type = "struct", n = nrow(x), columns = columns, tag = tag), if (!is.null(verdict)) list(verdict = verdict))
}

#' Python's cells of a struct are dicts, which hold a factor as text.
#' @noRd
with_levels_tag <- function(column) {
  if (column$type == "dictionary") column$tag <- c(column$tag, levels_tag(column))
  column
}

levels_tag <- function(column) c(list(levels = as.list(column$levels)), if (column$ordered) list(ordered = TRUE))

frame_of_struct <- function(column, tag) {
  ours <- identical(tag$type, "data.frame")
  if (!ours && is_complex_struct(column)) return(complex_of_struct(column, tag))
  parts <- Map(
    function(part, name) value_of_column(part, tag$columns[[name]]$tag), column$columns, names(column$columns)
  )
  if (!is.null(column$missing)) parts <- lapply(parts, blank_rows, column$missing)
  names(parts) <- if (is.null(tag$names)) names(column$columns) else texts_of(tag$names)
  frame <- structure(parts, class = "data.frame", row.names = .set_row_names(column$n))
  as_frame_class(frame, if (ours) cell_class(tag$class) else "data.frame")
}

blank_rows <- function(x, missing) {
  if (is.data.frame(x)) {
    x[] <- lapply(x, blank_rows, missing)
  } else if (is.list(x)) {
    x[missing] <- list(NULL)
  } else if (is.null(dim(x)) && !is.raw(x)) {
    x[missing] <- NA
  }
  x
}

frame_of_complex <- function(x) {
  structure(list(re = Re(x), im = Im(x)), class = "data.frame", row.names = .set_row_names(length(x)))
}

is_complex_struct <- function(column) {
  if (!identical(names(column$columns), c("re", "im"))) return(FALSE)
  all(vapply(column$columns, function(part) part$type == "float64", NA))
}

complex_of_struct <- function(column, tag) {
  x <- complex(real = column$columns$re$data, imaginary = column$columns$im$data)
  if (!is.null(column$missing)) x[column$missing] <- NA_complex_
  restore_names(restore_column_class(restore_complex(x, tag), tag), tag$names)
}
