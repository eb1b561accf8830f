# Frames: an Arrow file, and a descriptor for what R knows beyond it.

frame_classes <- list(
  data.frame = "data.frame", tbl_df = c("tbl_df", "tbl", "data.frame"), data.table = c("data.table", "data.frame")
)

#' The one of the three classes that a frame's own class stands on.
#' @noRd
frame_base <- function(x) Find(function(name) inherits(x, name), c("data.table", "tbl_df", "data.frame"))

#' The name of x's class if it is just one of the three.
#' @noRd
frame_class <- function(x) {
  found <- vapply(frame_classes, identical, NA, frame_class_vector(x))
  if (any(found)) names(frame_classes)[found]
}

# readr's class says only how the frame was read.
frame_class_vector <- function(x) setdiff(class(x), "spec_tbl_df")

frame_attributes <- function(x) {
  # `index` is data.table's cache; `spec` and `problems` are readr's.
  dropped <- c("names", "row.names", "class", ".internal.selfref", "index", "spec", "problems")
  attributes(x)[setdiff(names(attributes(x)), dropped)]
}

#' A frame as a node. One with a column that Arrow has no type for goes as R's own object, unless Python is to read it:
#' then it is refused by column and row.
#' @noRd
encode_frame <- function(x, sink, path) {
  names <- names(x)
  columns <- lapply(seq_along(x), function(i) wire_column(.subset2(x, i), item_path(path, names, i)))
  bad <- which(vapply(columns, is_no_column, NA))
  if (length(bad) > 0) {
    if (!identical(sink$reader, "python")) return(encode_native(x, sink, path))
    refuse_column(columns[[bad[[1]]]], item_path(path, names, bad[[1]]), names[[bad[[1]]]])
  }
  values <- lapply(seq_along(x), function(i) .subset2(x, i))
  parts <- with_tag_columns(list(labels = names, columns = columns, values = values))
  for (i in seq_along(parts$columns)) {
    tell_verdict(parts$columns[[i]]$verdict, item_path(path, parts$labels, i), parts$labels[[i]], sink$on_loss)
  }
  frame_node(x, parts, sink, path)
}

refuse_column <- function(bad, path, label) {
  hint <- "Convert the column, or send it apart from the frame."
  if (!is.null(bad$row)) refuse_row(path, label, bad$row, bad$reason, hint)
  cannot_cross(path, bad$reason, hint, list(column = label))
}

