skip_without_bridge <- function() {
  skip_if_not_installed("reticulate")
  skip_if(is.null(bridge_python()), "no Python with pyarrow")
}

test_that("the bridge gives the same columns as it took", {
  skip_without_bridge()
  store <- local_store(bridge_codec())
  expect_round_trip(every_column(), store)
  expect_round_trip(every_column()[0, ], store)
})

test_that("both codecs read each other's files alike", {
  skip_without_bridge()
  skip_if_not_installed("arrow")
  frame <- every_column()
  through <- function(writer, reader) {
    store <- local_store(writer)
    node <- parse_protocol_json(protocol_json(encode_value(frame, store)))
    store$arrow <- reader
    decode_value(node, store)
  }
  expect_identical(through(package_codec(), bridge_codec()), frame)
  expect_identical(through(bridge_codec(), package_codec()), frame)
})

test_that("texts of any length and a missing integer pass unchanged", {
  skip_without_bridge()
  store <- local_store(bridge_codec())
  frame <- data.frame(text = c(strrep("\u00e9", 20000), "", NA), whole = c(NA, 0L, .Machine$integer.max))
  expect_round_trip(frame, store)
})

test_that("a table of flights' size passes", {
  skip_without_bridge()
  n <- 336776L
  wholes <- lapply(1:14, function(i) rep_len(c(NA, seq_len(2000L + i)), n))
  texts <- lapply(1:4, function(i) rep_len(c("UA", "N14228", NA, "JFK"), n))
  frame <- as.data.frame(stats::setNames(c(wholes, texts), paste0("v", 1:18)), stringsAsFactors = FALSE)
  frame$time_hour <- .POSIXct(1356998400 + 3600 * (seq_len(n) %/% 40), tz = "America/New_York")
  expect_round_trip(frame, local_store(bridge_codec()))
})

test_that("a broken file is an error of the bridge, and the next request works", {
  skip_without_bridge()
  path <- withr::local_tempfile(lines = "not Arrow")
  expect_error(bridge_codec()$read_columns(path), class = "landbridge_value_cannot_cross")
  expect_round_trip(iris, local_store(bridge_codec()))
})

test_that("a bridge that died is told and started anew", {
  skip_without_bridge()
  expect_round_trip(iris, local_store(bridge_codec()))
  tools::pskill(bridge_state$pid, tools::SIGKILL)
  expect_error(encode_value(iris, local_store(bridge_codec())), class = "landbridge_codec_missing")
  expect_round_trip(iris, local_store(bridge_codec()))
})

test_that("forks that run at once do not take each other's answers", {
  skip_without_bridge()
  skip_on_os("windows")
  store <- local_store(bridge_codec())
  expect_round_trip(iris, store)
  started <- bridge_state$pid
  frames <- lapply(1:3, function(i) data.frame(n = i + seq_len(1000) / 7, text = paste("of", i)))
  back <- parallel::mclapply(frames, mc.cores = 3, function(frame) {
    own <- local_store(bridge_codec())
    for (again in 1:3) frame <- round_trip(frame, own)
    list(frame = frame, bridge = bridge_state$pid)
  })
  expect_identical(lapply(back, `[[`, "frame"), frames)
  expect_length(unique(c(started, vapply(back, `[[`, 0, "bridge"))), 4)
  expect_round_trip(iris, store)
  expect_identical(bridge_state$pid, started)
})

test_that("an answer to another process is passed over", {
  skip_without_bridge()
  store <- local_store(bridge_codec())
  expect_round_trip(iris, store)
  # As a fork that was killed before it read its answer leaves it.
  writeLines('{"id": "1-1", "call": "read", "arrow": "/nowhere"}', bridge_state$requests)
  flush(bridge_state$requests)
  expect_round_trip(iris, store)
})

test_that("a Python that is none is told", {
  skip_if_not_installed("reticulate")
  stop_bridge()
  withr::local_options(landbridge.bridge_python = file.path(withr::local_tempdir(), "python"))
  problem <- expect_error(encode_value(iris, local_store(bridge_codec())), class = "landbridge_codec_missing")
  expect_match(conditionMessage(problem), "reticulate bridge cannot start", fixed = TRUE)
})

test_that("the bridge's Python is found in the order of the contract", {
  withr::local_envvar(LANDBRIDGE_BRIDGE_PYTHON = "from-variable", RETICULATE_PYTHON = "from-reticulate")
  expect_identical(bridge_python(), "from-variable")
  withr::local_options(landbridge.bridge_python = "from-option")
  expect_identical(bridge_python(), "from-option")
})

test_that("without any codec both ways out are told", {
  problem <- expect_error(encode_value(iris, local_store(missing_codec())), class = "landbridge_codec_missing")
  expect_match(conditionMessage(problem), "neither arrow nor the reticulate bridge", fixed = TRUE)
})
