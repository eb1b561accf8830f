# The points of a sweep as one table: what varied, what came of it, and what was measured.

#' The points of a sweep as a table
#'
#' One row for each point, in their order: `point` (counted from 1), what varied, `state`, `seconds`, then the results:
#' single values are the column `result`, named lists of single values or frames of one row a column for each name,
#' anything else a list `result`. Metrics are columns with their last values, and `error` says why a point did not
#' succeed. Where a name is taken already it gets `result_` or `metric_` before it.
#'
#' @param x a sweep
#' @param timeout seconds to wait for its points
#' @param partial do not wait: points that have not ended have missing values
#' @param row.names,optional,... nothing
#' @return a data frame; of `tibble::as_tibble()` a tibble
#' @section Errors: `landbridge_wait_timeout`.
#' @name sweep_frame
#' @exportS3Method as.data.frame landbridge_sweep
as.data.frame.landbridge_sweep <- function(x, row.names = NULL, optional = FALSE, ..., # nolint: object_name_linter.
                                           timeout = Inf, partial = FALSE) {
  gather_points(x, timeout, partial)
  told <- x$ended
  columns <- c(list(point = seq_along(told)), lapply(varied_columns(x), unname))
  states <- point_states(x)
  columns$state <- ifelse(nzchar(states), states, "not ended")
  columns$seconds <- floats_of(lapply(told, `[[`, "seconds"))
  columns <- add_columns(columns, result_columns(decoded_points(x, FALSE)), "result_")
  columns <- add_columns(columns, metric_columns(told), "metric_")
  errors <- lapply(told, `[[`, "error")
  if (!all(vapply(errors, is.null, NA))) columns$error <- vapply(errors, error_line, "")
  structure(columns, class = "data.frame", row.names = .set_row_names(length(told)))
}

#' @rdname sweep_frame
#' @exportS3Method tibble::as_tibble
as_tibble.landbridge_sweep <- function(x, ..., timeout = Inf, partial = FALSE) {
  tibble::as_tibble(as.data.frame(x, timeout = timeout, partial = partial))
}

add_columns <- function(columns, more, prefix) {
  for (name in names(more)) {
    columns[[if (name %in% names(columns)) paste0(prefix, name) else name]] <- more[[name]]
  }
  columns
}

error_line <- function(error) if (is.null(error)) NA_character_ else paste0(error$type, ": ", toString(error$message))

#' What varied, by argument; of a sweep that was submitted elsewhere, as far as its points have told.
#' @noRd
varied_columns <- function(sweep) {
  if (!is.null(sweep$given)) return(sweep$given)
  each <- which(vapply(sweep$items, function(item) identical(item[[2]]$kind, "each"), NA))
  names <- vapply(each, function(i) c(sweep$items[[i]][[1]], sprintf("argument %d", i))[[1]], "")
  source <- client_source(sweep$client)
  columns <- lapply(each, function(i) {
    column <- sweep$items[[i]][[2]]$column + 1
    side_by_side(lapply(sweep$ended, function(told) {
      if (!is.null(told$values)) decode_value(told$values[[column]], source, FALSE)
    }))
  })
  stats::setNames(columns, names)
}

result_columns <- function(values) {
  told <- values[!vapply(values, is.null, NA)]
  if (length(told) == 0) return(list())
  if (!all(vapply(told, has_named_parts, NA))) return(list(result = side_by_side(values)))
  names <- unique(unlist(lapply(told, names)))
  lapply(stats::setNames(nm = names), function(name) side_by_side(lapply(values, function(value) value[[name]])))
}

has_named_parts <- function(value) {
  is.list(value) && length(value) > 0 && !is.null(names(value)) && all(nzchar(names(value))) &&
    (is.data.frame(value) && nrow(value) == 1 || is_plain_list(value)) && all(vapply(value, is_single, NA))
}

is_single <- function(x) is.atomic(x) && length(x) == 1

metric_columns <- function(told) {
  names <- unique(unlist(lapply(told, function(point) names(point$metrics))))
  lapply(stats::setNames(nm = names), function(name) floats_of(lapply(told, function(point) point$metrics[[name]])))
}

#' A vector of single values of one class, NA where there is none; a list of anything else.
#' @noRd
side_by_side <- function(values) {
  there <- !vapply(values, is.null, NA)
  single <- all(vapply(values[there], is_single, NA))
  classes <- unique(lapply(values[there], class))
  numbers <- all(vapply(classes, function(one) all(one %in% c("integer", "numeric")), NA))
  if (!single || !any(there) || length(classes) > 1 && !numbers) return(values)
  found <- do.call(c, unname(values[there]))
  found[ifelse(there, cumsum(there), NA_integer_)]
}
