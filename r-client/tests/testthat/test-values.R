scalars <- list(
  NULL, TRUE, NA, 1L, NA_integer_, -.Machine$integer.max, 0.1 + 0.2, pi, 1e300, 5e-324, NaN, NA_real_, Inf, -Inf, 1i,
  NA_complex_, complex(real = NaN, imaginary = -Inf), "a\"\u00e9\n\\", "", NA_character_, as.raw(c(0, 255)), raw()
)

times <- list(
  as.Date("2024-02-29"), as.Date("0001-01-01"), as.Date(NA), structure(19000L, class = "Date"),
  structure(19000.5, class = "Date"), structure(Inf, class = "Date"),
  as.POSIXct("2024-01-01 12:00:00.25", tz = "Europe/Berlin"), .POSIXct(1700000000.1234567), .POSIXct(-1.5, tz = "UTC"),
  .POSIXct(-1e-6, tz = "UTC"), .POSIXct(1L), .POSIXct(NaN, tz = "UTC"), .POSIXct(1e11, tz = "UTC"),
  .POSIXct(0, tz = ""),
  as.difftime(1 / 3, units = "hours"), as.difftime(5L, units = "days"), as.difftime(NA_real_, units = "secs")
)

vectors <- list(
  c(a = 1, b = NA), c(1, NaN, NA, Inf), 1:3, integer(), character(), logical(), double(), c(TRUE, NA), c(a = "x", NA),
  stats::setNames(1:2, c("a", NA)), c(1 + 2i, NA), factor("b", levels = c("a", "b")), factor(NA, levels = "x"),
  factor(c(k = "x", l = "y"), levels = c("y", "x"), ordered = TRUE), factor(character())
)

arrays <- list(
  matrix(1:6, 2), matrix(c(0.1, NA, NaN, 1), 2, dimnames = list(c("a", "b"), NULL)), matrix(character(), 0, 3),
  matrix(1:4, 2, dimnames = list(r = c("a", "b"), c = c("x", "y"))), array(1:24, 2:4), array(1:3, 3, list(letters[1:3]))
)

lists <- list(
  list(), list(1, "a", NULL), list(a = 1, 2), list(a = list(b = NULL, c = list())),
  stats::setNames(list(), character()),
  stats::setNames(list(1, 2), c("a", "a"))
)

test_that("values of R come back identical", {
  store <- local_store()
  for (x in c(scalars, times, vectors, arrays, lists)) expect_round_trip(x, store)
  expect_length(list.files(dirname(store$path("none")[1])), 0)
})

test_that("classes of other packages come back identical", {
  skip_if_not_installed("hms")
  skip_if_not_installed("bit64")
  store <- local_store()
  expect_round_trip(hms::hms(3661.5), store)
  expect_round_trip(hms::hms(c(-5, NA, 90000)), store)
  for (text in c("9007199254740993", "-5", NA)) {
    back <- round_trip(bit64::as.integer64(text), store)
    expect_s3_class(back, "integer64")
    expect_identical(as.character(back), text)
  }
})

test_that("the sign of zero and all digits survive the JSON", {
  store <- local_store()
  expect_identical(1 / round_trip(-0, store), -Inf)
  set.seed(1)
  x <- c(stats::runif(300), stats::rnorm(300) * 10^stats::runif(300, -300, 300))
  expect_identical(round_trip(x, store), x)
})

test_that("nodes are those of the contract", {
  node <- function(x) protocol_json(encode_value(x, local_store()))
  expect_identical(node(NULL), "{\"kind\":\"null\"}")
  expect_identical(node(3L), "{\"kind\":\"scalar\",\"type\":\"int\",\"value\":3}")
  expect_identical(node(NA_character_), "{\"kind\":\"scalar\",\"type\":\"str\",\"na\":true}")
  expect_identical(node(Inf), "{\"kind\":\"scalar\",\"type\":\"float\",\"value\":\"Infinity\"}")
  expect_match(node(as.raw(rep(255, 60))), paste0("\"value\":\"", strrep("/", 80), "\""), fixed = TRUE)
  expect_match(node("a"), "\"value\":\"a\"", fixed = TRUE)
  expect_match(node(c("a", NA)), "\"n\":2,\"container\":\"r\",\"type\":\"str\",\"values\":[\"a\",null]", fixed = TRUE)
  expect_match(node(c(x = 1L)), "\"names\":[\"x\"],\"type\":\"int\",\"values\":[1]", fixed = TRUE)
  expect_match(node(array(1L, 1)), "\"shape\":[1],\"order\":\"F\",\"dimnames\":null", fixed = TRUE)
  expect_match(node(as.POSIXct("1970-01-01", tz = "UTC")), "\"tz\":\"UTC\",\"value\":0", fixed = TRUE)
  expect_match(node(.POSIXct(-0.5, tz = "UTC")), "\"value\":-500000", fixed = TRUE)
  expect_match(node(factor("b", c("a", "b"))), "\"levels\":[\"a\",\"b\"],\"ordered\":false", fixed = TRUE)
  expect_match(node(list(a = 1L, 2L)), "\"shape\":\"named list\",\"items\":[[\"a\",", fixed = TRUE)
})

