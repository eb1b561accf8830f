codec_store <- function(env = parent.frame()) local_store(arrow_codec(), env = env)

test_that("every column comes back identical, with rows and without", {
  skip_without_codec()
  store <- codec_store()
  expect_round_trip(every_column(), store)
  expect_round_trip(every_column()[0, ], store)
})

test_that("the descriptor tells the Arrow types and the original facts", {
  skip_without_codec()
  node <- encode_value(every_column(), codec_store())
  types <- stats::setNames(vapply(node$columns, `[[`, "", "type"), vapply(node$columns, `[[`, "", "name"))
  expected <- c(
    flag = "bool", whole = "int32", real = "double", text = "string", day = "date32[day]", day_odd = "double",
    at = "timestamp[us, tz=Europe/Berlin]", at_ns = "timestamp[ns, tz=UTC]", hours = "duration[us]", byte = "uint8",
    blob = "binary", wholes = "list<item: int32>"
  )
  expect_identical(types[names(expected)], expected)
  expect_match(types[["rank"]], "dictionary<values=string, indices=int32, ordered", fixed = TRUE)
  expect_identical(node$descriptor$class, "data.frame")
  expect_identical(node$descriptor$columns$hours$tag$units, "hours")
  expect_identical(node$preview[[2]][[1]], NULL)
  expect_identical(node$preview[[1]][[3 + 1]], "a")
})

test_that("frames come back as the class they were", {
  skip_without_codec()
  store <- codec_store()
  expect_round_trip(iris, store)
  expect_round_trip(mtcars, store)
  expect_round_trip(iris[c(3, 1), ], store)
  expect_round_trip(stats::na.omit(airquality), store)
  expect_round_trip(structure(iris, note = "hello"), store)
  if (requireNamespace("tibble", quietly = TRUE)) expect_round_trip(tibble::as_tibble(iris), store)
  if (requireNamespace("data.table", quietly = TRUE)) {
    back <- round_trip(data.table::as.data.table(iris), store)
    expect_s3_class(back, "data.table", exact = FALSE)
    expect_identical(as.data.frame(back), iris)
  }
})

test_that("frames without rows or columns keep their shape", {
  skip_without_codec()
  store <- codec_store()
  expect_round_trip(data.frame(), store)
  expect_round_trip(iris[, 0], store)
  expect_round_trip(iris[0, ], store)
})

test_that("any column names come back", {
  skip_without_codec()
  store <- codec_store()
  for (names in list(c("a", "a"), c("", NA), c("schema", "type"), c("\u00e9", "__row_names__"))) {
    expect_round_trip(stats::setNames(data.frame(1, 2), names), store)
  }
  expect_identical(encode_value(stats::setNames(data.frame(1, 2), c("a", "a")), store)$columns[[2]]$name, "c2")
})

test_that("long vectors and arrays go as objects", {
  skip_without_codec()
  store <- codec_store()
  set.seed(1)
  long <- list(
    stats::runif(2000), stats::setNames(1:2000, 1:2000), factor(sample(letters, 3000, TRUE)),
    matrix(stats::runif(2000), 50),
    as.Date("2020-01-01") + 0:1500, .POSIXct(1.7e9 + stats::runif(1500)), sample(c("a", NA), 1500, TRUE), rep(NA, 2000),
    as.difftime(stats::runif(1200), units = "mins"), c(complex(real = 1:1500, imaginary = 0), NA)
  )
  for (x in long) expect_round_trip(x, store)
  expect_null(encode_value(long[[1]], store)$values)
  expect_match(encode_value(long[[1]], store)$object, "^obj_")
  expect_identical(encode_value(long[[10]], store)$type, "complex")
})

test_that("integers of 64 bits come in the narrowest type that holds all", {
  skip_without_codec()
  skip_if_not_installed("bit64")
  store <- codec_store()
  narrow <- function(texts) {
    column <- list(type = "int64", data = bit64::as.integer64(texts))
    path <- withr::local_tempfile(fileext = ".arrow")
    store$arrow$write_columns(list(x = column), length(texts), path, list())
    value_of_column(store$arrow$read_columns(path)$columns[[1]], NULL)
  }
  expect_identical(narrow(c("1", NA, "-2147483647")), c(1L, NA, -2147483647L))
  expect_identical(narrow(c("2147483648", NA)), c(2147483648, NA))
  expect_identical(narrow("9007199254740993"), bit64::as.integer64("9007199254740993"))
  expect_round_trip(data.frame(x = bit64::as.integer64(c("5", NA, "9007199254740993"))), store)
})

