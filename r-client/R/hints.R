# Hints: what a column was before the other language had it, so that a table that goes there and back is what it was.

#' Keep in mind what frame of another language this job was given.
#' @noRd
remember_frame <- function(node) {
  if (!isTRUE(node$descriptor$class %in% names(frame_classes))) {
    in_job_state$given <- c(in_job_state$given, list(node))
  }
}

#' What the frames that were given say of columns of these names; NULL when none was given.
#' @noRd
frame_hint <- function(names, given = in_job_state$given) {
  if (length(given) == 0) return(NULL)
  # Row names have a name of R's own on the wire; what they were called there is told as well.
  row_names <- unlist(lapply(given, function(node) node$descriptor$row_names))
  names <- unique(c(unlist(lapply(given, unlike_labels)), names, setdiff(row_names, "automatic")))
  entries <- lapply(stats::setNames(nm = names), hint_entry, given = given)
  list(
    class = agreed(lapply(given, function(node) node$descriptor$class)),
    columns = as_object(Filter(Negate(is.null), entries)),
    library = as_object(agreed(lapply(given, function(node) node$descriptor$library)))
  )
}

#' The wire names of a frame whose labels could not be its wire names: by their order Python finds the labels again.
#' @noRd
unlike_labels <- function(node) {
  names <- vapply(node$columns, function(column) toString(column$name), "")
  labels <- texts_of(node$descriptor$names)
  if (!identical(names[seq_along(labels)], labels)) names
}

hint_entry <- function(name, given) {
  said <- lapply(given, function(node) {
    for (column in node$columns) {
      if (identical(column$name, name)) {
        tag <- node$descriptor$columns[[name]]$tag
        return(if (is.null(tag)) list(type = column$type) else list(type = column$type, tag = tag))
      }
    }
  })
  agreed(Filter(Negate(is.null), said))
}

agreed <- function(said) if (length(unique(said)) == 1) said[[1]]

#' A list that JSON shows as an object even when it is empty.
#' @noRd
as_object <- function(x) if (length(x) == 0) structure(list(), names = character()) else x

#' The hint of a frame of another language, if it tells of a frame of R.
#' @noRd
own_hint <- function(descriptor) {
  hint <- descriptor$hint
  ours <- names(frame_classes)
  if (!isTRUE(descriptor$class %in% ours) && isTRUE(hint$class %in% ours)) hint
}

#' The tags of columns: the hint's where the column is of the type that it was, else the descriptor's own.
#' @noRd
column_tags_of <- function(node, hint) {
  types <- vapply(node$columns, function(column) type_family(column$type), "")
  names(types) <- vapply(node$columns, function(column) toString(column$name), "")
  function(name) {
    tag <- node$descriptor$columns[[name]]$tag
    entry <- hint$columns[[name]]
    hinted <- !is.null(entry$tag) && identical(types[[name]], type_family(entry$type))
    if (hinted) geometry_hint_tag(tag, entry$tag) else tag
  }
}

#' Whole numbers inside lists and matrices that were integers before Python had them, where NaN stood for a missing one.
#' @noRd
integers_again <- function(column, type) {
  if (!column$type %in% c("list", "fixed_list") || !isTRUE(grepl("list<item: int32>", type))) return(column)
  data <- column$child$data
  whole <- column$child$type == "float64" && all(is.na(data) | abs(data) < 2^31 & data == floor(data))
  if (whole) column$child <- list(type = "int32", data = as.integer(data))
  column
}

type_family <- function(type) sub("^(large|fixed_size)_", "", sub("[[<(].*$", "", type))