test_that("values of Python arrive as R's own", {
  decode <- function(text) decode_value(parse_protocol_json(text), local_store())
  expect_identical(decode('{"kind":"scalar","type":"int","value":4294967296}'), 4294967296)
  expect_identical(decode('{"kind":"scalar","type":"decimal","value":"1.5"}'), 1.5)
  expect_identical(
    decode('{"kind":"scalar","type":"datetime","value":1500000,"tz":null}'), .POSIXct(1.5, tz = "UTC")
  )
  expect_identical(decode('{"kind":"scalar","type":"duration","value":1500000}'), as.difftime(1.5, units = "secs"))
  expect_identical(
    decode('{"kind":"array","type":"int","shape":[2,3],"order":"C","dimnames":null,"values":[1,2,3,4,5,6]}'),
    matrix(1:6, 2, byrow = TRUE)
  )
  expect_identical(decode('{"kind":"vector","type":"bytes","n":2,"values":["AQ==",null]}'), list(as.raw(1), NULL))
  expect_identical(
    decode('{"kind":"list","shape":"dict","items":[["a",{"kind":"null"}],["b",{"kind":"null","more":1}]]}'),
    list(a = NULL, b = NULL)
  )
  expect_identical(decode('{"kind":"list","shape":"tuple","items":[[null,{"kind":"null"}]]}'), list(NULL))
  expect_error(decode('{"kind":"scalar","type":"quaternion","value":1}'), class = "landbridge_bad_answer")
  expect_error(decode('{"kind":"hologram"}'), class = "landbridge_bad_answer")
})

test_that("other objects go as native values and are loaded only when trusted", {
  store <- local_store()
  model <- stats::lm(mpg ~ wt, mtcars)
  node <- encode_value(model, store)
  expect_identical(node[c("kind", "language", "codec")], list(kind = "native", language = "r", codec = "rds"))
  expect_identical(node$packages, list("stats"))
  expect_match(node$summary$text, "lm(formula = mpg ~ wt", fixed = TRUE)
  handle <- round_trip(model, store)
  expect_s3_class(handle, "landbridge_native")
  expect_identical(handle$class, "lm")
  expect_identical(encode_value(handle, store)$kind, "native")
  expect_equal(stats::coef(round_trip(model, store, trust = TRUE)), stats::coef(model))
  half <- complex(real = NA, imaginary = 1)
  for (x in list(half, table(c(1, 1, 2)), structure(1:3, class = "mine"), quote(a + b), structure(1:2, label = "L"))) {
    expect_round_trip(x, store, trust = TRUE)
  }
})

test_that("a native value of Python stays a handle whatever the trust", {
  node <- list(kind = "native", object = "obj_1", language = "python", codec = "pickle", class = list("a.B"))
  expect_s3_class(decode_value(node, local_store(), trust = TRUE), "landbridge_native")
})

test_that("what cannot cross is refused by its path", {
  refusal <- function(x) {
    conditionMessage(expect_error(encode_value(x, local_store(), "x"), class = "landbridge_value_cannot_cross"))
  }
  expect_match(refusal(list(a = list(1, identity))), "`x$a[[2]]` cannot cross: it is a function.", fixed = TRUE)
  expect_match(refusal(list(a = list(new.env()))), "`x$a[[1]]` cannot cross: it is an environment.", fixed = TRUE)
  pointer <- list(b = list(methods::new("externalptr")))
  expect_match(refusal(pointer), "`x$b[[1]]` cannot cross: it is an external pointer.", fixed = TRUE)
  expect_match(refusal(stdin()), "`x` cannot cross: it is a connection.", fixed = TRUE)
  held <- new.env()
  held$con <- stdin()
  expect_match(refusal(structure(list(e = held), class = "holder")), "`x$e$con` cannot cross", fixed = TRUE)
  expect_match(refusal("\xff"), "`x` cannot cross: element 1 is not valid UTF-8 text.", fixed = TRUE)
})

