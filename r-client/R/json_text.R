# JSON of protocol documents. jsonlite's writer keeps 15 digits where a double needs up to 17, takes 90 microseconds for
# a node, and ends at a depth of some 50 lists; its reader serves.

#' JSON text of a protocol document: a list with names is an object, one without an array, a single value stands for
#' itself, NULL and a missing value are null, and a text of class `json` stands as it is.
#' @noRd
protocol_json <- function(x) as_utf8(json_of(x))

json_of <- function(x) {
  if (is.list(x)) return(json_of_list(x))
  if (is.null(x)) return("null")
  if (is.object(x) && inherits(x, "json")) return(as.character(x))
  texts <- json_atoms(x)
  if (length(texts) == 1) texts else paste0("[", paste(texts, collapse = ","), "]")
}

json_of_list <- function(x) {
  keys <- names(x)
  if (length(x) == 0) return(if (is.null(keys)) "[]" else "{}")
  texts <- vapply(x, json_of, "", USE.NAMES = FALSE)
  if (is.null(keys)) return(paste0("[", paste(texts, collapse = ","), "]"))
  paste0("{", paste(json_keys(keys), texts, sep = ":", collapse = ","), "}")
}

json_atoms <- function(x) {
  switch(typeof(x),
    character = if (length(x) == 1L) json_word(x) else json_texts(x),
    logical = null_where_missing(tolower(as.character(x)), x),
    integer = null_where_missing(sprintf("%d", x), x),
    double = json_floats(x),
    abort_landbridge("bad_answer", sprintf("A value of type %s has no place in JSON.", typeof(x)))
  )
}

# Words of the protocol, and the keys of its objects, as JSON has them: to find one again takes a tenth of the time that
# R needs to look a text through.
known_words <- new.env(parent = emptyenv())
known_keys <- new.env(parent = emptyenv())
most_known <- 500L
plain_word <- "^[A-Za-z_]+$"
word_lengths <- 1:20

json_word <- function(x) {
  # A text that is marked with its encoding is no word, and one of bytes cannot be looked up.
  if (is.na(x) || !nchar(x, "bytes") %in% word_lengths || Encoding(x) != "unknown") return(json_texts(x))
  known <- known_words[[x]]
  if (!is.null(known)) return(known)
  text <- json_texts(x)
  if (length(known_words) < most_known && grepl(plain_word, x)) known_words[[x]] <- text
  text
}

json_keys <- function(keys) {
  if (length(keys) > 10L || anyNA(keys)) return(json_texts(keys))
  # With their number: else one key with a blank would be taken for two.
  together <- paste(c(length(keys), keys), collapse = " ")
  if (nchar(together, "bytes") > 200L || Encoding(together) != "unknown") return(json_texts(keys))
  known <- known_keys[[together]]
  if (!is.null(known)) return(known)
  texts <- json_texts(keys)
  if (length(known_keys) < most_known && all(grepl(plain_word, keys))) known_keys[[together]] <- texts
  texts
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
