# Scalars, vectors and arrays. Up to 1,000 elements stand in the node itself, more go as an Arrow file of one column.

inline_limit <- 1000L

#' A node for an atomic vector, or NULL when the protocol has no row for its class and attributes.
#' @noRd
encode_vector <- function(x, sink, path) {
  type <- vector_type(x)
  if (is.null(type)) return(NULL)
  if (type == "bytes") return(bytes_node(x))
  tags <- vector_tags(x, type)
  node <- list(type = type)
  letters <- missing_tags(x)
  if (!is.null(letters)) {
    x <- without_missing_tags(x, letters)
    tags$na_tags <- tag_places(letters)
    # Attributes have no sink of their own: their frame shows them.
    for_r <- is.null(sink) || identical(sink$reader, "r")
    lost <- if (is.null(tags$na_tags)) tags_lost else if (!for_r) tags_for_r
    tell_verdict(lost, path, path, sink$on_loss)
  }
  if (type == "datetime") node$tz <- tags$tz
  if (length(x) > inline_limit) {
    object <- column_object(x, sink, path)
    # Times that no Arrow time holds go as numbers; the column's tag makes them times again.
    if (object$arrow == "float64") node$type <- "float"
    node <- c(shape_fields(x), node, object[names(object) != "arrow"])
  } else {
    elements <- json_elements(x, type, path)
    tags$exact <- exact_numbers(x, type, elements, tags)
    if (is_scalar(x)) return(scalar_node(node, elements, tags))
    node <- c(shape_fields(x), node, list(values = elements))
  }
  if (length(tags) > 0) node$tags <- tags
  node
}

bytes_node <- function(x) {
  list(kind = "scalar", type = "bytes", value = gsub("\n", "", jsonlite::base64_enc(x), fixed = TRUE))
}

is_scalar <- function(x) length(x) == 1 && is.null(names(x)) && is.null(dim(x))

scalar_node <- function(node, elements, tags) {
  if (is.null(elements[[1]])) node$na <- TRUE else node["value"] <- elements
  if (length(tags) > 0) node$tags <- tags
  c(list(kind = "scalar"), node)
}

shape_fields <- function(x) {
  if (is.null(dim(x))) {
    names <- if (!is.null(names(x))) list(names = text_or_null(names(x)))
    return(c(list(kind = "vector", n = length(x), container = "r"), names))
  }
  dimnames <- dimnames(x)
  fields <- list(kind = "array", shape = as.list(dim(x)), order = "F")
  fields["dimnames"] <- list(if (!is.null(dimnames)) lapply(unname(dimnames), dimension_names))
  if (!is.null(names(dimnames))) fields$axes <- text_or_null(names(dimnames))
  fields
}

dimension_names <- function(names) if (!is.null(names)) text_or_null(names)

#' The object of a long vector, with a tag for what its Arrow column alone does not tell.
#' @noRd
column_object <- function(x, sink, path) {
  bare <- x
  dim(bare) <- NULL
  names(bare) <- NULL
  column <- wire_column(bare, path)
  tell_verdict(column$verdict, path, path, sink$on_loss)
  id <- sink$put("arrow", function(to) sink$arrow$write_columns(list(value = column), length(bare), to, list()))
  c(list(object = id, arrow = column$type), if (!is.null(column$tag)) list(column = column$tag))
}

decode_scalar <- function(node) {
  tags <- node_tags(node)
  value <- if (isTRUE(node$na)) NULL else node[["value"]]
  plain <- if (is.null(tags)) plain_scalar(value, node$type)
  if (!is.null(plain)) return(plain)
  if (identical(node$type, "bytes")) return(if (is.null(value)) raw() else jsonlite::base64_dec(value))
  restore_tag_places(vector_of_elements(list(value), node$type, tags), tags$na_tags)
}

#' A value that stands in JSON as what it is in R; else NULL. Most arguments of the points of a sweep are such values.
#' @noRd
plain_scalar <- function(value, type) {
  if (is.null(value) || is.object(value)) return(NULL)
  switch(type,
    bool = if (is.logical(value)) value,
    int = if (is.integer(value)) value,
    float = if (is.numeric(value)) as.double(value),
    str = if (is.character(value)) enc2utf8(value)
  )
}

decode_vector <- function(node, source) {
  x <- node_elements(node, source)
  if (!is.null(node$names)) names(x) <- texts_of(node$names)
  x
}

decode_array <- function(node, source) {
  x <- node_elements(node, source)
  shape <- as.integer(unlist(node$shape))
  if (prod(shape) != length(x)) {
    abort_landbridge("bad_answer", sprintf("An array of shape (%s) came with %d values.", toString(shape), length(x)))
  }
  if (length(shape) == 0) return(x)
  if (identical(node$order, "C") && length(shape) > 1) {
    x <- aperm(array(x, rev(shape)))
  } else {
    x <- array(x, shape)
  }
  if (!is.null(node$dimnames)) {
    dimnames <- lapply(node$dimnames, function(names) if (!is.null(names)) texts_of(names))
    if (!is.null(node$axes)) names(dimnames) <- texts_of(node$axes)
    dimnames(x) <- dimnames
  }
  x
}

node_elements <- function(node, source) {
  tags <- node_tags(node)
  restore_tag_places(plain_elements(node, source, tags), tags$na_tags)
}

plain_elements <- function(node, source, tags) {
  if (is.null(node$object)) return(vector_of_elements(node$values, node$type, tags))
  column <- read_object(node, source)$columns[[1]]
  # What R itself wrote comes back as it was.
  if (!identical(node$container, "r")) tell_received_elements(column, node$type, source)
  x <- value_of_column(column, node$column)
  as_node_type(x, node$type, tags)
}

#' A column as the type its node names, for columns that another language wrote.
#' @noRd
as_node_type <- function(x, type, tags) {
  if (type == "factor" && !is.factor(x)) {
    return(factor(as.character(x), levels = texts_of(tags$levels), ordered = isTRUE(tags$ordered)))
  }
  if (type == "float" && is.integer(x)) return(as.double(x))
  x
}

node_tags <- function(node) {
  tags <- node$tags
  if (is.null(tags$tz) && !is.null(node$tz)) tags$tz <- node$tz
  tags
}
