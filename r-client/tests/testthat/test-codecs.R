# One suite over the three codecs. Each runs where its package is installed, and is skipped with the reason elsewhere.

codec_packages <- c(arrow = "arrow", nanoarrow = "nanoarrow", bridge = "reticulate")

codec_or_skip <- function(name) {
  skip_if_not_installed(codec_packages[[name]])
  if (name == "bridge") skip_if(is.null(bridge_python()), "no Python with pyarrow")
  pick_codec(name)
}

codec_file <- function(name) test_path("fixtures", paste0("codecs-", name, ".arrow"))

read_values <- function(codec, file) {
  read <- codec$read_columns(codec_file(file))
  stats::setNames(lapply(read$columns, value_of_column, NULL), read$names)
}

long <- function(text) bit64::as.integer64(text)

# What fixtures/write_codecs.py wrote.
expected_numbers <- function() {
  list(
    logical = c(TRUE, NA, FALSE), int8 = c(1L, NA, -128L), int32 = c(1L, NA, .Machine$integer.max),
    uint32 = c(1, NA, 4294967295), int64 = c(1, NA, -9007199254740991), long = long(c("4611686018427387905", NA, "-1")),
    uint64 = long(c("9007199254740992", NA, "3")), ulong = c("18446744073709551615", NA, "10000000000"),
    half = c(1.5, NA, NaN), double = c(0.1, NA, NaN), raw = c(0L, 255L, 7L), decimal = c(1.23, NA, -4),
    long_decimal = c(123456789012345678.01, NA, NA), null = c(NA, NA, NA)
  )
}

expected_texts_and_times <- function() {
  levels <- c("z", "y", "x", "w")
  list(
    text = c("", NA, "\u00e9\U1F600"), large_text = c(strrep("a", 20), NA, "b"),
    factor = factor(c("x", NA, "z"), levels), ordered = factor(c("z", NA, "x"), levels, ordered = TRUE),
    date = as.Date(c("2024-02-29", NA, "1900-02-28")), at_s = .POSIXct(c(1, NA, -1), tz = "UTC"),
    at_ns = .POSIXct(c(1700000000.123456789, NA, -1e-9), tz = "Europe/Berlin"),
    duration = as.difftime(c(1.5, NA, -1e-6), units = "secs"),
    time = structure(c(86399.999999, NA, 0), units = "secs", class = c("hms", "difftime")),
    binary = list(as.raw(c(97, 0, 98)), NULL, raw()), fixed_binary = list(charToRaw("ab"), NULL, raw(2))
  )
}

expected_nested <- function() {
  levels <- c("z", "y", "x", "w")
  struct <- data.frame(a = c(1L, NA, 3L), b = c("x", NA, NA))
  struct$c <- list("z", NULL, "w")
  list(
    complex = c(1 + 2i, NA_complex_, complex(real = NaN, imaginary = 0)), list = list(1L, NULL, NA_integer_),
    list_at = list(
      .POSIXct(1700000000.123456789, tz = "Europe/Berlin"), NULL, .POSIXct(NA_real_, tz = "Europe/Berlin")
    ),
    list_factor = list(factor("z", levels), NULL, factor("x", levels)), large_list = list("a", NULL, character()),
    list_list = list(list(1.5), NULL, list(numeric())),
    list_struct = list(data.frame(a = 0L, b = "0"), NULL, data.frame(a = 3L, b = "3")),
    fixed_list = list(1:2, NULL, c(3L, NA)), struct = struct
  )
}

expected_families <- list(
  numbers = expected_numbers, texts_and_times = expected_texts_and_times, nested = expected_nested
)

some_rows <- function(x, rows) {
  if (!is.data.frame(x)) return(x[rows])
  x <- x[rows, , drop = FALSE]
  row.names(x) <- NULL
  as.data.frame(x)
}

expect_values <- function(codec, file, expected, rows) {
  found <- read_values(codec, file)
  expect_named(found, names(expected))
  for (kind in names(expected)) {
    label <- paste(codec$name, file, kind)
    expect_identical(found[[kind]], some_rows(expected[[kind]], rows), label = label)
  }
}

