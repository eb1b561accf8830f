# Geometries: a column of class sfc crosses as WKB, and its tag has what WKB has no place for. The package wk reads and
# writes both; sf itself stands on it, so whoever has sf has wk.

geometry_reason <- "geometries are written by the package wk, which is not installed"
geometry_hint <- "install.packages(\"wk\"), or send the column as text, such as sf::st_as_text() makes it."
geometry_kept <- verdict("equal", "its geometries are WKB, for the package wk is not installed")
geometry_emptied <- "its missing geometries become empty ones, for R has no others"
geometry_mixed <- "its missing geometries become empty ones, beside those that were empty before"

can_read_geometry <- function() has_package("wk")

#' The binary column of an sfc; refused where wk is missing, no column where WKB has no word for its geometries.
#' @noRd
geometry_column <- function(x, path) {
  if (!can_read_geometry()) cannot_cross(path, geometry_reason, geometry_hint, list(column = column_label(path)))
  labels <- attr(x, "names")
  if (!is.null(labels)) attr(x, "names") <- NULL
  cells <- tryCatch(wkb_of_sfc(x), error = function(error) no_column(sub("[.]$", "", conditionMessage(error))))
  if (is_no_column(cells)) return(cells)
  column <- list(type = "binary", data = cells, tag = geometry_tag(x))
  rest <- attributes(x)[setdiff(names(attributes(x)), geometry_attributes)]
  plain <- vapply(rest, is_plain_attribute, NA)
  if (any(plain)) column$tag$attributes <- attribute_list(rest[plain])
  if (!all(plain)) column$side <- rest[!plain]
  back <- geometries_of_wkb(cells, column$tag)
  for (name in names(column$side)) attr(back, name) <- column$side[[name]]
  column$verdict <- geometry_verdict(x, back)
  with_names(column, labels, path)
}

# What the tag says, or is found anew from the geometries.
geometry_attributes <- c("class", "precision", "bbox", "z_range", "m_range", "crs", "n_empty", "classes")

wkb_of_sfc <- function(x) {
  written <- tryCatch(wk::wk_handle(x, wk::wkb_writer()), error = function(error) {
    # Older versions of wk take whole numbers of R for no coordinates.
    wk::wk_handle(with_doubles(x), wk::wkb_writer())
  })
  cells <- unclass(written)
  attributes(cells) <- NULL
  cells
}

with_doubles <- function(x) {
  if (is.integer(x)) storage.mode(x) <- "double"
  if (is.list(x)) {
    facts <- attributes(x)
    x <- lapply(unclass(x), with_doubles)
    attributes(x) <- facts
  }
  x
}

geometry_tag <- function(x) {
  tag <- list(type = "geometry", of = sub("^sfc_", "", class(x)[[1]]))
  tag$crs <- crs_tag(attr(x, "crs"))
  if (!identical(attr(x, "precision"), 0)) tag$precision <- attr(x, "precision")
  if (any(vapply(x, is.null, NA))) tag$null <- TRUE
  kept <- !is.null(attr(x, "classes"))
  if (kept != (tag$of == "GEOMETRY")) tag$classes <- kept
  tag
}

crs_tag <- function(crs) {
  # Not by `$`, for which sf has a method.
  parts <- if (is.list(crs)) unclass(crs)
  if (is_text(parts$wkt)) list(input = if (is_text(parts$input)) as_utf8(parts$input), wkt = as_utf8(parts$wkt))
}

#' What became of an sfc that comes back as `back`.
#' @noRd
geometry_verdict <- function(x, back) {
  if (identical(x, back)) return(NULL)
  if (!identical(attr(x, "crs"), attr(back, "crs"))) {
    return(verdict("lossy", "its CRS is not one of `input` and `wkt`, and is not kept in full"))
  }
  cells <- list(lapply(unclass(x), identity), lapply(unclass(back), identity))
  if (identical(cells[[1]], cells[[2]])) return(verdict("equal", "its class and extent are found anew"))
  same <- isTRUE(all.equal(cells[[1]], cells[[2]], tolerance = 0))
  if (same) return(verdict("equal", "coordinates that were integers are doubles"))
  verdict("lossy", "its geometries have coordinates or attributes that WKB does not hold")
}

#' The geometries of a column that a codec has read: an sfc, or the WKB itself where wk is missing.
#' @noRd
geometry_of_column <- function(column, tag) {
  if (!can_read_geometry()) {
    return(structure(column$data, class = "WKB", crs = crs_of_tag(tag)))
  }
  found <- broken_geometry(column$data)
  if (is.null(found)) {
    value <- tryCatch(geometries_of_wkb(column$data, tag), error = function(error) conditionMessage(error))
    if (!is.character(value)) return(restore_names(value, tag$names))
    found <- list(row = NULL, reason = value)
  }
  stop(structure(
    class = c("landbridge_bad_geometry", "error", "condition"),
    list(message = found$reason, row = found$row, call = NULL)
  ))
}

#' Evaluate what reads a column; WKB that is broken is refused with the column's name.
#' @noRd
with_geometry_refused <- function(value, name, source) {
  tryCatch(value, landbridge_bad_geometry = function(error) {
    label <- if (is.null(source$label)) "result" else source$label
    reason <- sprintf("its geometries cannot be read: %s", conditionMessage(error))
    hint <- "Write the column anew, or send it as plain bytes."
    if (!is.null(error$row)) refuse_row(column_path(label, name), name, error$row, reason, hint)
    cannot_cross(column_path(label, name), reason, hint, list(column = name))
  })
}

