written <- function(bytes) {
  path <- file.path(fresh_folder(), "obj_0000000000000001.arrow")
  writeBin(bytes, path)
  path
}

fresh_folder <- function() {
  folder <- tempfile("arrow-files-")
  dir.create(folder)
  folder
}

refused <- function(...) expect_error(..., class = "landbridge_value_cannot_cross")

message_of <- function(bytes) conditionMessage(refused(check_file(written(bytes))))

sound_file <- function() {
  path <- test_path("fixtures", "written-by-python.arrow")
  readBin(path, "raw", file.size(path))
}

test_that("a file that is no Arrow file is called what it is", {
  is <- function(bytes, what) {
    expect_match(message_of(bytes), sprintf("`result` cannot cross: it is %s, not an Arrow file.", what), fixed = TRUE)
  }
  is(charToRaw("PAR1 and more"), "a Parquet file")
  is(as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d)), "a PNG picture")
  is(as.raw(c(0xff, 0xff, 0xff, 0xff, 0x10)), "an Arrow stream")
  is(raw(), "an empty file")
  is(charToRaw("a,b\n1,2\n"), "something else")
})

test_that("a cut or damaged file is refused", {
  whole <- sound_file()
  expect_match(message_of(utils::head(whole, -64)), "it is a truncated Arrow file", fixed = TRUE)
  wild <- c(utils::head(whole, -10), as.raw(c(0xff, 0xff, 0xff, 0x7f)), charToRaw("ARROW1"))
  expect_match(message_of(wild), "it is a damaged Arrow file", fixed = TRUE)
})

test_that("no flip of a footer leads astray", {
  whole <- sound_file()
  set.seed(7)
  outcomes <- vapply(seq_len(300), function(i) {
    at <- length(whole) - sample.int(1500, 1)
    bytes <- whole
    bytes[[at]] <- xor(bytes[[at]], as.raw(2^sample(0:7, 1)))
    path <- written(bytes)
    tryCatch(
      {
        check_file(path)
        "fine"
      },
      landbridge_value_cannot_cross = function(error) "refused"
    )
  }, "")
  expect_setequal(unique(outcomes), c("fine", "refused"))
})

test_that("a sound file passes, and its columns are told", {
  path <- written(sound_file())
  expect_silent(check_file(path))
})

test_that("a type outside the wire profile is refused by its column", {
  field <- list(name = "x", children = list(list(name = "item", outside = "map", children = list())))
  error <- refused(check_field("a.arrow", "x", field))
  expect_identical(
    error$message, "`result[\"x\"]` cannot cross: the Arrow type `map` is not part of the wire profile."
  )
  expect_identical(error$detail$column, "x")
  error <- refused(check_field("a.arrow", "x", list(name = "x", extension = "arrow.uuid", children = list())))
  expect_match(conditionMessage(error), "the extension type `arrow.uuid` is not part of the wire profile", fixed = TRUE)
})

test_that("a string view in a real file is found without arrow", {
  skip_if_not(file.exists(test_path("fixtures", "codecs-string-view.arrow")), "the codecs' fixtures are not there")
  expect_match(
    conditionMessage(refused(check_file(test_path("fixtures", "codecs-string-view.arrow")))), "`string_view`",
    fixed = TRUE
  )
})

frame_node_of <- function(...) {
  node <- list(kind = "frame", rows = 3, columns = list(list(name = "n")), descriptor = list(names = list("n")))
  utils::modifyList(node, list(...))
}

test_that("a file must agree with its node", {
  read <- list(columns = list(1), names = "n", rows = 3)
  says <- function(node, reason, read. = read) {
    error <- refused(check_agreement("a.arrow", read., node))
    expect_identical(error$message, sprintf("`result` cannot cross: %s.", reason))
  }
  expect_silent(check_agreement("a.arrow", read, frame_node_of()))
  says(frame_node_of(rows = 4), "its file has 3 rows where its node has 4")
  says(frame_node_of(), "its file has 2 columns where its node has 1", list(names = c("n", "m"), rows = 3))
  says(frame_node_of(), "column 1 of its file is `m` where its node has `n`", list(names = "m", rows = 3))
  says(list(kind = "array", shape = list(2, 3)), "its file has 3 rows where its node has 6")
})

test_that("a descriptor of the wrong types is refused", {
  wrong <- function(descriptor, reason) {
    node <- frame_node_of()
    node$descriptor <- descriptor
    expect_match(conditionMessage(refused(check_descriptor("a.arrow", node))), reason, fixed = TRUE)
  }
  wrong("text", "its descriptor is no object")
  wrong(list(names = "n"), "`names` of its descriptor is of the wrong type")
  wrong(list(names = list(1, 2)), "`names` of its descriptor is of the wrong type")
  wrong(list(class = list("pandas")), "`class` of its descriptor is of the wrong type")
  wrong(list(columns = list(1)), "`columns` of its descriptor is of the wrong type")
})

test_that("the argument is named", {
  folder <- fresh_folder()
  old <- Sys.getenv("LANDBRIDGE_JOB_FOLDER", NA)
  Sys.setenv(LANDBRIDGE_JOB_FOLDER = folder)
  on.exit(if (is.na(old)) Sys.unsetenv("LANDBRIDGE_JOB_FOLDER") else Sys.setenv(LANDBRIDGE_JOB_FOLDER = old))
  writeLines(paste0(
    "{\"values\":{\"items\":[[null,{\"object\":\"obj_1\"}],[\"data\",{\"items\":[[null,{\"object\":\"obj_2\"}]]}]]},",
    "\"task\":{\"function\":{\"free\":[{\"name\":\"rates\",\"value\":{\"object\":\"obj_3\"}}]}}}"
  ), file.path(folder, "job.json"))
  names <- vapply(1:4, function(i) argument_of(sprintf("in/obj_%d.arrow", i)), "")
  expect_identical(names, c("1", "data", "rates", "result"))
})
