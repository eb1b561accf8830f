# What the content key of a table is made of, see docs/content-key.md: the digests of a column's validity and values,
# and of what a nested type contains. Values come as rows of a nanoarrow array, a step at a time, as raw bytes.

# Rows of one step: large enough for few calls, small enough for the processor's caches.
step_rows <- 131072
# Text of one step can be long all the same.
step_bytes <- 2^24

#' SHA-256 of bytes that come one after the other: `add(bytes)`, then `value()` once.
#' @noRd
new_digest <- function() {
  functions <- openssl_digest()
  if (is.null(functions)) return(gathering_digest())
  state <- functions$md_init("sha256")
  list(add = function(bytes) functions$md_feed(state, bytes), value = function() functions$md_final(state))
}

#' openssl's functions for bytes that come in parts, or NULL. It does not export them: what it exports wants one vector
#' of less than 2 GB, and to join the parts takes R longer than to hash them.
#' @noRd
openssl_digest <- function() {
  # Asked once: a key takes some dozen digests, and to look for a package takes longer than many of them.
  if (is.null(digest_state$functions)) {
    found <- if (is_installed("openssl")) {
      mget(c("md_init", "md_feed", "md_final"), asNamespace("openssl"), "function", list(NULL))
    }
    digest_state$functions <- if (any(vapply(found, is.null, NA))) list() else as.list(found)
  }
  if (length(digest_state$functions) > 0) digest_state$functions
}

digest_state <- new.env(parent = emptyenv())

#' The same without openssl, at a tenth of the speed. More bytes than `most` wait in a file.
#' @noRd
gathering_digest <- function(most = 2^26, digest_of = file_digest) {
  parts <- list()
  held <- 0
  path <- NULL
  spill <- function() {
    if (is.null(path)) path <<- tempfile("landbridge-key-")
    con <- file(path, "ab")
    on.exit(close(con))
    for (part in parts) writeBin(part, con)
    parts <<- list()
    held <<- 0
  }
  list(
    add = function(bytes) {
      parts[[length(parts) + 1L]] <<- bytes
      held <<- held + length(bytes)
      if (held > most) spill()
    },
    value = function() {
      if (is.null(path)) return(raw_of_hex(cli::hash_raw_sha256(do.call(c, c(list(raw()), parts)))))
      on.exit(unlink(path))
      spill()
      digest <- digest_of(path)
      if (is.null(digest)) refuse_long_column()
      raw_of_hex(sub("^sha256:", "", digest))
    }
  )
}

refuse_long_column <- function() {
  abort_landbridge(
    "codec_missing", "The content key of a long column needs the package openssl, which is not installed.",
    hint = "install.packages(\"openssl\")."
  )
}

sha256_bytes <- function(bytes) {
  digest <- new_digest()
  digest$add(bytes)
  digest$value()
}

raw_of_hex <- function(hex) as.raw(strtoi(substring(hex, seq(1, nchar(hex), 2), seq(2, nchar(hex), 2)), 16L))

#' Numbers from 0 below 2^53 as 64-bit integers, little-endian.
#' @noRd
long_bytes <- function(numbers) {
  low <- numbers
  high <- 0L
  if (!is.integer(numbers)) {
    high <- as.integer(numbers %/% 2^32)
    low <- numbers %% 2^32
    # R takes the lowest integer for its missing one, which has the same bits.
    low <- suppressWarnings(as.integer(low - ifelse(low >= 2^31, 2^32, 0)))
  }
  words <- rbind(low, high, deparse.level = 0)
  dim(words) <- NULL
  writeBin(words, raw(), endian = "little")
}

text_bytes <- function(text) {
  bytes <- charToRaw(enc2utf8(text))
  c(long_bytes(length(bytes)), bytes)
}

#' The digests of one column: `put(valid, n, bytes)` takes n rows, `valid` of one byte each or NULL where nothing is
#' missing, and the bytes of their values.
#' @param inner gives the digests of what the type contains
#' @noRd
column_digests <- function(label, inner = function() raw()) {
  validity <- new_digest()
  values <- new_digest()
  pending <- 0
  missing <- FALSE
  # A column without any missing value has no validity, so those that are there are written down late.
  all_valid <- function() {
    while (pending > 0) {
      n <- min(pending, step_bytes)
      validity$add(rep(as.raw(1), n))
      pending <<- pending - n
    }
  }
  list(
    put = function(valid, n, bytes = raw()) {
      if (is.null(valid)) {
        pending <<- pending + n
      } else {
        all_valid()
        missing <<- missing || any(valid == as.raw(0))
        validity$add(valid)
      }
      if (length(bytes) > 0) values$add(bytes)
    },
    digest = function() {
      if (missing) all_valid()
      valid <- if (missing) validity$value() else raw(32)
      sha256_bytes(c(text_bytes(label), valid, values$value(), inner()))
    }
  )
}

# Rows -----------------------------------------------------------------------------------------------------------------

