# The TOML of pyproject.toml and of the blocks in scripts, as lists. Numbers and dates stay text: none is wanted here.

# Loops give nothing back, because a long text would else take more of the matcher's stack than there is.
toml_token <- paste(
  "(?s)(?<space>[ \t\r]++|#[^\n]*+)", "(?<newline>\n)",
  "(?<long>\"\"\"(?:[^\"\\\\]++|\\\\.|\"{1,2}+(?!\"))*+\"\"\"|'''(?:[^']++|'{1,2}+(?!'))*+''')",
  "(?<text>\"(?:[^\"\\\\\n]++|\\\\[^\n])*+\"|'[^'\n]*+')",
  "(?<sign>\\[\\[|\\]\\]|[][{}=,.])", "(?<bare>[A-Za-z0-9_+:-]+)",
  sep = "|"
)

#' @param before lines that stand before the text in its file
#' @noRd
parse_toml <- function(text, path, before = 0L) {
  reader <- new.env(parent = emptyenv())
  reader$tokens <- toml_tokens(paste0(gsub("\r\n", "\n", text, fixed = TRUE), "\n"), path, before)
  reader$at <- 1L
  reader$fail <- function() abort_toml(path, reader$tokens$line[[min(reader$at, nrow(reader$tokens))]] + before)
  document <- list()
  table <- character()
  while (reader$at <= nrow(reader$tokens)) {
    if (accept_toml(reader, "\n")) next
    if (accept_toml(reader, "[[")) {
      table <- toml_key(reader)
      close_toml_array(reader)
      document <- append_toml(document, table, reader)
    } else if (accept_toml(reader, "[")) {
      table <- toml_key(reader)
      expect_toml(reader, "]")
      document <- set_toml(document, table, NULL, reader)
    } else {
      key <- toml_key(reader)
      expect_toml(reader, "=")
      document <- set_toml(document, c(table, key), list(toml_value(reader)), reader)
    }
    expect_toml(reader, "\n")
  }
  document
}

abort_toml <- function(path, line) abort_file(path, sprintf("line %d is no TOML", line), "Mend the file.")

toml_tokens <- function(text, path, before) {
  found <- gregexpr(toml_token, text, perl = TRUE)[[1]]
  starts <- as.integer(found)
  lengths <- attr(found, "match.length")
  line_of <- function(place) 1L + sum(utf8ToInt(substr(text, 1, place - 1L)) == 10L)
  # A place that no token covers is where the text is broken.
  ends <- starts + lengths
  gap <- which(c(starts, nchar(text) + 1L) != c(1L, ends))
  if (length(gap) > 0 || starts[[1]] == -1L) abort_toml(path, line_of(c(1L, ends)[[c(gap, 1L)[[1]]]]) + before)
  groups <- attr(found, "capture.start") > 0
  kind <- attr(found, "capture.names")[max.col(groups + 0, "first")]
  token <- substring(text, starts, ends - 1L)
  breaks <- lengths(regmatches(token, gregexpr("\n", token, fixed = TRUE)))
  line <- 1L + c(0L, cumsum(breaks)[-length(breaks)])
  data.frame(kind, token, line)[kind != "space", ]
}

accept_toml <- function(reader, sign) {
  here <- reader$at <= nrow(reader$tokens) && reader$tokens$token[[reader$at]] == sign &&
    reader$tokens$kind[[reader$at]] %in% c("sign", "newline")
  if (here) reader$at <- reader$at + 1L
  here
}

expect_toml <- function(reader, sign) if (!accept_toml(reader, sign)) reader$fail()

close_toml_array <- function(reader) if (!accept_toml(reader, "]]")) reader$fail()

toml_key <- function(reader) {
  found <- character()
  repeat {
    kind <- if (reader$at <= nrow(reader$tokens)) reader$tokens$kind[[reader$at]] else ""
    token <- if (nzchar(kind)) reader$tokens$token[[reader$at]]
    if (!kind %in% c("bare", "text") || kind == "bare" && !grepl("^[A-Za-z0-9_-]+$", token)) reader$fail()
    found <- c(found, if (kind == "bare") token else toml_string(token, reader))
    reader$at <- reader$at + 1L
    if (!accept_toml(reader, ".")) return(found)
  }
}

toml_value <- function(reader) {
  # Two closing brackets of nested arrays are one token of a table's head.
  if (accept_toml(reader, "[[")) return(toml_array(reader, list(toml_array(reader))))
  if (accept_toml(reader, "[")) return(toml_array(reader))
  if (accept_toml(reader, "{")) return(toml_inline(reader))
  kind <- reader$tokens$kind[[min(reader$at, nrow(reader$tokens))]]
  token <- reader$tokens$token[[min(reader$at, nrow(reader$tokens))]]
  if (!kind %in% c("text", "long", "bare")) reader$fail()
  reader$at <- reader$at + 1L
  if (kind != "bare") return(toml_string(token, reader))
  toml_bare(reader, token)
}