test_that("text with a NUL character and integers beyond 64 bits are refused on arrival", {
  expect_true(has_nul('["a\\u0000"]'))
  expect_true(has_nul('["\\\\\\u0000"]'))
  expect_false(has_nul('["\\\\u0000"]'))
  expect_false(has_nul('["u0000"]'))
  document <- parse_protocol_json('{"kind":"scalar","type":"str","value":"a\\u0000b"}')
  expect_error(refuse_nul(attr(document, "nul"), "x"), "its text has a NUL character")
  skip_if_not_installed("bit64")
  decode <- function(text) decode_value(parse_protocol_json(text), local_store())
  expect_error(
    decode('{"kind":"vector","type":"int","n":2,"values":[1,"9223372036854775808"]}'),
    "an integer beyond 64 bits has no number in R .element 2.", class = "landbridge_value_cannot_cross"
  )
  wide <- decode('{"kind":"vector","type":"int","n":2,"values":[null,"9007199254740993"]}')
  expect_identical(wide[1], bit64::as.integer64(NA))
})

test_that("a value that was given is told from its equals by being that very object", {
  small <- list(kind = "vector", type = "int", n = 2L, values = list(1L, 2L), container = "numpy", dtype = "int8")
  given <- list(
    list(node = small, type = "integer", length = 2L, address = "0x1", value = 1:2),
    list(node = replace(small, "dtype", "int16"), type = "integer", length = 2L, address = "0x2", value = 1:2)
  )
  expect_null(given_node(c(1L, 2L), given))
  expect_identical(given_node(c(1L, 2L), given[1]), small)
  x <- c(1L, 2L)
  given[[2]]$address <- rlang::obj_address(x)
  expect_identical(given_node(x, given)$dtype, "int16")
  single <- list(kind = "scalar", type = "int", value = 1L, tags = list(dtype = "int16"))
  expect_null(given_node(1L, list(list(node = single, type = "integer", length = 1L, address = "0x1", value = 1L))))
})

test_that("functions may be results", {
  expect_identical(round_trip(stats::median, local_store(functions = TRUE), trust = TRUE), stats::median)
})

test_that("an active binding is not run by looking for what cannot cross", {
  env <- new.env()
  makeActiveBinding("bomb", function() stop("looked"), env)
  expect_identical(encode_value(structure(list(env), class = "holder"), local_store())$kind, "native")
})

test_that("files keep their bytes and their name", {
  store <- local_store()
  path <- withr::local_tempfile(fileext = ".csv", lines = c("a,b", "1,2"))
  node <- encode_value(as_file(path), store)
  expected <- list(kind = "file", name = basename(path), media_type = "text/csv")
  expect_identical(node[names(expected)], expected)
  back <- round_trip(as_file(path), store)
  expect_s3_class(back, "landbridge_file")
  expect_identical(basename(back), basename(path))
  expect_identical(readLines(back), readLines(path))
  expect_error(as_file("no such file"), class = "landbridge_value_cannot_cross")
})

test_that("jobs and parts of their results go by name", {
  job <- structure(list(id = "job_0123456789abcdef"), class = "landbridge_job")
  part <- structure(list(job = job, path = list("coef", 0L)), class = "landbridge_job_part")
  expect_identical(encode_value(job, local_store()), list(kind = "job", job = "job_0123456789abcdef"))
  expect_match(protocol_json(encode_value(part, local_store())), "\"path\":[\"coef\",0]", fixed = TRUE)
})

test_that("deep and long lists come back", {
  store <- local_store()
  deep <- 1.5
  for (level in 1:60) deep <- if (level %% 2 == 0) list(deep) else list(down = deep, level = level)
  expect_round_trip(deep, store)
  numbers <- as.list(c(seq_len(1e5) / 7, NaN, Inf, NA))
  expect_round_trip(numbers, store)
  expect_round_trip(as.list(c(100000L, NA, seq_len(2000))), store)
  expect_round_trip(as.list(c("quote \" \\ \n\t\u00e9", NA, rep("a", 2000))), store)
  mixed <- rep(list(1L, "a", NULL, list(TRUE)), 500)
  expect_round_trip(mixed, store)
  expect_error(
    encode_value(as.list(c(rep("a", 2000), `Encoding<-`("\xff", "bytes"))), store, "x"),
    class = "landbridge_value_cannot_cross"
  )
})

test_that("JSON says what jsonlite says", {
  document <- list(
    text = "a\"b\\c\n\u0001\u007f\u00e9", nothing = NULL, flag = TRUE, missing = NA, whole = 100000L, real = 0.1,
    many = c("a", NA), none = list(), object = structure(list(), names = character()), raw = verbatim_json("[1,2]")
  )
  theirs <- jsonlite::toJSON(
    document, auto_unbox = TRUE, null = "null", na = "null", digits = NA, json_verbatim = TRUE, always_decimal = FALSE
  )
  expect_identical(parse_protocol_json(protocol_json(document)), parse_protocol_json(theirs))
  expect_error(protocol_json(list(sum)), class = "landbridge_bad_answer")
})
