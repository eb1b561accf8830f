# How single values stand in JSON.

#' Parse a protocol document: nothing is simplified, and integers beyond 2^53 stay text. R's text ends at a NUL
#' character, and jsonlite cuts it off there without a word: the attribute `nul` tells of a document with any.
#' @noRd
parse_protocol_json <- function(text) {
  # Not by fromJSON(): what is no JSON it takes for an address or a file, and reads that.
  parsed <- jsonlite::parse_json(text, bigint_as_char = TRUE)
  if (has_nul(text)) attr(parsed, "nul") <- TRUE
  parsed
}

#' Has JSON the escape of a NUL character, and not a backslash before the word u0000?
#' @noRd
has_nul <- function(json) {
  any(grepl("\\u0000", json, fixed = TRUE)) && any(grepl("(^|[^\\\\])(\\\\\\\\)*\\\\u0000", json))
}

#' Refuse to decode values of a document whose text was cut.
#' @noRd
refuse_nul <- function(cut, path) {
  if (isTRUE(cut)) cannot_cross(path, "its text has a NUL character", "Remove it from the text first.")
}

#' A plain value from what stands in JSON: numbers that were written verbatim become numbers again.
#' @noRd
plain_json <- function(x) {
  if (inherits(x, "json")) parse_protocol_json(paste0("[", x, "]"))[[1]] else x
}

#' Numbers as JSON text with the fewest digits that give the same double; NaN and infinities as JSON strings.
#' @noRd
json_floats <- function(x) {
  text <- sprintf("%.15g", x)
  # A single number, as of a metric, in a fifth of the time.
  if (length(x) == 1L && is.finite(x) && x != 0) return(if (as.numeric(text) == x) text else sprintf("%.17g", x))
  finite <- is.finite(x)
  rough <- finite & suppressWarnings(as.numeric(text)) != x
  text[which(rough)] <- sprintf("%.17g", x[which(rough)])
  text[finite & x == 0 & 1 / x < 0] <- "-0.0"
  text[is.nan(x)] <- "\"NaN\""
  text[!finite & !is.na(x) & x > 0] <- "\"Infinity\""
  text[!finite & !is.na(x) & x < 0] <- "\"-Infinity\""
  text[is.na(x) & !is.nan(x)] <- "null"
  text
}

float_of <- function(value) {
  value <- plain_json(value)
  if (is.null(value)) return(NA_real_)
  if (is.character(value)) {
    return(switch(value, "NaN" = NaN, "Infinity" = Inf, "-Infinity" = -Inf, as.numeric(value)))
  }
  as.double(value)
}

floats_of <- function(values) vapply(values, float_of, 0, USE.NAMES = FALSE)

#' A list of JSON values from texts of JSON numbers; "null" becomes NULL.
#' @noRd
verbatim_list <- function(texts) {
  lapply(texts, function(text) if (identical(text, "null")) NULL else verbatim_json(text))
}

text_or_null <- function(x) lapply(as_utf8(unname(x)), function(one) if (is.na(one)) NULL else one)

#' Text in UTF-8. Outside Latin-1, bytes that R knows no encoding of are taken for UTF-8 whatever the locale: in the C
#' locale enc2utf8() would turn them into "<c3><a9>".
#' @noRd
as_utf8 <- function(x) {
  locale <- l10n_info()
  if (isTRUE(locale[["UTF-8"]])) return(enc2utf8(x))
  unmarked <- Encoding(x) == "unknown"
  if (any(unmarked) && !isTRUE(locale[["Latin-1"]])) Encoding(x)[unmarked] <- "UTF-8"
  enc2utf8(x)
}

texts_of <- function(values) {
  vapply(values, function(one) if (is.null(one)) NA_character_ else enc2utf8(as.character(one)), "", USE.NAMES = FALSE)
}

#' Text that JSON and Arrow can carry, or an error that names the element.
#' @noRd
check_text <- function(x, path) {
  bad <- broken_text(x)
  if (length(bad) > 0) {
    cannot_cross(path, sprintf("element %d is not valid UTF-8 text", bad[[1]]), "Convert it with iconv().")
  }
  as_utf8(x)
}

#' The elements that are no text in UTF-8.
#' @noRd
broken_text <- function(x) {
  # Long columns repeat their texts, and Encoding() is slow.
  # By the bytes themselves: enc2utf8() would spell out those that are not valid.
  broken <- function(x) {
    marks <- Encoding(x)
    marks == "bytes" | !validUTF8(x) & marks != "latin1"
  }
  if (any(broken(unique(x)))) which(broken(x)) else integer()
}

cannot_cross <- function(path, reason, hint = NULL, detail = NULL) {
  abort_landbridge("value_cannot_cross", sprintf("`%s` cannot cross: %s.", path, reason), hint = hint, detail = detail)
}

# Instants and durations are kept as whole seconds plus a count of units below a second, because a count of nanoseconds
# does not fit into a double.

time_parts <- function(seconds, per) {
  whole <- floor(seconds)
  part <- round((seconds - whole) * per)
  carry <- which(part >= per)
  whole[carry] <- whole[carry] + 1
  part[carry] <- 0
  whole[!is.finite(seconds)] <- NA_real_
  part[!is.finite(seconds)] <- NA_real_
  list(seconds = whole, part = part, per = per)
}

time_seconds <- function(parts) {
  ticks <- parts$seconds * parts$per + parts$part
  as.double(ifelse(abs(ticks) < 2^53, ticks / parts$per, parts$seconds + parts$part / parts$per))
}

#' Counts of microseconds as integer text, exact at any size.
#' @noRd
tick_texts <- function(parts) {
  digits <- round(log10(parts$per))
  seconds <- parts$seconds
  part <- parts$part
  below <- which(seconds < 0 & part > 0)
  seconds[below] <- seconds[below] + 1
  part[below] <- parts$per - part[below]
  text <- sprintf("%s%.0f%0*.0f", ifelse(parts$seconds < 0, "-", ""), abs(seconds), digits, part)
  text <- sub("^(-?)0+(?=[0-9])", "\\1", text, perl = TRUE)
  text[is.na(parts$seconds)] <- "null"
  text
}

ticks_of <- function(values, per = 1e6) {
  one <- function(value) {
    value <- plain_json(value)
    if (is.null(value)) return(c(NA_real_, NA_real_))
    text <- if (is.character(value)) value else sprintf("%.0f", value)
    negative <- startsWith(text, "-")
    digits <- sub("^[-+]", "", text)
    width <- round(log10(per))
    digits <- paste0(strrep("0", max(0, width + 1 - nchar(digits))), digits)
    whole <- as.numeric(substr(digits, 1, nchar(digits) - width))
    part <- as.numeric(substring(digits, nchar(digits) - width + 1))
    if (!negative) return(c(whole, part))
    if (part > 0) c(-whole - 1, per - part) else c(-whole, 0)
  }
  both <- vapply(values, one, c(0, 0), USE.NAMES = FALSE)
  if (length(values) == 0) both <- matrix(numeric(), 2, 0)
  list(seconds = both[1, ], part = both[2, ], per = per)
}
