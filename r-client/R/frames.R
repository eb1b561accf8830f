# Frames: an Arrow file, and a descriptor for what R knows beyond it.

frame_classes <- list(
  data.frame = "data.frame", tbl_df = c("tbl_df", "tbl", "data.frame"), data.table = c("data.table", "data.frame")
)

#' Is x a frame of one of the three classes, with nothing attached that the descriptor cannot hold?
#' @noRd
is_plain_frame <- function(x) {
  if (!is.data.frame(x)) return(FALSE)
  !is.null(frame_class(x)) && all(vapply(frame_attributes(x), is_plain_attribute, NA))
}

frame_class <- function(x) {
  # readr's class says only how the frame was read.
  class <- setdiff(class(x), "spec_tbl_df")
  found <- vapply(frame_classes, identical, NA, class)
  if (any(found)) names(frame_classes)[found]
}

frame_attributes <- function(x) {
  # `index` is data.table's cache; `spec` and `problems` are readr's.
  dropped <- c("names", "row.names", "class", ".internal.selfref", "index", "spec", "problems")
  attributes(x)[setdiff(names(attributes(x)), dropped)]
}

is_plain_attribute <- function(x) {
  if (identical(oldClass(x), "omit") || identical(oldClass(x), "exclude")) x <- unclass(x)
  length(x) <= inline_limit && !is.null(vector_type(x))
}

encode_frame <- function(x, sink, path) {
  n <- nrow(x)
  original <- names(x)
  columns <- lapply(seq_along(x), function(i) frame_column(x, i, item_path(path, original, i)))
  wire_names <- wire_names(original)
  names(columns) <- wire_names
  rows <- row_name_column(x, wire_names)
  descriptor <- list(
    class = frame_class(x), names = text_or_null(original), columns = column_tags(columns),
    row_names = if (is.null(rows)) "automatic" else names(rows), rows = n, attributes = attribute_nodes(x)
  )
  if (isTRUE(sink$hints)) descriptor$hint <- frame_hint(c(wire_names, names(rows)))
  metadata <- list(landbridge = protocol_json(descriptor))
  types <- NULL
  id <- sink$put("arrow", function(to) types <<- sink$arrow$write_columns(c(columns, rows), n, to, metadata))
  described <- Map(function(name, type) list(name = name, type = type), c(wire_names, names(rows)), types)
  list(
    kind = "frame", object = id, rows = n, columns = unname(described), descriptor = descriptor,
    preview = frame_preview(x)
  )
}

frame_column <- function(x, i, path) {
  value <- .subset2(x, i)
  column <- wire_column(value, path)
  if (is.null(column)) {
    cannot_cross(
      path, sprintf("a column of class %s has no exact Arrow type", paste(class(value), collapse = "/")),
      "Convert the column, or send it apart from the frame."
    )
  }
  column
}

wire_names <- function(names) {
  if (length(names) == 0) return(character())
  fine <- !anyNA(names) && all(nzchar(names)) && !anyDuplicated(names) && all(validUTF8(as_utf8(names)))
  if (fine) as_utf8(names) else paste0("c", seq_along(names))
}

column_tags <- function(columns) {
  tags <- lapply(Filter(function(column) !is.null(column$tag), columns), function(column) list(tag = column$tag))
  if (length(tags) == 0) structure(list(), names = character()) else tags
}

#' The reserved column of row names that are not 1, 2, 3, ..., or NULL.
#' @noRd
row_name_column <- function(x, taken) {
  if (.row_names_info(x) <= 0) return(NULL)
  name <- "__row_names__"
  while (name %in% taken) name <- paste0(name, "_")
  rows <- attr(x, "row.names")
  structure(list(wire_column(rows, "row.names(x)")), names = name)
}

attribute_nodes <- function(x) {
  attributes <- frame_attributes(x)
  if (length(attributes) == 0) return(NULL)
  Map(function(name, value) {
    class <- if (inherits(value, c("omit", "exclude"))) oldClass(value)
    node <- encode_vector(if (is.null(class)) value else unclass(value), NULL, name)
    list(name = name, class = class, value = node)
  }, names(attributes), attributes, USE.NAMES = FALSE)
}

frame_preview <- function(x) {
  rows <- seq_len(min(10L, nrow(x)))
  cells <- lapply(seq_len(min(50L, length(x))), function(i) cell_texts(.subset2(x, i)[rows]))
  lapply(rows, function(row) lapply(cells, function(column) if (is.na(column[[row]])) NULL else column[[row]]))
}

cell_texts <- function(x) {
  if (is.list(x)) {
    texts <- vapply(x, function(cell) if (is.null(cell)) NA_character_ else toString(as.character(cell)), "")
  } else {
    if (is.double(x) && is.null(oldClass(x))) x <- signif(x, 10)
    texts <- if (is.null(oldClass(x)) || is.factor(x)) as.character(x) else trimws(format(x))
    texts[is.na(x) & !(is.double(x) & is.nan(unclass(x)))] <- NA_character_
  }
  substr(as_utf8(texts), 1, 80)
}

decode_frame <- function(node, source) {
  read <- source$arrow$read_columns(source$path(node$object))
  descriptor <- node$descriptor
  if (isTRUE(source$remembers)) remember_frame(node)
  hint <- own_hint(descriptor)
  tags <- lapply(read$names, column_tags_of(node, hint))
  values <- Map(value_of_column, read$columns, tags)
  names(values) <- read$names
  ours <- isTRUE(descriptor$class %in% names(frame_classes))
  row_names <- frame_row_names(values, descriptor$row_names)
  if (!is.null(row_names)) values <- values[names(values) != descriptor$row_names]
  if (length(descriptor$names) == length(values)) names(values) <- texts_of(descriptor$names)
  frame <- structure(
    values, class = "data.frame",
    row.names = if (is.null(row_names)) .set_row_names(as.integer(node$rows)) else row_names
  )
  frame <- restore_attributes(frame, descriptor$attributes)
  # A tibble has no row names, so an index of pandas makes a data.frame.
  class <- if (ours) descriptor$class else hint$class
  if (is.null(class)) class <- if (is.null(row_names)) "tbl_df" else "data.frame"
  as_frame_class(frame, if (class == "tbl_df" && !is.null(row_names)) "data.frame" else class)
}

#' The values of the reserved column if they can be row names, else NULL: then it stays a column.
#' @noRd
frame_row_names <- function(values, reserved) {
  if (!is.character(reserved) || reserved == "automatic") return(NULL)
  rows <- values[[reserved]]
  if ((is.character(rows) || is.integer(rows)) && !anyNA(rows) && !anyDuplicated(rows)) rows
}

restore_attributes <- function(frame, attributes) {
  for (attribute in attributes) {
    value <- decode_value(attribute$value, NULL)
    if (!is.null(attribute$class)) class(value) <- unlist(attribute$class)
    attr(frame, attribute$name) <- value
  }
  frame
}

as_frame_class <- function(frame, class) {
  if (class == "data.table" && has_package("data.table")) return(data.table::setDT(frame)[])
  if (class == "tbl_df" && has_package("tibble")) class(frame) <- frame_classes$tbl_df
  frame
}
