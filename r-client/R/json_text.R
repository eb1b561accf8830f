# JSON of protocol documents. jsonlite's writer keeps 15 digits where a double needs up to 17, takes 90 microseconds for
# a node, and ends at a depth of some 50 lists; its reader serves.

#' JSON text of a protocol document: a list with names is an object, one without an array, a single value stands for
#' itself, NULL and a missing value are null, and a text of class `json` stands as it is.
#' @noRd
protocol_json <- function(x) as_utf8(json_of(x))

json_of <- function(x) {
  if (is.list(x)) return(json_of_list(x))
  if (inherits(x, "json")) return(as.character(x))
  if (is.null(x)) return("null")
  texts <- json_atoms(x)
  if (length(texts) == 1) texts else paste0("[", paste(texts, collapse = ","), "]")
}

json_of_list <- function(x) {
  keys <- names(x)
  if (length(x) == 0) return(if (is.null(keys)) "[]" else "{}")
  texts <- vapply(x, json_of, "", USE.NAMES = FALSE)
  if (is.null(keys)) return(paste0("[", paste(texts, collapse = ","), "]"))
  paste0("{", paste(json_texts(keys), texts, sep = ":", collapse = ","), "}")
}

json_atoms <- function(x) {
  switch(typeof(x),
    character = json_texts(x),
    logical = null_where_missing(tolower(as.character(x)), x),
    integer = null_where_missing(sprintf("%d", x), x),
    double = json_floats(x),
    abort_landbridge("bad_answer", sprintf("A value of type %s has no place in JSON.", typeof(x)))
  )
}

json_texts <- function(x) {
  x <- as_utf8(x)
  texts <- null_where_missing(paste0("\"", x, "\""), x)
  # Quotes, backslashes and control characters are rare: jsonlite knows how to escape them.
  special <- grepl("[\\x01-\\x1f\"\\\\\\x7f]", x, perl = TRUE, useBytes = TRUE)
  if (any(special)) {
    texts[special] <- vapply(x[special], function(one) as.character(jsonlite::toJSON(one, auto_unbox = TRUE)), "")
  }
  Encoding(texts) <- "UTF-8"
  texts
}

null_where_missing <- function(texts, x) {
  if (anyNA(x)) texts[is.na(x)] <- "null"
  texts
}

verbatim_json <- function(text) structure(text, class = "json")