for (name in names(codec_packages)) {
  test_that(paste(name, "reads every kind of column, from two batches"), {
    codec <- codec_or_skip(name)
    skip_if_not_installed("bit64")
    for (family in names(expected_families)) {
      expect_values(codec, family, expected_families[[family]](), c(1, 2, 3, 2, 3))
    }
  })

  test_that(paste(name, "reads tables without rows, without a batch and without columns"), {
    codec <- codec_or_skip(name)
    expected <- expected_texts_and_times()
    expect_values(codec, "texts_and_times-no-rows", expected, 0)
    for (family in names(expected_families)) {
      for (kind in c("no-rows", "no-batch")) {
        read <- codec$read_columns(codec_file(paste(family, kind, sep = "-")))
        expect_identical(as.numeric(read$rows), 0)
        expect_named(expected_families[[family]](), read$names)
        expect_identical(vapply(read$columns, column_size, 0L), rep(0L, length(read$names)))
      }
    }
    read <- codec$read_columns(codec_file("no-columns"))
    expect_identical(as.numeric(read$rows), 4)
    expect_length(read$columns, 0)
  })

  test_that(paste(name, "tells what R cannot hold, with the row"), {
    codec <- codec_or_skip(name)
    lowest <- codec$read_columns(codec_file("lowest"))$columns
    expect_equal(vapply(lowest, `[[`, 0, "corrupt"), c(2, 2))
    expect_equal(codec$read_columns(codec_file("nul"))$columns[[1]]$nul, 2)
    numbers <- codec$read_columns(codec_file("numbers"))
    columns <- stats::setNames(numbers$columns, numbers$names)
    expect_equal(columns$ulong$beyond, 1)
    expect_null(columns$uint64$beyond)
    expect_equal(columns$long_decimal$digits, 20)
    expect_null(columns$decimal$digits)
    expect_identical(numbers$metadata$landbridge, "{}")
  })

  test_that(paste(name, "refuses what is no Arrow file"), {
    codec <- codec_or_skip(name)
    whole <- readBin(codec_file("nested"), "raw", 1e5)
    texts <- list(charToRaw("PAR1 and more"), raw(), whole[1:700], whole[1:8])
    for (bytes in texts) {
      path <- withr::local_tempfile()
      writeBin(bytes, path)
      expect_error(codec$read_columns(path))
    }
  })

  test_that(paste(name, "reads what the codecs wrote"), {
    codec <- codec_or_skip(name)
    for (writer in c("arrow", "bridge")) {
      written <- test_path("fixtures", paste0("written-by-", writer))
      node <- parse_protocol_json(paste(readLines(paste0(written, ".json"), encoding = "UTF-8"), collapse = ""))
      source <- list(path = function(id) paste0(written, ".arrow"), arrow = codec)
      expect_identical(decode_value(node, source), every_column())
    }
  })
}

test_that("what the footer tells of types is what arrow tells, and spares it to be asked", {
  codec <- codec_or_skip("arrow")
  told <- character()
  for (path in list.files(test_path("fixtures"), "^(codecs|written).*[.]arrow$", full.names = TRUE)) {
    fields <- tryCatch(check_file(path), landbridge_value_cannot_cross = function(error) NULL)
    if (is.null(fields)) next
    expect_identical(codec$read_columns(path, fields), codec$read_columns(path), label = path)
    of_arrow <- vapply(mapped_table(path)$schema$fields, function(field) field$type$ToString(), "")
    of_footer <- lapply(fields, `[[`, "type")
    known <- !vapply(of_footer, is.null, NA)
    expect_identical(as.character(unlist(of_footer)), of_arrow[known], label = path)
    told <- c(told, unlist(of_footer))
  }
  numbers <- c(paste0(c("", "", "u", "u"), "int", c(8, 32, 32, 64)), "halffloat", "double")
  expect_in(c(numbers, "string", "bool"), told)
  expect_in(sprintf("dictionary<values=string, indices=int32%s>", c("", ", ordered")), told)
})

test_that("arrow makes the types that a node tells, with missing values and without", {
  codec <- codec_or_skip("arrow")
  frame <- every_column()
  for (rows in list(seq_len(nrow(frame)), integer(), 1L)) {
    path <- withr::local_tempfile()
    columns <- lapply(frame[rows, , drop = FALSE], wire_column, "x")
    types <- codec$write_columns(columns, length(rows), path, list())
    table <- mapped_table(path)
    expect_identical(types, vapply(table$schema$fields, function(field) field$type$ToString(), ""))
    expect_identical(names(table), names(frame))
    expect_length(table$schema$metadata, 0)
  }
})

# The table of the help page, as a data frame: kind, arrow, nanoarrow, bridge.
documented_table <- function() {
  pages <- tools::Rd_db("landbridge")
  skip_if(!"landbridge_codecs.Rd" %in% names(pages), "installed without help pages")
  tag <- function(x) if (is.null(attr(x, "Rd_tag"))) "" else attr(x, "Rd_tag")
  tabulars <- list()
  find <- function(x) {
    if (tag(x) == "\\tabular") tabulars[[1]] <<- x[[2]] else if (is.list(x)) lapply(x, find)
  }
  find(pages[["landbridge_codecs.Rd"]])
  utils::read.table(text = rd_lines(tabulars[[1]], tag), sep = "|", header = TRUE, strip.white = TRUE, quote = "")
}

