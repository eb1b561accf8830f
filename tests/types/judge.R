# What a frame is beside a fresh one of its kind, and its cells as text that both languages write alike.

judge <- function(kind, x) {
  fresh <- kinds[[kind]]()
  # Zeros keep their signs.
  same <- identical(plain(x), plain(fresh), num.eq = FALSE) && identical(tags_of_missing(x), tags_of_missing(fresh))
  list(
    identical = same,
    difference = if (same) "" else difference(x, fresh),
    type = type_text(fresh),
    texts = cells(fresh),
    came = cells(x)
  )
}

# The letters that haven keeps in the bits of missing doubles, for which identical() has no eye: in columns, in what
# these hold, and in their attributes.
tags_of_missing <- function(x) {
  parts <- if (is.list(x)) lapply(unname(unclass(x)), tags_of_missing)
  held <- lapply(facts(x)[setdiff(names(facts(x)), c("names", "class"))], tags_of_missing)
  missing <- if (is.double(x)) as.double(unclass(x)[is.na(unclass(x)) & !is.nan(unclass(x))])
  letters <- if (length(missing) > 0) matrix(writeBin(missing, raw(), endian = "little"), 8)[5, ]
  Filter(length, list(letters, Filter(length, parts), Filter(length, held)))
}

described <- function(x) list(type = type_text(x), texts = cells(x))

json <- function(x) as.character(jsonlite::toJSON(x, auto_unbox = TRUE))

# A data.table's address of itself is never the same twice.
plain <- function(x) {
  if (inherits(x, "data.table")) attr(x, ".internal.selfref") <- NULL
  x
}

difference <- function(x, fresh) {
  found <- other_types(x, fresh)
  if (length(found) == 0) found <- tryCatch(all.equal(fresh, x), error = function(error) conditionMessage(error))
  if (isTRUE(found)) found <- c("all.equal, but not identical", other_parts(x, fresh))
  substr(paste(found, collapse = "; "), 1, 300)
}

other_types <- function(x, fresh) {
  if (!is.data.frame(x) || length(x) != length(fresh)) return(sprintf("it is `%s`", type_text(x)))
  types <- Map(function(one, other) c(column_type(one), column_type(other)), as.list(x), as.list(fresh))
  changed <- Filter(function(pair) pair[[1]] != pair[[2]], types)
  sprintf("it is `%s`, was `%s`", vapply(changed, `[[`, "", 1), vapply(changed, `[[`, "", 2))
}

other_parts <- function(x, fresh) {
  parts <- c(Map(list, as.list(x), as.list(fresh)), list(list(facts(x), facts(fresh))))
  changed <- Filter(function(pair) !identical(pair[[1]], pair[[2]], num.eq = FALSE), parts)
  vapply(changed, function(pair) sprintf("%s, was %s", deparsed(pair[[1]]), deparsed(pair[[2]])), "")
}

# Attributes are a set: their order says nothing.
facts <- function(x) attributes(x)[sort(names(attributes(x)))]

deparsed <- function(x) substr(paste(trimws(deparse(x)), collapse = " "), 1, 140)

type_text <- function(x) {
  if (!is.data.frame(x)) return(paste(class(x), collapse = " "))
  if (length(x) == 0) return("no columns")
  column_type(x[[1]])
}

column_type <- function(column) sprintf("%s (%s)", paste(class(column), collapse = " "), typeof(column))

cells <- function(x) {
  if (!is.data.frame(x)) return(list())
  rows <- seq_len(min(nrow(x), 50L))
  lapply(unname(as.list(x)), function(column) as.list(column_texts(column, rows)))
}

column_texts <- function(column, rows) {
  if (inherits(column, "sfc")) return(wkb_texts(column)[rows])
  if (is.data.frame(column)) return(row_texts(lapply(as.list(column), column_texts, rows), names(column)))
  if (length(dim(column)) >= 2) return(vapply(rows, function(i) array_text(column, i), ""))
  vapply(rows, function(i) value_text(column[i]), "")
}

wkb_texts <- function(column) {
  vapply(unclass(wk::wk_handle(column, wk::wkb_writer())), function(cell) {
    if (is.null(cell)) "NA" else paste(as.character(cell), collapse = "")
  }, "")
}

row_texts <- function(parts, names) {
  if (length(parts) == 0 || length(parts[[1]]) == 0) return(character(0))
  joined <- do.call(cbind, Map(function(name, texts) paste0(name, ": ", texts), names, parts))
  paste0("{", apply(joined, 1, paste, collapse = ", "), "}")
}

array_text <- function(x, row) {
  flat <- matrix(x, nrow = nrow(x))
  # The last index runs fastest, as in numpy.
  order <- as.vector(aperm(array(seq_len(ncol(flat)), dim(x)[-1])))
  list_text(flat[row, order])
}

list_text <- function(x) {
  paste0("[", paste(vapply(seq_along(x), function(i) value_text(x[i]), ""), collapse = ", "), "]")
}

value_text <- function(one) {
  if (is.list(one) && !inherits(one, "POSIXlt")) return(cell_text(unclass(one)[[1]]))
  if (is.factor(one)) return(if (is.na(one)) "NA" else as.character(one))
  if (inherits(one, "integer64")) return(if (is.na(one)) "NA" else as.character(one))
  if (is.raw(one)) return(as.character(as.integer(one)))
  if (inherits(one, "POSIXt")) return(microseconds(as.numeric(as.POSIXct(one))))
  if (inherits(one, "difftime")) return(microseconds(as.numeric(one, units = "secs")))
  if (is.complex(one)) {
    # is.na() is TRUE of complex numbers with a NaN as well.
    return(if (number(Re(one)) == "NA") "NA" else paste0(number(Re(one)), "/", number(Im(one))))
  }
  if (is.character(one)) return(if (is.na(one)) "NA" else one)
  if (is.logical(one)) return(if (is.na(one)) "NA" else tolower(as.character(one)))
  number(unclass(one))
}

cell_text <- function(x) {
  if (is.null(x)) return("NA")
  if (is.raw(x)) return(paste(as.character(x), collapse = ""))
  if (is.data.frame(x)) return(paste0("[", paste(column_texts(x, seq_len(nrow(x))), collapse = ", "), "]"))
  if (is.function(x) || (is.list(x) && is.object(x))) return(sprintf("(%s)", class(x)[[1]]))
  if (is.list(x) && !is.null(names(x))) {
    return(paste0("{", paste0(names(x), ": ", vapply(x, cell_text, ""), collapse = ", "), "}"))
  }
  if (is.list(x)) return(paste0("[", paste(vapply(x, cell_text, ""), collapse = ", "), "]"))
  list_text(x)
}

microseconds <- function(seconds) {
  if (is.na(seconds)) return(if (is.nan(seconds)) "NaN" else "NA")
  if (is.infinite(seconds)) return(number(seconds))
  whole <- floor(seconds)
  sprintf("%.0fus", whole * 1e6 + round((seconds - whole) * 1e6))
}

number <- function(x) {
  if (is.nan(x)) return("NaN")
  if (is.na(x)) return("NA")
  if (is.infinite(x)) return(if (x > 0) "Inf" else "-Inf")
  x <- as.double(x)
  if (x == trunc(x) && abs(x) < 2^63) return(sprintf("%.0f", x))
  sprintf("%.17g", x)
}
