# Classes and attributes of columns that Arrow has no word for: the column travels as the storage that the class stands
# on, its tag tells the class and those attributes that JSON can hold. What JSON cannot hold (a function, a formula)
# goes into the frame's side object, which only R reads.

core_classes <- list(
  ordered = c("ordered", "factor"), factor = "factor", POSIXct = c("POSIXct", "POSIXt"), Date = "Date",
  hms = c("hms", "difftime"), difftime = "difftime", integer64 = "integer64"
)

core_attributes <- list(ordered = "levels", factor = "levels", POSIXct = "tzone", hms = "units", difftime = "units")

#' A vector as the plain one it stands on, with what that one lacks.
#'
#' @param x an atomic vector or a list without names and dim
#' @return list of `core`, the plain vector; `tag`, its class and attributes as nodes; `side`, attributes for R only
#' @noRd
column_core <- function(x) {
  if (is.null(attributes(x))) return(list(core = x))
  base <- Find(function(name) inherits(x, name), names(core_classes))
  kept <- if (!is.null(base)) core_attributes[[base]]
  core <- x
  attributes(core) <- attributes(x)[kept]
  if (!is.null(base)) oldClass(core) <- core_classes[[base]]
  rest <- attributes(x)[setdiff(names(attributes(x)), c("names", "class", "dim", "dimnames", kept))]
  plain <- vapply(rest, is_plain_attribute, NA)
  tag <- list()
  if (!identical(oldClass(x), oldClass(core))) tag$class <- as.list(oldClass(x))
  if (any(plain)) tag$attributes <- attribute_list(rest[plain])
  list(core = core, tag = tag, side = rest[!plain])
}

#' A column that is the core's with the tag of the class that stood on it.
#' @noRd
with_class_tag <- function(column, found) {
  if (is_no_column(column)) return(column)
  column$tag <- c(column$tag, found$tag)
  if (length(found$side) > 0) column$side <- found$side
  column
}

restore_column_class <- function(x, tag) {
  class <- unlist(tag$class)
  for (attribute in tag$attributes) attr(x, attribute$name) <- attribute_value(attribute)
  # A single one of these words says how the storage was made, and is restored with it.
  if (is.null(class) || length(class) == 1 && class %in% c("integer64", "hms")) return(x)
  if (identical(class[[1]], "POSIXlt")) return(as.POSIXlt(x))
  oldClass(x) <- class
  x
}

attribute_list <- function(attributes) {
  Map(function(name, value) {
    class <- if (inherits(value, c("omit", "exclude"))) oldClass(value)
    node <- encode_vector(if (is.null(class)) value else unclass(value), NULL, name)
    list(name = name, class = class, value = node)
  }, names(attributes), attributes, USE.NAMES = FALSE)
}

attribute_value <- function(attribute) {
  value <- decode_value(attribute$value, NULL)
  if (!is.null(attribute$class)) class(value) <- unlist(attribute$class)
  value
}

is_plain_attribute <- function(x) {
  if (identical(oldClass(x), "omit") || identical(oldClass(x), "exclude")) x <- unclass(x)
  length(x) <= inline_limit && !is.null(vector_type(x))
}

# A level that is NA has a stand-in on the wire, for an Arrow dictionary of text has no missing entry there.

na_level <- function(levels) {
  name <- "<NA>"
  while (name %in% levels) name <- paste0(name, "_")
  name
}

restore_na_level <- function(x, tag) {
  if (is.null(tag$na_level)) return(x)
  # Not by levels<-, which would make the elements of that level missing.
  attr(x, "levels")[levels(x) == tag$na_level] <- NA
  x
}
