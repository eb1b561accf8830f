# The vectors of docs/content-key.md are held against both languages by tests/types/test_content_key.py; these are what
# R alone knows of.

skip_without_keys <- function() {
  skip_if_not_installed("nanoarrow")
  skip_if_not_installed("arrow")
}

digest_of_parts <- function(digest, parts) {
  for (part in parts) digest$add(part)
  paste(digest$value(), collapse = "")
}

test_that("bytes in parts have the digest of the whole, held in memory or in a file", {
  abc <- "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
  parts <- lapply(c("a", "b", "c"), charToRaw)
  expect_identical(digest_of_parts(gathering_digest(), parts), abc)
  expect_identical(digest_of_parts(new_digest(), parts), abc)
  nothing <- "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  expect_identical(digest_of_parts(gathering_digest(), list()), nothing)
  expect_error(
    digest_of_parts(gathering_digest(most = 1, digest_of = function(path) NULL), parts),
    class = "landbridge_codec_missing"
  )
  digest_of <- function(path) paste0("sha256:", cli::hash_raw_sha256(readBin(path, "raw", 10)))
  expect_identical(digest_of_parts(gathering_digest(most = 1, digest_of = digest_of), parts), abc)
})

test_that("numbers of any size are 64-bit integers and back", {
  numbers <- c(0, 1, 2^31 - 1, 2^31, 2^32 - 1, 2^32, 2^40 + 3)
  expect_identical(as.double(long_numbers(long_bytes(numbers))), numbers)
  expect_identical(long_numbers(long_bytes(c(5L, 0L))), c(5L, 0L))
  expect_identical(long_bytes(258), as.raw(c(2, 1, 0, 0, 0, 0, 0, 0)))
})

test_that("what is no table has no key", {
  refused <- expect_error(content_key(3L), class = "landbridge_value_cannot_cross")
  expect_match(conditionMessage(refused), "`table` cannot cross: it is of the type `integer`.", fixed = TRUE)
  expect_error(content_key("no such file"), "No such file or directory: 'no such file'")
  expect_error(content_key(data.frame(x = I(list(1, mean)))), class = "landbridge_value_cannot_cross")
})

test_that("a frame, its Arrow table and its file have one key, and other content has another", {
  skip_without_keys()
  frame <- data.frame(x = c(1.5, NA, NaN), s = c("a", NA, "\u00e4"), f = factor(c("v", NA, "u"), c("v", "u", "w")))
  frame$l <- list(1:2, NULL, 3L)
  path <- tempfile(fileext = ".arrow")
  arrow::write_ipc_file(frame, path, compression = "uncompressed")
  key <- content_key(frame)
  expect_match(key, "^lbk1:[0-9a-f]{64}$")
  expect_identical(content_key(tibble::as_tibble(frame)), key)
  expect_identical(content_key(data.table::as.data.table(frame)), key)
  expect_identical(content_key(arrow::arrow_table(frame)), key)
  expect_identical(content_key(rbind(arrow::arrow_table(frame[1, ]), arrow::arrow_table(frame[-1, ]))), key)
  expect_identical(content_key(path), key)
  expect_false(content_key(frame[3:1, ]) == key)
  frame$x[[3]] <- NA
  expect_false(content_key(frame) == key)
})

test_that("types beside the wire profile are brought into it, within lists and structs too", {
  skip_without_keys()
  seconds <- arrow::Array$create(hms::hms(c(1, NA)), type = arrow::time32("s"))
  micro <- seconds$cast(arrow::time64("us"))
  expect_identical(content_key(arrow::arrow_table(x = seconds)), content_key(arrow::arrow_table(x = micro)))
  cells <- arrow::Array$create(list(1:2, 3L))
  halves <- cells$cast(arrow::list_of(arrow::float32()))$cast(arrow::list_of(arrow::float16()))
  reals <- cells$cast(arrow::list_of(arrow::float32()))
  expect_identical(content_key(arrow::arrow_table(x = halves)), content_key(arrow::arrow_table(x = reals)))
  pair <- function(array) arrow::call_function("make_struct", array, options = list(field_names = "schema"))
  expect_identical(content_key(arrow::arrow_table(x = pair(seconds))), content_key(arrow::arrow_table(x = pair(micro))))
  type <- arrow::map_of(arrow::utf8(), arrow::int32())
  maps <- arrow::arrow_table(m = arrow::Array$create(list(data.frame(key = "a", value = 1L)), type = type))
  expect_error(content_key(maps), "a column of the type map", class = "landbridge_value_cannot_cross")
})

test_that("the bridge asks Python, where landbridge is", {
  skip_if_not_installed("reticulate")
  skip_if(is.null(bridge_python()), "no Python with pyarrow")
  skip_if(is_installed("nanoarrow"))
  frame <- data.frame(x = c(1L, NA, -3L))
  expect_identical(content_key(frame), "lbk1:91640c4624026ba294e53dbfeebbe74266d6a1f8d164cc83007a50eb2e4d5d92")
})