#' The rows of an array, with those of its children: `from` counts from the start of the buffers. `keep`, logical, tells
#' which of them count at all, and `valid`, a byte each, which are missing because what holds them is; NULL means all.
#' @noRd
rows_of <- function(array, schema) {
  list(
    buffers = array$buffers, from = array$offset, n = array$length, nulls = array$null_count != 0,
    children = Map(rows_of, array$children, schema$children), format = schema$format,
    levels = if (!is.null(schema$dictionary)) level_texts(array$dictionary, schema$dictionary)
  )
}

level_texts <- function(dictionary, schema) {
  if (schema$format %in% c("u", "U") && !is.null(first_nul(list(dictionary)))) {
    cannot_cross("table", "a level of a dictionary has a NUL character, which ends text in R", file_hints$cast)
  }
  dictionary_texts(dictionary, schema)
}

rows_within <- function(rows, from, n, keep = NULL, valid = NULL) {
  rows$from <- rows$from + from
  rows$n <- n
  rows["keep"] <- list(keep)
  rows["valid"] <- list(valid)
  rows
}

#' Call `take` for the rows, one step after the other.
#' @noRd
each_step <- function(rows, take) {
  start <- 0
  while (start < rows$n) {
    n <- min(step_rows, rows$n - start)
    whole <- n == rows$n
    part <- function(x) if (is.null(x) || whole) x else x[start + seq_len(n)]
    take(rows_within(rows, start, n, part(rows$keep), part(rows$valid)))
    start <- start + n
  }
}

#' Bytes of a buffer as a raw vector, without copying the others: nanoarrow gives them as a cell of binary.
#' @noRd
buffer_bytes <- function(buffer, from, to) {
  ends <- nanoarrow::as_nanoarrow_array(c(from, to), schema = nanoarrow::na_int64())$buffers[[2]]
  cell <- nanoarrow::nanoarrow_array_modify(nanoarrow::nanoarrow_array_init(nanoarrow::na_large_binary()), list(
    length = 1L, null_count = 0L, buffers = list(NULL, ends, buffer)
  ))
  nanoarrow::convert_array(cell, raw_cells)[[1]]
}

#' Values of a buffer as a vector: doubles where they have 8 bytes, integers where they have 4, whatever they mean.
#' @noRd
buffer_values <- function(buffer, from, n, width) {
  schema <- if (width == 8) nanoarrow::na_double() else nanoarrow::na_int32()
  array <- nanoarrow::nanoarrow_array_modify(nanoarrow::nanoarrow_array_init(schema), list(
    length = n, null_count = 0L, offset = from, buffers = list(NULL, buffer)
  ))
  nanoarrow::convert_array(array, if (width == 8) double() else integer())
}

#' Bits of a buffer as one byte each.
#' @noRd
bit_bytes <- function(buffer, from, n) {
  first <- from %/% 8
  bits <- rawToBits(buffer_bytes(buffer, first, (from + n + 7) %/% 8))
  if (from == 8 * first && length(bits) == n) bits else bits[from - 8 * first + seq_len(n)]
}

#' Which rows have a value, a byte each; NULL when nothing tells that one has none.
#' @noRd
valid_of <- function(rows) {
  own <- if (rows$nulls && rows$buffers[[1]]$size_bytes > 0) bit_bytes(rows$buffers[[1]], rows$from, rows$n)
  if (is.null(own)) rows$valid else if (is.null(rows$valid)) own else own & rows$valid
}

#' The rows without a value; many times as fast as to compare.
#' @noRd
missing_at <- function(valid) if (!is.null(valid)) grepRaw(as.raw(0), valid, fixed = TRUE, all = TRUE)

kept <- function(x, rows) if (is.null(x) || is.null(rows$keep)) x else x[rows$keep]

kept_count <- function(rows) if (is.null(rows$keep)) rows$n else sum(rows$keep)

#' Where each of the rows starts and ends in what the type contains.
#' @noRd
ends_of <- function(rows, large) {
  at <- function(from) {
    if (!large) return(buffer_values(rows$buffers[[2]], from, rows$n, 4))
    long_numbers(buffer_bytes(rows$buffers[[2]], from * 8, (from + rows$n) * 8))
  }
  list(starts = at(rows$from), ends = at(rows$from + 1))
}

#' 64-bit integers from 0 below 2^53, as integers where these hold all of them.
#' @noRd
long_numbers <- function(bytes) {
  words <- matrix(readBin(bytes, "integer", length(bytes) / 4, endian = "little"), 2)
  low <- words[1, ]
  if (all(words[2, ] == 0L) && !anyNA(low) && all(low >= 0L)) return(low)
  low <- as.double(low)
  # The sign of the lower half, and R's missing integer, are its highest bit.
  low[is.na(low)] <- -2^31
  low + ifelse(low < 0, 2^32, 0) + words[2, ] * 2^32
}

#' Which elements belong to rows that count and are there; NULL when all do.
#' @noRd
counted_elements <- function(rows, valid, lengths) {
  counted <- rows$keep
  if (!is.null(valid)) counted <- if (is.null(counted)) valid == as.raw(1) else counted & valid == as.raw(1)
  if (!is.null(counted) && any(lengths[!counted] > 0)) rep(counted, lengths)
}

lengths_bytes <- function(rows, valid, lengths) {
  if (!is.null(valid)) lengths[missing_at(valid)] <- 0L
  long_bytes(kept(lengths, rows))
}