frame_node <- function(x, parts, sink, path) {
  n <- nrow(x)
  wire_names <- wire_names(parts$labels)
  columns <- linked_columns(stats::setNames(parts$columns, wire_names))
  rows <- row_name_column(x, wire_names)
  descriptor <- list(
    class = frame_base(x), names = text_or_null(parts$labels), columns = column_tags(columns),
    row_names = if (is.null(rows)) "automatic" else names(rows), rows = n
  )
  descriptor <- c(descriptor, frame_facts(x, columns, sink, path))
  if (isTRUE(sink$hints)) descriptor$hint <- frame_hint(c(wire_names, names(rows)))
  metadata <- list(landbridge = protocol_json(descriptor))
  types <- NULL
  id <- sink$put("arrow", function(to) types <<- sink$arrow$write_columns(c(columns, rows), n, to, metadata))
  described <- Map(function(name, type, column) {
    c(list(name = name, type = type), column$verdict)
  }, c(wire_names, names(rows)), types, c(columns, rows))
  list(
    kind = "frame", object = id, rows = n, columns = unname(described), descriptor = descriptor,
    preview = frame_preview(parts$values, n)
  )
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

frame_preview <- function(columns, n) {
  rows <- seq_len(min(10L, n))
  # Without names, for rows with names would be objects in JSON.
  cells <- lapply(utils::head(unname(columns), 50L), function(column) cell_texts(take_rows(column, rows)))
  lapply(rows, function(row) lapply(cells, function(column) if (is.na(column[[row]])) NULL else column[[row]]))
}

take_rows <- function(x, rows) {
  if (inherits(x, "sfc")) return(geometry_texts(x, length(rows)))
  if (inherits(x, "POSIXlt")) x <- as.POSIXct(x)
  if (length(dim(x)) < 2) return(x[rows])
  # Matrices, arrays and frames as one text a row.
  x <- if (is.data.frame(x)) as.matrix(format(x[rows, , drop = FALSE])) else x
  apply(x, 1, function(row) list(row), simplify = FALSE)[rows]
}

cell_texts <- function(x) {
  if (is.list(x)) {
    texts <- vapply(x, function(cell) if (is.null(cell)) NA_character_ else toString(unlist(cell)), "")
  } else {
    if (is.double(x) && is.null(oldClass(x))) x <- signif(x, 10)
    texts <- plain_texts(x)
    texts[is.na(x) & !(is.double(x) & is.nan(unclass(x)))] <- NA_character_
  }
  substr(as_utf8(texts), 1, 80)
}

plain_texts <- function(x) {
  if (inherits(x, "POSIXct")) return(time_texts(x))
  if (is.null(oldClass(x)) || is.factor(x)) as.character(x) else trimws(format(x))
}

# As the other client shows times: in UTC, with microseconds where there are any.
time_texts <- function(x) {
  # format() cuts digits off and does not round.
  texts <- format(x + 5e-7, "%Y-%m-%d %H:%M:%OS6", tz = "UTC")
  paste0(sub(".000000", "", texts, fixed = TRUE), "Z")
}

decode_frame <- function(node, source, trust = FALSE) {
  if (wants_arrow(source)) return(decode_arrow_frame(node, source))
  read <- read_object(node, source)
  descriptor <- node$descriptor
  if (isTRUE(source$remembers)) remember_frame(node)
  hint <- own_hint(descriptor)
  ours <- isTRUE(descriptor$class %in% names(frame_classes))
  tags <- lapply(read$names, column_tags_of(node, hint))
  tell_received(read, tags, descriptor, hint, source)
  columns <- Map(function(column, name) integers_again(column, hint$columns[[name]]$type), read$columns, read$names)
  values <- Map(function(column, tag, name) {
    with_geometry_refused(value_of_column(column, tag), name, source)
  }, columns, tags, read$names)
  names(values) <- read$names
  row_names <- frame_row_names(values, descriptor$row_names)
  if (!is.null(row_names)) values <- values[names(values) != descriptor$row_names]
  facts <- if (ours) descriptor$library$r else hint$library$r
  side <- side_object(facts, source, trust)
  linked <- tag_columns(values, tags[match(names(values), read$names)])
  values <- restore_column_side(restore_tag_columns(values, linked), side$columns)
  kept <- !names(values) %in% linked
  if (length(descriptor$names) == length(values)) names(values) <- texts_of(descriptor$names)
  values <- values[kept]
  frame <- structure(
    values, class = "data.frame",
    row.names = if (is.null(row_names)) .set_row_names(as.integer(node$rows)) else row_names
  )
  for (attribute in descriptor$attributes) attr(frame, attribute$name) <- attribute_value(attribute)
  class <- if (ours) descriptor$class else class_of_foreign(hint$class, row_names)
  if (!is.null(source$wanted) && wanted_classes[[source$wanted]] != class) {
    # Groups, and a class of its own, stand on the class that it was.
    facts <- NULL
    class <- wanted_classes[[source$wanted]]
  }
  frame <- mended_sf(restore_frame_facts(as_frame_class(frame, class), facts, side))
  if (ours || !is.null(source$wanted) || inherits(frame, "sf")) return(frame)
  geometric <- read$names[vapply(tags, function(tag) identical(tag$type, "geometry"), NA)]
  as_sf_frame(frame, geometric, hint, descriptor$library$geopandas$active)
}

#' A tibble has no row names but those that count, so an index of pandas makes a data.frame.
#' @noRd
class_of_foreign <- function(hinted, row_names) {
  class <- if (is.null(hinted)) "tbl_df" else hinted
  named <- !is.null(row_names) && !(identical(row_names, seq_along(row_names)) && !is.null(hinted))
  if (class == "tbl_df" && named) "data.frame" else class
}

#' The values of the reserved column if they can be row names, else NULL: then it stays a column.
#' @noRd
frame_row_names <- function(values, reserved) {
  if (!is.character(reserved) || reserved == "automatic") return(NULL)
  rows <- values[[reserved]]
  if ((is.character(rows) || is.integer(rows)) && !anyNA(rows) && !anyDuplicated(rows)) rows
}

as_frame_class <- function(frame, class) {
  if (class == "data.table" && has_package("data.table")) return(data.table::setDT(frame)[])
  if (class == "tbl_df" && has_package("tibble")) class(frame) <- frame_classes$tbl_df
  frame
}
