# Missing doubles with a letter in their bits, as haven::tagged_na() makes them.

tagged <- function(letter) {
  readBin(as.raw(c(0xa2, 0x07, 0, 0, utf8ToInt(letter), 0, 0xf0, 0x7f)), "double", endian = "little")
}

# For identical() all of them are one.
bits <- function(x) writeBin(as.double(unclass(x)), raw(), endian = "little")

expect_same_bits <- function(x, expected) {
  expect_identical(x, expected)
  expect_identical(bits(x), bits(expected))
}

survey <- function() {
  frame <- data.frame(id = 1:5)
  frame$plain <- c(tagged("a"), 1, NA, NaN, tagged("z"))
  frame$answer <- structure(
    c(1, tagged("r"), NA, 2, tagged("d")), class = c("haven_labelled", "vctrs_vctr", "double"),
    labels = c(yes = 1, no = 2, refused = tagged("r")), label = "Agreed?"
  )
  frame$day <- structure(c(19782, tagged("b"), NA, 0, -1), class = "Date")
  frame$none <- c(1.5, NA, NaN, Inf, 0)
  frame
}

for (name in c("arrow", "nanoarrow", "bridge")) {
  test_that(paste(name, "brings the letters of missing values back in their rows"), {
    skip_if_not_installed(c(arrow = "arrow", nanoarrow = "nanoarrow", bridge = "reticulate")[[name]])
    reader <- pick_codec(name)
    skip_without_codec()
    skip_if(name == "bridge" && is.null(bridge_python()), "no Python with pyarrow")
    writer <- if (name == "nanoarrow") package_codec() else reader
    store <- local_store(writer)
    frame <- survey()
    for (rows in list(1:5, 5:1, c(2L, 2L), 3:4, integer())) {
      part <- frame[rows, ]
      rownames(part) <- NULL
      node <- parse_protocol_json(protocol_json(encode_value(part, store)))
      store$arrow <- reader
      back <- decode_value(node, store)
      store$arrow <- writer
      expect_identical(names(back), names(part))
      for (column in names(part)) expect_same_bits(back[[column]], part[[column]])
      expect_identical(bits(attr(back$answer, "labels")), bits(attr(part$answer, "labels")))
    }
  })
}

test_that("the letters are one more column, of which the tag tells, and every verdict is exact", {
  skip_without_codec()
  store <- local_store(arrow_codec())
  expect_no_warning(node <- encode_value(survey(), store))
  names <- vapply(node$columns, `[[`, "", "name")
  expect_identical(names, c("id", "plain", "plain_na_tag", "answer", "answer_na_tag", "day", "day_na_tag", "none"))
  expect_null(node$columns[[2]]$verdict)
  expect_identical(node$descriptor$columns$plain$tag$na_tags, "plain_na_tag")
  expect_null(node$descriptor$columns$none)
  expect_identical(vapply(node$preview, function(row) toString(row[[3]]), ""), c("a", "", "", "", "z"))
  frame <- survey()[c("plain", "none")]
  names(frame) <- c("x", "x_na_tag")
  expect_identical(vapply(encode_value(frame, store)$columns, `[[`, "", "name"), c("x", "x_na_tag_", "x_na_tag"))
  expect_same_bits(round_trip(frame, store)$x, frame$x)
  names(frame) <- c("x", "x")
  expect_same_bits(round_trip(frame, store)[[1]], frame[[1]])
})

test_that("letters beside values, and what are no letters, have no effect", {
  values <- list(x = c(1, NA, NaN), x_na_tag = c("a", "b", "c"))
  tags <- list(list(na_tags = "x_na_tag"), NULL)
  linked <- tag_columns(values, tags)
  expect_same_bits(restore_tag_columns(values, linked)$x, c(1, tagged("b"), NaN))
  values$x_na_tag <- factor(c(NA, "b", "b"))
  expect_same_bits(restore_tag_columns(values, tag_columns(values, tags))$x, c(1, tagged("b"), NaN))
  for (other in list(c("a", "refused", NA), 1:3, c("\u4e2d", "a", "b"), c("", "a", "b"))) {
    values$x_na_tag <- other
    expect_length(tag_columns(values, tags), 0)
  }
  values$x <- c(1L, NA, NA)
  values$x_na_tag <- c(NA, "a", NA)
  expect_length(tag_columns(values, tags), 0)
  expect_length(tag_columns(values["x"], tags[1]), 0)
})

test_that("vectors outside frames keep the letters, which Python's reader does not see", {
  skip_without_codec()
  store <- local_store(arrow_codec())
  values <- list(
    tagged("a"), c(1, tagged("a"), NA, tagged("b"), tagged("a")), c(u = tagged("a"), v = 2),
    matrix(c(1, tagged("a"), NA, 2), 2), c(rep(1, 5000), tagged("q"))
  )
  for (x in values) {
    store$reader <- "r"
    expect_no_warning(back <- round_trip(x, store))
    expect_same_bits(back, x)
    store$reader <- "python"
    expect_warning(round_trip(x, store), "are kept for R only; in a frame", class = "landbridge_loss_warning")
  }
  store$reader <- "r"
  expect_warning(back <- round_trip(rep(tagged("a"), 1001), store), "are lost", class = "landbridge_loss_warning")
  expect_identical(back, rep(NA_real_, 1001))
})

test_that("inside lists, matrices and frames of a frame the letters are lost, and that is told", {
  skip_without_codec()
  store <- local_store(arrow_codec())
  columns <- list(
    list(1, tagged("a")), matrix(c(1, tagged("a"), NA, 2), 2), data.frame(a = c(1, tagged("a"))),
    I(list(c(tagged("a"), 2), NULL))
  )
  for (x in columns) {
    frame <- data.frame(id = 1:2)
    frame$x <- x
    expect_warning(node <- encode_value(frame, store, "x"), "are lost", class = "landbridge_loss_warning")
    expect_length(node$columns, 2)
    expect_identical(node$columns[[2]]$verdict, "lossy")
  }
  store$on_loss <- "error"
  frame$x <- list(1, tagged("a"))
  expect_error(encode_value(frame, store, "x"), "are lost", class = "landbridge_value_cannot_cross")
})

test_that("a vector with other letters is not the one that a job was given", {
  entry <- list(type = "double", length = 2L, value = c(1, tagged("a")))
  expect_true(is_given(c(1, tagged("a")), entry))
  expect_false(is_given(c(1, tagged("b")), entry))
  expect_false(is_given(c(1, NA), entry))
})
