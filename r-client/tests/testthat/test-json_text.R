test_that("a text is the same JSON when it comes again", {
  texts <- c(
    word = "kind", number = "12", empty = "", quote = "a\"b", backslash = "a\\b", line = "a\nb", delete = "a\u007fb",
    accent = "caf\u00e9", long = strrep("a", 21), blank = "a b"
  )
  for (text in texts) {
    written <- protocol_json(list(text))
    expect_identical(jsonlite::fromJSON(written), text)
    expect_identical(protocol_json(list(text)), written)
  }
  expect_identical(protocol_json(list(NA_character_, "NA")), "[null,\"NA\"]")
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(protocol_json(latin), protocol_json("caf\u00e9"))
})

test_that("keys that came together are told apart from one key, and from others", {
  expect_identical(protocol_json(list(a = 1L, b = 2L)), "{\"a\":1,\"b\":2}")
  expect_identical(protocol_json(list("a b" = 1L)), "{\"a b\":1}")
  expect_identical(protocol_json(list(a = 1L, b = 2L)), "{\"a\":1,\"b\":2}")
  expect_identical(protocol_json(list("a\"" = 1L, b = 2L)), "{\"a\\\"\":1,\"b\":2}")
  expect_identical(protocol_json(stats::setNames(list(1L), "")), "{\"\":1}")
})

test_that("what cannot be looked up is written all the same", {
  bytes <- "\xe9"
  Encoding(bytes) <- "bytes"
  expect_identical(charToRaw(protocol_json(list(bytes))), c(charToRaw("[\""), as.raw(0xe9), charToRaw("\"]")))
  expect_identical(charToRaw(protocol_json(stats::setNames(list(1L), bytes)))[[3]], as.raw(0xe9))
  long <- strrep("a", 20000)
  expect_identical(protocol_json(stats::setNames(list(long), long)), sprintf("{\"%s\":\"%s\"}", long, long))
})

test_that("what is remembered has a bound", {
  for (i in seq_len(2L * most_known)) {
    word <- paste(letters[1L + i %/% 26^(0:2) %% 26], collapse = "")
    protocol_json(stats::setNames(list(word), word))
  }
  expect_lte(length(known_words), most_known)
  expect_lte(length(known_keys), most_known)
})

test_that("code is parsed anew when it, its name or its place is another", {
  code <- function(text, line = 1L) list(type = "source", text = text, name = "f", file = "x.R", line = line)
  one <- parse_source(code("f <- function() 1"))
  expect_identical(parse_source(code("f <- function() 1")), one)
  expect_identical(eval(parse_source(code("f <- function() 2"))[[1]])(), 2)
  moved <- parse_source(code("f <- function() 2", 10L))
  expect_identical(utils::getSrcLocation(moved), 10L)
  expect_error(parse_source(code("f <- function(")))
  expect_identical(eval(parse_source(code("f <- function() 1"))[[1]])(), 1)
})

test_that("a text that names a file or an address is no JSON", {
  path <- tempfile(fileext = ".json")
  on.exit(unlink(path))
  writeLines("{\"a\": 1}", path)
  expect_error(parse_protocol_json(path))
  expect_error(parse_protocol_json(paste0("file://", path)))
  expect_identical(parse_protocol_json("{\"a\": 9007199254740993}"), list(a = "9007199254740993"))
})