rd_lines <- function(parts, tag) {
  cells <- vapply(parts, function(part) {
    switch(tag(part), "\\tab" = "|", "\\cr" = "<end>", gsub("\n", "", paste(unlist(part), collapse = "")))
  }, "")
  strsplit(paste(cells, collapse = ""), "<end>", fixed = TRUE)[[1]]
}

# The fixtures' columns, or the file of its own, by the kind's name in the help page.
documented_kinds <- list(
  "logical" = "logical", "integers to 64 bits" = c("int8", "int32", "uint32", "int64", "long", "uint64", "ulong"),
  "floating point" = c("half", "double"), "text" = c("text", "large_text"), "factor" = c("factor", "ordered"),
  "date" = "date", "date-time, duration, time of day" = c("at_s", "at_ns", "duration", "time"),
  "complex" = "complex", "raw" = "raw", "binary" = c("binary", "fixed_binary"),
  "list" = c("list", "list_at", "list_factor", "large_list", "list_list", "list_struct"),
  "fixed-size list (matrix)" = "fixed_list", "struct (data frame)" = "struct", "decimal" = c("decimal", "long_decimal"),
  "null" = "null", "time of day in 32 bits" = "time32", "string view" = "string-view",
  "compressed numbers, zstd" = "zstd", "compressed factor" = "zstd-factor"
)

values_to_write <- function() {
  at <- .POSIXct(c(1700000000.1234567, NA), tz = "UTC")
  list(
    "logical" = c(TRUE, NA), "integers to 64 bits" = c(1L, NA), "floating point" = c(NaN, NA), "text" = c("a", NA),
    "factor" = factor(c(NA, "b"), c("a", "b")), "date" = as.Date(c("2024-02-29", NA)),
    "date-time, duration, time of day" = at, "complex" = c(1i, NA), "raw" = as.raw(1:2), "binary" = list(raw(2), NULL),
    "list" = list(1:2, NULL), "fixed-size list (matrix)" = matrix(1:4, 2),
    "struct (data frame)" = data.frame(u = 1:2, v = c("x", NA))
  )
}

separate_values <- list(
  "zstd" = 0:499, "zstd-factor" = factor(rep(c(strrep("a", 50), strrep("b", 50)), 50)),
  "time32" = structure(c(1.5, NA, 0), units = "secs", class = c("hms", "difftime")), "string-view" = c("a", "b")
)

can_read <- function(codec, kinds) {
  file <- kinds[[1]]
  if (!file.exists(codec_file(file))) {
    file <- Find(function(family) kinds[[1]] %in% names(expected_families[[family]]()), names(expected_families))
    expected <- lapply(expected_families[[file]]()[kinds], some_rows, c(1, 2, 3, 2, 3))
    return(identical(read_values(codec, file)[kinds], expected))
  }
  tryCatch(
    {
      values <- read_values(codec, file)$x
      identical(values, separate_values[[file]])
    },
    landbridge_value_cannot_cross = function(error) FALSE
  )
}

can_write <- function(codec, value) {
  if (is.null(value)) return(FALSE)
  frame <- data.frame(id = 1:2)
  frame$x <- value
  tryCatch(identical(round_trip(frame, local_store(codec)), frame), landbridge_codec_missing = function(error) FALSE)
}

for (name in names(codec_packages)) {
  test_that(paste(name, "does what its column of the help page says, and no more"), {
    codec <- codec_or_skip(name)
    skip_if_not_installed("bit64")
    if (name == "nanoarrow") {
      skip_if(utils::packageVersion("nanoarrow") < "0.9", "an older nanoarrow")
      codec <- nanoarrow_codec(function(package) FALSE)
    }
    table <- documented_table()
    expect_setequal(table[[1]], names(documented_kinds))
    found <- vapply(table[[1]], function(kind) {
      reads <- can_read(codec, documented_kinds[[kind]])
      writes <- can_write(codec, values_to_write()[[kind]])
      if (reads) paste0("reads", if (writes) ", writes") else if (writes) "writes" else "refuses"
    }, "")
    expect_identical(unname(found), table[[name]])
  })
}

