# WKB that somebody else wrote: looked over before a library reads it, for the libraries read collections inside
# collections by calling themselves, and end the process where these nest too deep. Sentences are those of Python's
# geometry_bytes.py.

# sf has the same limit.
deepest_nesting <- 32L
# So many levels do not fit into fewer bytes, and libraries bear as many as do.
harmless_bytes <- 18000L

#' The first row, counted from 1, whose WKB cannot be read, and why; NULL when all can.
#' @noRd
broken_geometry <- function(cells) {
  found <- first_unreadable(cells, which(lengths(cells) > harmless_bytes))
  if (!is.null(found)) return(found)
  bytes <- wk::new_wk_wkb(cells)
  written <- tryCatch(wk::wk_handle(bytes, wk::wkb_writer()), error = function(error) NULL)
  # wk reads on where the last coordinates are cut, and takes what lies behind them in memory.
  suspicious <- if (is.null(written)) seq_along(cells) else which(lengths(unclass(written)) > lengths(cells))
  found <- first_unreadable(cells, suspicious)
  if (!is.null(found) || !is.null(written)) return(found)
  problems <- wk::wk_problems(bytes)
  row <- which(!is.na(problems))
  if (length(row) > 0) list(row = row[[1]], reason = no_wkb)
}

first_unreadable <- function(cells, rows) {
  for (row in rows) {
    reason <- if (!is.null(cells[[row]])) unreadable(cells[[row]])
    if (!is.null(reason)) return(list(row = row, reason = reason))
  }
  NULL
}

no_wkb <- "it is no valid WKB"

#' Why no library may read these bytes; NULL when one may, which finds what else is wrong.
#' @noRd
unreadable <- function(bytes) {
  at <- 0
  # How many parts are still to come, for each level that is open.
  parts <- 1
  while (length(parts) > 0) {
    level <- length(parts)
    if (parts[[level]] == 0) {
      parts <- parts[-level]
      next
    }
    if (level > deepest_nesting + 1L) return(sprintf("a collection nests more than %d deep", deepest_nesting))
    parts[[level]] <- parts[[level]] - 1
    head <- geometry_head(bytes, at)
    if (is.null(head)) return(no_wkb)
    at <- head$end
    if (!is.null(head$parts)) parts <- c(parts, head$parts)
  }
  if (at > length(bytes)) no_wkb
}

#' Where the head of a geometry at an offset ends, or the whole of one without parts, and the number of its parts. NULL
#' where the bytes end, or are no geometry.
#' @noRd
geometry_head <- function(bytes, at) {
  if (at + 9 > length(bytes) || bytes[[at + 1]] > 1) return(NULL)
  little <- bytes[[at + 1]] == 1
  kind <- whole_number(bytes, at + 1, little)
  flags <- kind %/% 2^29
  kind <- kind %% 2^16
  z <- flags >= 4 || kind %/% 1000 %in% c(1, 3)
  m <- flags %/% 2 %% 2 == 1 || kind %/% 1000 %in% c(2, 3)
  at <- at + if (flags %% 2 == 1) 9 else 5
  point <- 8 * (2 + z + m)
  kind <- kind %% 1000
  if (kind == 1) return(list(end = at + point))
  if (at + 4 > length(bytes)) return(NULL)
  count <- whole_number(bytes, at, little)
  at <- at + 4
  if (kind %in% c(2, 8)) return(list(end = at + count * point))
  if (kind %in% c(3, 17)) return(end_of_rings(bytes, at, count, point, little))
  if (kind %in% c(4:7, 9:12, 15, 16)) list(end = at, parts = count)
}

end_of_rings <- function(bytes, at, count, point, little) {
  while (count > 0) {
    if (at + 4 > length(bytes)) return(NULL)
    at <- at + 4 + whole_number(bytes, at, little) * point
    count <- count - 1
  }
  list(end = at)
}

#' The 32 bits after an offset as a number.
#' @noRd
whole_number <- function(bytes, at, little) {
  four <- as.integer(bytes[at + 1:4])
  sum((if (little) four else rev(four)) * c(1, 256, 65536, 16777216))
}
