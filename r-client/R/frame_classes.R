# What a frame is beyond one of the three classes: its own class, groups, and what only R can read.

#' `attributes`, plain ones as nodes, and `library`: `r` with the full class, groups, and the side object.
#' @noRd
frame_facts <- function(x, columns, sink, path) {
  attributes <- frame_attributes(x)
  groups <- frame_groups(x)
  if (!is.null(groups)) attributes$groups <- NULL
  plain <- vapply(attributes, is_plain_attribute, NA)
  side <- list(frame = attributes[!plain], columns = Filter(length, lapply(columns, `[[`, "side")))
  class <- frame_class_vector(x)
  facts <- list(
    class = if (!identical(class, frame_classes[[frame_base(x)]])) as.list(class), groups = groups,
    side = if (any(lengths(side) > 0)) side_node(side, sink, path)
  )
  facts <- Filter(Negate(is.null), facts)
  found <- list()
  if (any(plain)) found$attributes <- attribute_list(attributes[plain])
  if (length(facts) > 0) found$library <- list(r = facts)
  found
}

#' The columns of dplyr's groups and whether empty groups are dropped; the groups themselves are found anew.
#' @noRd
frame_groups <- function(x) {
  if (!inherits(x, c("grouped_df", "rowwise_df"))) return(NULL)
  groups <- attr(x, "groups")
  drop <- attr(groups, ".drop")
  list(
    by = as.list(setdiff(names(groups), ".rows")), rowwise = inherits(x, "rowwise_df"),
    drop = is.null(drop) || isTRUE(drop)
  )
}

#' What JSON cannot hold of a frame: an RDS file for readers in R, which load it when they trust it.
#' @noRd
side_node <- function(side, sink, path) {
  check_native(side, path)
  list(
    kind = "native", object = sink$put("rds", function(to) saveRDS(side, to, version = 3)), language = "r",
    codec = "rds", class = list("list"), producer = list(language = "r", version = r_version()), packages = list(),
    summary = list(text = toString(c(names(side$frame), names(side$columns))))
  )
}

side_object <- function(facts, source, trust) {
  if (is.null(facts$side)) return(NULL)
  if (isTRUE(trust)) return(readRDS(source$path(facts$side$object)))
  rlang::cnd_signal(rlang::warning_cnd(
    class = c("landbridge_loss_warning", "landbridge_warning"), use_cli_format = FALSE,
    message = "A table came without those attributes that are objects of R: read it with trust = TRUE to have them."
  ))
  NULL
}

restore_column_side <- function(values, side) {
  for (name in intersect(names(side), names(values))) {
    for (attribute in names(side[[name]])) attr(values[[name]], attribute) <- side[[name]][[attribute]]
  }
  values
}

restore_frame_facts <- function(frame, facts, side) {
  for (name in names(side$frame)) attr(frame, name) <- side$frame[[name]]
  # A class whose attributes stayed behind would be broken.
  if (!is.null(facts$side) && is.null(side)) return(frame)
  if (!is.null(facts$groups)) return(regrouped(frame, facts$groups))
  if (!is.null(facts$class)) class(frame) <- unlist(facts$class)
  frame
}

regrouped <- function(frame, groups) {
  if (!has_package("dplyr")) return(frame)
  by <- texts_of(groups$by)
  if (!all(by %in% names(frame))) return(frame)
  # dplyr keeps the frame's other attributes; its functions are found at run time, for it is not needed otherwise.
  if (isTRUE(groups$rowwise)) return(getExportedValue("dplyr", "rowwise")(frame, tidyselect_names(by)))
  getExportedValue("dplyr", "grouped_df")(frame, by, drop = isTRUE(groups$drop))
}

tidyselect_names <- function(names) getExportedValue("dplyr", "all_of")(names)
