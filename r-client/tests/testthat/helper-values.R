# A folder as sink and source at once: what a client and a depot do between them.
local_store <- function(codec = NULL, functions = FALSE, env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  count <- 0L
  put <- function(extension, write) {
    count <<- count + 1L
    id <- sprintf("obj_%016d", count)
    write(file.path(folder, paste0(id, ".", extension)))
    id
  }
  path <- function(id) list.files(folder, paste0("^", id, "\\."), full.names = TRUE)
  list(put = put, path = path, arrow = codec, functions = functions)
}

# Through JSON text, as on the wire.
round_trip <- function(x, store, trust = FALSE) {
  text <- protocol_json(encode_value(x, store))
  decode_value(parse_protocol_json(text), store, trust)
}

expect_round_trip <- function(x, store, trust = FALSE) {
  expect_identical(round_trip(x, store, trust), x, label = paste(class(x), collapse = "/"))
}

skip_without_codec <- function() {
  if (is_installed("arrow")) return(invisible())
  skip_if_not_installed("reticulate")
  skip_if(is.null(bridge_python()), "no Python with pyarrow")
}

# A column of each kind, with a missing element in each.
every_column <- function() {
  frame <- data.frame(
    flag = c(TRUE, NA, FALSE), whole = c(1L, NA, -5L), real = c(NA, NaN, 0.1 + 0.2), text = c("a", NA, "\u00e9\U1F600"),
    level = factor(c("x", NA, "z"), levels = c("z", "y", "x")),
    rank = factor(c("lo", "hi", NA), levels = c("lo", "hi"), ordered = TRUE),
    day = as.Date(c("2024-01-01", NA, "1900-02-28")), day_int = structure(c(1L, NA, 3L), class = "Date"),
    day_odd = structure(c(Inf, NaN, 0.5), class = "Date"),
    at = as.POSIXct(c("2024-01-01 12:00:00.123456", NA, "1960-01-01 00:00:00.5"), tz = "Europe/Berlin"),
    at_ns = .POSIXct(c(1700000000.1234567, NA, 1700000000.7654321)), at_int = .POSIXct(c(1L, NA, 3L), tz = "UTC"),
    at_none = .POSIXct(c(NA_real_, NA, NA), tz = "UTC"), hours = as.difftime(c(1.5, NA, 1 / 3), units = "hours"),
    wave = c(1 + 2i, NA_complex_, complex(real = NaN, imaginary = -Inf)),
    tiny = as.difftime(c(1e-9, NA, 2), units = "secs"), byte = as.raw(1:3), stringsAsFactors = FALSE
  )
  frame$blob <- list(as.raw(1:3), NULL, raw())
  frame$wholes <- list(1:3, NULL, integer())
  frame$texts <- list("a", c("b", NA), character())
  frame
}