#' true, false, a number or a date; dates and decimals come in pieces.
#' @noRd
toml_bare <- function(reader, token) {
  while (accept_toml(reader, ".")) {
    if (reader$tokens$kind[[min(reader$at, nrow(reader$tokens))]] != "bare") reader$fail()
    token <- paste0(token, ".", reader$tokens$token[[reader$at]])
    reader$at <- reader$at + 1L
  }
  next_one <- reader$tokens[min(reader$at, nrow(reader$tokens)), ]
  if (grepl("^\\d{4}-\\d{2}-\\d{2}$", token) && next_one$kind == "bare") {
    reader$at <- reader$at + 1L
    return(toml_bare(reader, paste0(token, "T", next_one$token)))
  }
  if (token %in% c("true", "false")) return(token == "true")
  if (!grepl("^[+-]?(\\d|inf$|nan$)", token)) {
    reader$at <- reader$at - 1L
    reader$fail()
  }
  structure(token, class = "toml_number")
}

toml_array <- function(reader, found = list()) {
  more <- length(found) == 0 || toml_comma(reader)
  repeat {
    while (accept_toml(reader, "\n")) next
    if (close_toml(reader)) return(found)
    if (!more) reader$fail()
    found <- c(found, list(toml_value(reader)))
    more <- toml_comma(reader)
  }
}

toml_comma <- function(reader) {
  while (accept_toml(reader, "\n")) next
  accept_toml(reader, ",")
}

#' The end of an array, which may be half of a token.
#' @noRd
close_toml <- function(reader) {
  if (accept_toml(reader, "]")) return(TRUE)
  half <- reader$at <= nrow(reader$tokens) && reader$tokens$token[[reader$at]] == "]]"
  if (half) reader$tokens$token[[reader$at]] <- "]"
  half
}

toml_inline <- function(reader) {
  found <- empty_table()
  if (accept_toml(reader, "}")) return(found)
  repeat {
    key <- toml_key(reader)
    expect_toml(reader, "=")
    found <- set_toml(found, key, list(toml_value(reader)), reader)
    if (accept_toml(reader, "}")) return(found)
    expect_toml(reader, ",")
  }
}

toml_escapes <- c(b = "\b", t = "\t", n = "\n", f = "\f", r = "\r", e = "\033", "\"" = "\"", "\\" = "\\")

toml_string <- function(token, reader) {
  long <- grepl("^(\"\"\"|''')", token)
  inner <- if (long) sub("^\n", "", substr(token, 4, nchar(token) - 3)) else substr(token, 2, nchar(token) - 1)
  if (startsWith(token, "'") || !grepl("\\", inner, fixed = TRUE)) return(inner)
  if (long) inner <- gsub("\\\\[ \t]*\n\\s*", "", inner)
  places <- gregexpr("\\\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", inner, perl = TRUE)
  regmatches(inner, places) <- list(vapply(regmatches(inner, places)[[1]], function(escape) {
    code <- substring(escape, 2)
    if (nchar(code) > 1) return(intToUtf8(strtoi(substring(code, 2), 16L)))
    if (!code %in% names(toml_escapes)) reader$fail()
    toml_escapes[[code]]
  }, ""))
  inner
}

empty_table <- function() structure(list(), names = character())

is_toml_array <- function(x) is.list(x) && length(x) > 0 && is.null(names(x))

#' The document with a value at a key, in a list of one; NULL makes a table there. Of an array of tables the last is
#' meant.
#' @noRd
set_toml <- function(document, key, value, reader) {
  if (is_toml_array(document)) {
    document[[length(document)]] <- set_toml(document[[length(document)]], key, value, reader)
    return(document)
  }
  if (!is.list(document)) reader$fail()
  name <- key[[1]]
  old <- if (name %in% names(document)) document[[name]]
  if (length(key) > 1) {
    document[[name]] <- set_toml(if (is.null(old)) empty_table() else old, key[-1], value, reader)
  } else if (is.null(value)) {
    if (!is.null(old) && !is.list(old)) reader$fail()
    if (is.null(old)) document[[name]] <- empty_table()
  } else {
    # A key that is there already is broken TOML.
    if (!is.null(old)) reader$fail()
    document[name] <- value
  }
  document
}

append_toml <- function(document, key, reader) {
  if (is_toml_array(document)) {
    document[[length(document)]] <- append_toml(document[[length(document)]], key, reader)
    return(document)
  }
  if (!is.list(document)) reader$fail()
  name <- key[[1]]
  old <- document[[name]]
  if (length(key) > 1) {
    document[[name]] <- append_toml(if (is.null(old)) empty_table() else old, key[-1], reader)
  } else {
    document[[name]] <- c(old, list(empty_table()))
  }
  document
}