geometries_of_wkb <- function(cells, tag) {
  missing <- vapply(cells, is.null, NA)
  written <- wk::wk_handle(wk::new_wk_wkb(cells), wk::sfc_writer())
  facts <- attributes(written)
  cells <- unclass(written)
  collected <- facts$class[[1]] %in% c("sfc_GEOMETRY", "sfc_GEOMETRYCOLLECTION")
  if (facts$n_empty > 0 || collected) cells <- lapply(cells, with_empty_points)
  if (isTRUE(tag$null)) cells[missing] <- list(NULL)
  attributes(cells) <- with_geometry_facts(facts, cells, tag)
  for (attribute in tag$attributes) attr(cells, attribute$name) <- attribute_value(attribute)
  cells
}

#' A geometry with NA for the coordinates of empty points, as sf has it. Older versions of wk write NaN.
#' @noRd
with_empty_points <- function(x) {
  if (inherits(x, "POINT") && all(is.na(unclass(x)))) x[seq_along(x)] <- NA_real_
  if (inherits(x, "GEOMETRYCOLLECTION")) x[] <- lapply(unclass(x), with_empty_points)
  x
}

with_geometry_facts <- function(facts, cells, tag) {
  general <- identical(tag$of, "GEOMETRY")
  if (general || length(cells) == 0 && is_text(tag$of)) facts$class <- c(paste0("sfc_", tag$of), "sfc")
  facts$classes <- NULL
  general <- facts$class[[1]] == "sfc_GEOMETRY"
  if (if (is.null(tag$classes)) general else isTRUE(tag$classes)) {
    facts$classes <- vapply(cells, function(cell) if (is.null(cell)) NA_character_ else class(cell)[[2]], "")
  }
  facts["crs"] <- list(crs_of_tag(tag))
  facts["precision"] <- list(if (is.null(tag$precision)) 0 else as.double(tag$precision))
  facts
}

crs_of_tag <- function(tag) {
  text <- function(x) if (is_text(x)) x else NA_character_
  structure(list(input = text(tag$crs$input), wkt = text(tag$crs$wkt)), class = "crs")
}

#' WKB that was read without wk, as it came.
#' @noRd
kept_wkb_column <- function(x) {
  tag <- list(type = "geometry")
  tag$crs <- crs_tag(attr(x, "crs"))
  list(type = "binary", data = lapply(unclass(x), identity), tag = tag)
}

is_kept_wkb <- function(x) inherits(x, "WKB") && inherits(attr(x, "crs"), "crs")

#' What R does not have of a column of geometries; NULL when that is nothing.
#' @noRd
judged_geometry <- function(column, tag) {
  if (!identical(tag$type, "geometry") || column$type != "binary") return(NULL)
  if (!can_read_geometry()) return(geometry_kept)
  if (isTRUE(tag$null) || !any(vapply(column$data, is.null, NA))) return(NULL)
  # The sender says FALSE where no geometry was empty, and takes the empty ones for missing again.
  if (identical(tag$empty, FALSE)) verdict("equal", geometry_emptied) else verdict("lossy", geometry_mixed)
}

#' A column's own tag of geometries with what only the hint has. The CRS is its own, for it may have been changed.
#' @noRd
geometry_hint_tag <- function(own, hinted) {
  if (!identical(own$type, "geometry") || !identical(hinted$type, "geometry")) return(hinted)
  if (!identical(own$crs$input, hinted$crs$input) || is.null(own$crs$input)) hinted$crs <- own$crs
  hinted
}

#' The first geometries as text for people.
#' @noRd
geometry_texts <- function(x, n) {
  head <- lapply(unclass(x)[seq_len(n)], with_doubles)
  attributes(head) <- attributes(x)[setdiff(names(attributes(x)), "names")]
  wk::wk_handle(head, wk::wkt_format_handler(precision = 6, max_coords = 6))
}

# Frames of sf ------------------------------------------------------------------------------------------------------

sf_levels <- c("constant", "aggregate", "identity")

#' A frame whose class says sf as one that sf can work with; without that class where it has no geometries.
#' @noRd
mended_sf <- function(frame) {
  if (!inherits(frame, "sf")) return(frame)
  active <- attr(frame, "sf_column")
  if (is_text(active) && inherits(frame[[active]], "sfc")) return(with_sf_facts(frame, active))
  found <- geometry_names(frame)
  if (length(found) > 0) return(with_sf_facts(frame, found[[1]]))
  class(frame) <- setdiff(class(frame), "sf")
  frame
}

#' A frame of another language as a frame of sf where it has geometries of which the hint does not know; `names` are
#' the wire names of its geometries, `active` that of those that stand first.
#' @noRd
as_sf_frame <- function(frame, names, hint, active) {
  found <- geometry_names(frame)
  if (length(found) == 0 || all(names %in% names(hint$columns))) return(frame)
  # Without sf the verbs of tibbles refuse such a column, for they know no vector of that class.
  class(frame) <- c("sf", if (is_installed("sf")) class(frame) else "data.frame")
  with_sf_facts(frame, if (isTRUE(active %in% found)) active else found[[1]])
}

geometry_names <- function(frame) names(frame)[vapply(as.list(frame), inherits, NA, "sfc")]

with_sf_facts <- function(frame, active) {
  attr(frame, "sf_column") <- active
  others <- setdiff(names(frame), active)
  agr <- attr(frame, "agr")
  if (is.factor(agr) && identical(names(agr), others)) return(frame)
  known <- as.character(agr)[match(others, names(agr))]
  attr(frame, "agr") <- structure(factor(known, levels = sf_levels), names = others)
  frame
}