test_that("a frame of Python arrives as a tibble, its index as row names", {
  skip_without_codec()
  store <- codec_store()
  id <- store$put("arrow", function(to) {
    columns <- list(a = list(type = "int32", data = 1:2), key = list(type = "utf8", data = c("x", "y")))
    store$arrow$write_columns(columns, 2L, to, list())
  })
  descriptor <- list(class = "pandas", names = list("a", "key"))
  said <- list(list(name = "a", type = "int32"), list(name = "key", type = "string"))
  node <- list(kind = "frame", object = id, rows = 2L, columns = said, descriptor = descriptor)
  plain <- decode_value(node, store)
  expect_identical(as.data.frame(plain), data.frame(a = 1:2, key = c("x", "y")))
  if (requireNamespace("tibble", quietly = TRUE)) expect_s3_class(plain, "tbl_df")
  node$descriptor <- list(class = "pandas", names = list("a"), row_names = "key")
  expect_identical(decode_value(node, store), data.frame(a = 1:2, row.names = c("x", "y")))
})

test_that("files that either codec wrote elsewhere are read alike", {
  skip_without_codec()
  for (codec in c("arrow", "bridge")) {
    written <- test_path("fixtures", paste0("written-by-", codec))
    node <- parse_protocol_json(paste(readLines(paste0(written, ".json"), encoding = "UTF-8"), collapse = ""))
    source <- list(path = function(id) paste0(written, ".arrow"), arrow = arrow_codec())
    expect_identical(decode_value(node, source), every_column())
  }
})

test_that("columns that Python wrote, in two batches, arrive as R's own types", {
  skip_without_codec()
  read <- arrow_codec()$read_columns(test_path("fixtures", "written-by-python.arrow"))
  found <- stats::setNames(lapply(read$columns, value_of_column, NULL), read$names)
  expected <- list(
    i8 = c(1L, NA, -3L), u16 = c(1L, NA, 65535L), u32 = c(1, NA, 4294967295), i64 = c(1L, NA, -3L),
    i64_wide = c(2^40, NA, 1),
    u64 = c(1, NA, 2^53 - 1), u64_text = c("1", NA, "18446744073709551615"), f32 = c(0.5, NA, Inf),
    dec = c(1.5, NA, -2.25),
    large = c("a", NA, "\u00e9"), blob = list(as.raw(c(97, 0)), NULL, raw()), none = c(NA, NA, NA),
    ts_s = .POSIXct(c(1, NA, -1), tz = "UTC"), ts_ms = .POSIXct(c(1.5, NA, -1.5), tz = "Europe/Paris"),
    ts_ns = .POSIXct(c(1700000000.123456789, NA, -1e-9), tz = "UTC"),
    dur = as.difftime(c(1.5, NA, -1.5), units = "secs"),
    lists = list(1:2, NULL, integer()), large_lists = list("a", NULL, NA_character_),
    pair = list(c(1, 2), NULL, c(3, 4)),
    cat = factor(c("x", NA, "z"), levels = c("x", "y", "z"))
  )
  expect_identical(names(found), names(expected))
  for (name in names(expected)) expect_identical(found[[name]], expected[[name]], label = name)
})

test_that("the preview shows times in UTC, with fractions where there are any", {
  times <- as.POSIXct(c(1704096000.123456, 1704096000, NA), origin = "1970-01-01", tz = "Europe/Berlin")
  preview <- frame_preview(list(t = times), length(times))
  for (row in preview) expect_named(row, NULL)
  expect_identical(preview[[1]][[1]], "2024-01-01 08:00:00.123456Z")
  expect_identical(preview[[2]][[1]], "2024-01-01 08:00:00Z")
  expect_null(preview[[3]][[1]])
})