test_that("what nanoarrow cannot read, the bridge reads, or says what is wrong with it", {
  skip_if_not_installed("nanoarrow")
  codec_or_skip("bridge")
  codec <- nanoarrow_codec(function(package) TRUE)
  alone <- nanoarrow_codec(function(package) FALSE)
  expect_error(read_values(alone, "zstd-factor"), class = "landbridge_value_cannot_cross")
  expect_identical(read_values(codec, "zstd-factor")$x, separate_values[["zstd-factor"]])
  path <- withr::local_tempfile(lines = "not Arrow")
  expect_error(codec$read_columns(path), "it is a damaged Arrow file", class = "landbridge_value_cannot_cross")
  # Where the bridge cannot start, the reason is nanoarrow's.
  withr::local_options(landbridge.bridge_python = file.path(withr::local_tempdir(), "python"))
  stop_bridge()
  expect_error(read_values(codec, "zstd-factor"), class = "landbridge_value_cannot_cross")
})

test_that("nanoarrow leaves writing to the bridge, and says so where there is none", {
  error <- catch_error(nanoarrow_codec(function(package) FALSE)$write_columns(list(), 0, tempfile(), list()))
  expect_s3_class(error, "landbridge_codec_missing")
  expect_match(conditionMessage(error), "can be read but not written")
  expect_match(error$hint, "install.packages(\"arrow\")", fixed = TRUE)
  expect_identical(nanoarrow_codec(function(package) TRUE)$write_columns, write_with_bridge)
})

test_that("the first codec that is installed is taken, and an option forces one", {
  orders <- list(
    c("arrow", "nanoarrow", "reticulate"), c("nanoarrow", "reticulate"), "nanoarrow", "reticulate", character()
  )
  picked <- vapply(orders, function(there) pick_codec(NULL, function(package) package %in% there)$name, "")
  expect_identical(picked, c("arrow", "nanoarrow", "nanoarrow", "bridge", "missing"))
  installed <- function(package) package %in% c("arrow", "reticulate")
  expect_identical(pick_codec("bridge", installed)$name, "bridge")
  expect_error(pick_codec("nanoarrow", installed), "asks for the package nanoarrow", class = "landbridge_codec_missing")
  expect_error(pick_codec("feather"), class = "landbridge_invalid_field")
  expect_error(pick_codec(c("arrow", "bridge")), class = "landbridge_invalid_field")
})

test_that("the option holds from the next table on", {
  there <- Filter(is_installed, codec_packages)
  skip_if(length(there) == 0, "no codec is installed")
  first <- arrow_codec()$name
  for (name in names(there)) {
    withr::with_options(list(landbridge.codec = name), expect_identical(arrow_codec()$name, name))
    expect_identical(arrow_codec()$name, first)
  }
})

# In files, what says that a value is missing is its bit alone. R keeps signs of its own in the value's place, and
# whatever else its bits hold, such as a letter of haven's.
hiding_frame <- function() {
  tagged <- readBin(as.raw(c(0xa2, 0x07, 0, 0, 0x5a, 0, 0xf0, 0x7f)), "double", endian = "little")
  frame <- data.frame(
    wave = c(1 + 2i, NA_complex_, 3 + 4i), real = c(0.5, tagged, 2), whole = c(1L, NA, NA),
    day = as.Date(c("2024-01-01", NA, "2024-01-02")), at = .POSIXct(c(1, NA, 3), tz = "UTC"),
    flag = c(TRUE, NA, FALSE), text = c("a", NA, "c")
  )
  frame$cells <- list(c(1.5, tagged), NULL, 3L + 0.5)
  frame$inner <- data.frame(x = c(1.5, tagged, 2.5))
  frame
}

# Of the first and of two whole numbers, one of which alone stands among the lengths of a file as well.
signs_of_missing <- list(real = as.raw(c(0xa2, 0x07, 0, 0)), whole = as.raw(c(0, 0, 0, 0x80, 0, 0, 0, 0x80)))

for (name in c("arrow", "bridge")) {
  test_that(paste(name, "writes nothing that stands under missing values"), {
    store <- local_store(codec_or_skip(name))
    node <- suppressWarnings(encode_value(hiding_frame(), store))
    path <- store$path(node$object)
    bytes <- readBin(path, "raw", file.size(path))
    expect_gt(length(grepRaw(writeBin(2.5, raw(), endian = "little"), bytes, fixed = TRUE)), 0)
    for (sign in names(signs_of_missing)) {
      expect_length(grepRaw(signs_of_missing[[sign]], bytes, fixed = TRUE), 0)
    }
    back <- decode_value(node, store)
    expect_identical(back$whole, c(1L, NA, NA))
    expect_identical(is.na(back$wave), c(FALSE, TRUE, FALSE))
    expect_identical(back$wave[c(1, 3)], complex(real = c(1, 3), imaginary = c(2, 4)))
  })
}
