# Missing doubles with a letter in their bits, as haven reads them from SAS and Stata. Arrow keeps no bits of missing
# values, so in a frame a column of their letters stands behind theirs, which is one more column to Python. Filtered or
# sorted there, it still has the letters in the right rows. A vector outside a frame has the places of its letters in
# its node. In lists, matrices and frames inside a frame they are lost, which the verdict tells.

tags_lost <- verdict("lossy", "the tags of its missing values (haven) are lost: they become plain ones")
tags_for_r <- verdict("lossy", "the tags of its missing values (haven) are kept for R only; in a frame Python has them")

#' The letters of a vector's missing values, NA where there is none; NULL when no element has one.
#' @noRd
missing_tags <- function(x) {
  if (!is.double(x) || inherits(x, "integer64")) return(NULL)
  x <- unclass(x)
  if (!anyNA(x)) return(NULL)
  rows <- which(is_missing(x))
  bytes <- matrix(writeBin(as.double(x[rows]), raw(), endian = "little"), 8)[5, ]
  tagged <- bytes != as.raw(0)
  if (!any(tagged)) return(NULL)
  tags <- rep(NA_character_, length(x))
  tags[rows[tagged]] <- intToUtf8(as.integer(bytes[tagged]), multiple = TRUE)
  tags
}

without_missing_tags <- function(x, tags) {
  # Not by [<-, for which some classes have a method.
  facts <- attributes(x)
  x <- replace(unclass(x), which(!is.na(tags)), NA_real_)
  attributes(x) <- facts
  x
}

#' The opposite of missing_tags(): letters beside values that are not missing, or are no doubles, have no effect.
#' @noRd
with_missing_tags <- function(x, tags) {
  if (!is.double(x)) return(x)
  facts <- attributes(x)
  bare <- unclass(x)
  rows <- which(!is.na(tags) & is_missing(bare))
  if (length(rows) == 0) return(x)
  bytes <- matrix(as.raw(c(0xa2, 0x07, 0, 0, 0, 0, 0xf0, 0x7f)), 8, length(rows))
  bytes[5, ] <- as.raw(vapply(tags[rows], utf8ToInt, 0L))
  bare[rows] <- readBin(as.vector(bytes), "double", length(rows), endian = "little")
  attributes(bare) <- facts
  bare
}

#' Are these tags: single letters of one byte, or missing?
#' @noRd
are_missing_tags <- function(x) {
  if (is.logical(x)) return(all(is.na(x)))
  if (is.factor(x)) x <- as.character(x)
  if (!is.character(x)) return(FALSE)
  found <- unique(x[!is.na(x)])
  all(nchar(found) == 1) && all(vapply(found, utf8ToInt, 0L) %in% 1:255)
}

# In frames -----------------------------------------------------------------------------------------------------------

#' The column of a vector that has such values, of what else it is. Who makes a frame of it adds the other column.
#' @noRd
with_tags_verdict <- function(column, tags) {
  if (is.null(tags)) return(column)
  column$letters <- tags
  column$own_verdict <- column$verdict
  if (!identical(column$verdict$verdict, "lossy")) column$verdict <- tags_lost
  column
}

#' The parts of a frame (`labels`, `columns`, `values`), with a column of letters behind each that has some.
#' @noRd
with_tag_columns <- function(parts) {
  for (i in rev(which(vapply(parts$columns, function(column) !is.null(column$letters), NA)))) {
    column <- parts$columns[[i]]
    parts$columns[[i]]["verdict"] <- list(column$own_verdict)
    parts$labels <- append(parts$labels, tag_label(parts$labels, i), i)
    parts$columns <- append(parts$columns, list(list(type = "utf8", data = column$letters)), i)
    parts$values <- append(parts$values, list(column$letters), i)
  }
  parts
}

tag_label <- function(labels, i) {
  label <- paste0(if (is.na(labels[[i]])) "" else labels[[i]], "_na_tag")
  while (label %in% labels) label <- paste0(label, "_")
  label
}

#' The columns, named by their names on the wire, each with the name of the column of its letters in its tag.
#' @noRd
linked_columns <- function(columns) {
  for (i in which(vapply(columns, function(column) !is.null(column$letters), NA))) {
    columns[[i]]$tag$na_tags <- names(columns)[[i + 1]]
  }
  columns
}

#' By a column's name the name of the column of its letters, as far as that is there and has letters alone.
#' @noRd
tag_columns <- function(values, tags) {
  linked <- lapply(stats::setNames(tags, names(values)), `[[`, "na_tags")
  linked <- Filter(function(name) isTRUE(name %in% names(values)) && are_missing_tags(values[[name]]), linked)
  linked[vapply(names(linked), function(name) is.double(values[[name]]), NA)]
}

restore_tag_columns <- function(values, linked) {
  for (name in names(linked)) {
    values[[name]] <- with_missing_tags(values[[name]], as.character(values[[linked[[name]]]]))
  }
  values
}

#' The verdict on a column with missing values whose column of letters was taken away; NULL when it is there.
#' @noRd
lost_tag_column <- function(link, names, missing) {
  if (is.null(link) || link %in% names || missing == 0) return(NULL)
  verdict("lossy", sprintf("the tags of its missing values (haven) are lost with the column `%s`", link))
}

# Outside frames ------------------------------------------------------------------------------------------------------

#' The places of each letter, from 1: `{"a": [2, 7]}`. NULL when there are more than a node holds.
#' @noRd
tag_places <- function(tags) {
  rows <- which(!is.na(tags))
  if (length(rows) > inline_limit) return(NULL)
  lapply(split(rows, tags[rows]), as.list)
}

restore_tag_places <- function(x, places) {
  if (is.null(places) || !is.double(x)) return(x)
  tags <- rep(NA_character_, length(x))
  for (tag in names(places)) tags[unlist(places[[tag]])] <- tag
  with_missing_tags(x, tags)
}
