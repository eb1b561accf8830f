# R's column kinds: each makes a frame, the same each time.

kinds <- list()
kind <- function(name, make) kinds[[name]] <<- make
column <- function(name, make) kind(name, function() column_frame(make()))

column_frame <- function(values) {
  frame <- data.frame(row = seq_len(NROW(values)))
  frame$x <- values
  frame["x"]
}

column("logical with NA", function() c(TRUE, NA, FALSE))
column("logical, all NA", function() c(NA, NA))
column("integer with NA", function() c(1L, NA, -.Machine$integer.max))
column("double with NA, NaN, Inf, -0", function() c(1.5, NA, NaN, Inf, -Inf, -0, 5e-324))
column("double, whole numbers", function() c(1, 2, 2^53))
column("integer64, small", function() bit64::as.integer64(c(1, NA, -3)))
column("integer64 beyond 2^31", function() bit64::as.integer64(c("1", NA, "4294967296")))
column("integer64 beyond 2^53", function() bit64::as.integer64(c("9007199254740993", "-9223372036854775807", NA)))
column("character", function() c("a", NA, "", "\u00fc\u4e2d\U0001F600", "NA"))
column("character in latin1", function() c("a", iconv("\u00fc", "UTF-8", "latin1")))

column("factor", function() factor(c("b", NA, "a", "b")))
column("ordered factor", function() factor(c("low", "high", NA), levels = c("low", "mid", "high"), ordered = TRUE))
column("factor with unused levels", function() factor(c("b", "a"), levels = c("z", "b", "a", "y")))
column("factor of no rows", function() factor(character(0), levels = c("b", "a")))
column("factor with NA as a level", function() addNA(factor(c("b", NA, "a"))))
column("factor with attributes", function() structure(factor(c("b", "a")), label = "letters"))

column("Date", function() as.Date(c("2024-02-29", NA, "1969-12-31")))
column("Date stored as integer", function() structure(c(19782L, NA, -1L), class = "Date"))
column("Date with fractions", function() structure(c(19782.5, NA, -0.25), class = "Date"))
column("Date with NaN and Inf", function() structure(c(19782, NaN, Inf, -Inf, NA), class = "Date"))

stamps <- c(1709209845.123456, NA, 0)
column("POSIXct with a zone", function() as.POSIXct(stamps, origin = "1970-01-01", tz = "Europe/Berlin"))
column("POSIXct in UTC", function() as.POSIXct(stamps, origin = "1970-01-01", tz = "UTC"))
column("POSIXct without a zone", function() structure(stamps, class = c("POSIXct", "POSIXt")))
column("POSIXct with an empty zone", function() structure(stamps, class = c("POSIXct", "POSIXt"), tzone = ""))
column("POSIXct stored as integer", function() .POSIXct(c(1709209845L, NA, 0L), tz = "UTC"))
column("POSIXct as Sys.time() gives it", function() .POSIXct(c(1709209845.1234567, 1790000000.0000001), tz = "UTC"))
column("POSIXct with NaN and Inf", function() .POSIXct(c(0, NaN, Inf, NA), tz = "UTC"))
column("POSIXct before 1970", function() .POSIXct(c(-1.5, -1e9, -0.000001), tz = "UTC"))
column("POSIXct far from 1970", function() .POSIXct(c(253402300799, -62135596800), tz = "UTC"))
column("POSIXlt", function() as.POSIXlt(.POSIXct(c(1709209845, 0), tz = "UTC")))

for (units in c("secs", "mins", "hours", "days", "weeks")) local({
  held <- units
  column(paste("difftime in", held), function() as.difftime(c(1.5, NA, -2), units = held))
})
column("difftime stored as integer", function() structure(c(90L, NA), units = "mins", class = "difftime"))
column("difftime finer than microseconds", function() as.difftime(c(1 / 3, 1e-9), units = "secs"))
column("difftime with NaN and Inf", function() as.difftime(c(1, NaN, Inf), units = "secs"))
column("hms", function() hms::hms(c(0, 86399.999999, NA, 3600)))
column("hms outside a day", function() hms::hms(c(-1, 90000)))

column("complex with NA", function() complex(real = c(1, NA, NaN), imaginary = c(-2, NA, Inf)))
column("raw", function() as.raw(c(0, 1, 255)))
column("list of raw", function() list(as.raw(1:3), raw(0), NULL))
column("blob", function() {
  classes <- c("blob", "vctrs_list_of", "vctrs_vctr", "list")
  structure(list(as.raw(1:3), raw(0), NULL), class = classes, ptype = raw(0))
})

column("list of integer", function() list(1:3, NA_integer_, integer(0)))
column("list of integer, then double", function() list(1L, c(2.5, NA)))
column("list of double", function() list(c(1.5, NA, NaN), 2, numeric(0)))
column("list of character", function() list(c("a", NA), "", character(0)))
column("list of logical", function() list(c(TRUE, NA), FALSE))
column("list with NULL cells", function() list(1:2, NULL, 3L))
column("list of Date", function() list(as.Date("2024-02-29"), as.Date(c(NA, "1970-01-01"))))
column("list of factor", function() list(factor("a", levels = c("b", "a")), factor("b", levels = c("b", "a"))))
column("list of named vectors", function() list(c(a = 1, b = 2), c(c = 3)))
column("list of lists", function() list(list(1:2, 3L), list(), list(4L)))
column("list of named lists", function() list(list(a = 1L, b = "x"), list(a = 2L, b = NA_character_)))
column("list of data frames", function() list(data.frame(a = 1:2), data.frame(a = 3L)))
column("list of mixed types", function() list(1L, "a", TRUE))
column("list of a class of its own", function() list(structure(c(1, 2), class = "point"), structure(3, class = "point")))
column("list of vectors with attributes", function() list(structure(1:2, unit = "m"), structure(3L, unit = "m")))
column("list of models", function() list(evalq(lm(dist ~ speed, cars), globalenv()), NULL))
column("list with a function", function() list(1, evalq(function(x) x, globalenv())))
column("list with names", function() list(a = 1:2, b = 3L))

column("data.frame column", function() data.frame(a = c(1L, NA), b = c("u", "v")))
column("tibble column", function() tibble::tibble(a = c(1.5, NA), b = factor(c("u", "v"))))
column("matrix of integer", function() matrix(1:6, 3))
column("matrix of double", function() matrix(c(1.5, NA, NaN, 4), 2))
column("matrix of character", function() matrix(c("a", NA, "", "d"), 2))
column("matrix of logical", function() matrix(c(TRUE, NA, FALSE, TRUE), 2))
column("matrix with dimnames", function() matrix(1:4, 2, dimnames = list(NULL, c("u", "v"))))
column("array of three dimensions", function() array(1:12, c(2, 3, 2)))
column("one-dimensional array", function() array(1:3))
column("vector with names", function() c(a = 1, b = 2))
column("vector with attributes", function() structure(c(1, 2), unit = "m", label = "length"))
# As haven::tagged_na() makes it.
tagged <- function(letter) {
  readBin(as.raw(c(0xa2, 0x07, 0, 0, utf8ToInt(letter), 0, 0xf0, 0x7f)), "double", endian = "little")
}
labelled <- function(x, labels) {
  structure(x, class = c("haven_labelled", "vctrs_vctr", "double"), labels = labels, label = "Agreed?")
}
column("haven_labelled", function() labelled(c(1, 2, NA), c(yes = 1, no = 2)))
column("haven_labelled with tagged NA", function() {
  labelled(c(1, tagged("r"), 2, NA, tagged("d")), c(yes = 1, no = 2, "don't know" = tagged("d"), refused = tagged("r")))
})
column("double with tagged NA", function() c(1, tagged("a"), NA, NaN, tagged("z")))
column("Date with tagged NA", function() structure(c(19782, tagged("a"), NA), class = "Date"))
column("POSIXct with tagged NA", function() .POSIXct(c(tagged("b"), 0.25, NA), tz = "UTC"))
column("vector with names and tagged NA", function() c(a = 1, b = tagged("x")))
column("list of double with tagged NA", function() list(c(1, tagged("a")), NA_real_))
column("matrix with tagged NA", function() matrix(c(1, tagged("a"), NA, 2), 2))
column("data.frame column with tagged NA", function() data.frame(a = c(1, tagged("a"))))
column("class that no package knows", function() structure(c(1.5, NA), class = "metres"))
column("numeric_version", function() numeric_version(c("1.2.3", "4.5")))
column("AsIs", function() I(c("a", "b")))
column("noquote", function() noquote(c("a", "b")))

kind("row names", function() data.frame(x = 1:2, row.names = c("first", "second")))
kind("row names of integer", function() data.frame(x = 1:2, row.names = c(5L, 9L)))
kind("attributes of the frame", function() structure(data.frame(x = 1:2), source = "survey", year = 2024L))
kind("formula as an attribute", function() {
  structure(data.frame(x = 1:2), model = stats::as.formula("y ~ x + 1", globalenv()))
})
kind("tibble", function() tibble::tibble(x = c(1L, NA), y = c("a", "b")))
kind("data.table", function() data.table::data.table(x = c(1L, NA), y = c("a", "b")))
kind("data.table with a key", function() data.table::data.table(x = c(1L, 2L), y = c("a", "b"), key = "x"))
kind("grouped tibble", function() dplyr::group_by(tibble::tibble(g = c("a", "b", "a"), x = 1:3), g))
kind("rowwise tibble", function() dplyr::rowwise(tibble::tibble(x = 1:2)))
kind("subclass of data.frame", function() structure(data.frame(x = 1:2), class = c("survey", "data.frame")))
# As sf makes them, from text, without sf.
wgs84 <- "GEOGCRS[\"WGS 84\",DATUM[\"World Geodetic System 1984\",ELLIPSOID[\"WGS 84\",6378137,298.257223563]],
  CS[ellipsoidal,2],AXIS[\"latitude\",north],AXIS[\"longitude\",east],ANGLEUNIT[\"degree\",0.0174532925199433],
  ID[\"EPSG\",4326]]"
geometries <- function(texts, crs = NULL, precision = 0) {
  made <- wk::wk_handle(wk::wkt(texts), wk::sfc_writer())
  attr(made, "precision") <- precision
  if (!is.null(crs)) attr(made, "crs") <- structure(list(input = crs, wkt = wgs84), class = "crs")
  if (inherits(made, "sfc_GEOMETRY")) attr(made, "classes") <- vapply(made, function(one) class(one)[[2]], "")
  made
}
features <- function(geometry, class = "data.frame") {
  structure(
    list(x = seq_along(geometry), geometry = geometry), class = c("sf", class), row.names = seq_along(geometry),
    sf_column = "geometry",
    agr = structure(factor(NA, levels = c("constant", "aggregate", "identity")), names = "x")
  )
}
hole <- "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 0.5, 2 1, 1 0.5))"
missing_geometry <- function(x, row) {
  facts <- attributes(x)
  cells <- unclass(x)
  cells[row] <- list(NULL)
  attributes(cells) <- facts
  cells
}
several <- c(
  "MULTIPOINT ((1 2), (3 4))", "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3.5))", "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)))",
  "GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION (LINESTRING (0 0, 1 1)))"
)
kind("sf of points", function() features(geometries(c("POINT (13.4 52.5)", "POINT (-0.1 51.5)"), "EPSG:4326")))
kind("sf of polygons with holes", function() features(geometries(c(hole, "POLYGON ((0 0, 1 0, 1 1, 0 0))"), "WGS 84")))
kind("sf of mixed geometries", function() features(geometries(c("POINT (1 2)", hole, "LINESTRING (0 0, 1.5 1)"))))
kind("sf of many parts", function() features(geometries(several)))
kind("sf with empty geometries", function() features(geometries(c("POINT EMPTY", "POINT (1 2)"), "EPSG:4326")))
kind("sf with empty geometries, mixed", function() {
  features(geometries(c("POINT (1 2)", "POLYGON EMPTY", "GEOMETRYCOLLECTION EMPTY", "MULTIPOINT EMPTY")))
})
kind("sf with missing geometries", function() {
  features(missing_geometry(geometries(c("POINT (1 2)", "POINT EMPTY", "POINT EMPTY")), 2))
})
kind("sf with Z and M", function() features(geometries(c("POINT ZM (1 2 3 4)", "POINT ZM (5 6 7 8)"), "EPSG:4326")))
kind("sf with precision", function() features(geometries("LINESTRING M (0 0 1, 1.5 1 2)", precision = 1000)))
kind("sf of no rows", function() features(geometries(character(), "EPSG:4326")))
kind("sf as a tibble", function() features(geometries("POINT (1 2)", "EPSG:4326"), c("tbl_df", "tbl", "data.frame")))
column("sfc in a plain data.frame", function() geometries(c("POINT (1 2)", hole), "EPSG:4326"))
kind("zero rows", function() {
  data.frame(i = integer(0), d = numeric(0), c = character(0), f = factor(character(0), c("b", "a")),
    t = .POSIXct(numeric(0), "UTC"), day = structure(numeric(0), class = "Date"))
})
kind("zero columns", function() data.frame(row.names = 1:3)[, 0])
kind("zero rows and columns", function() data.frame())
kind("column names that repeat", function() stats::setNames(data.frame(1:2, c("a", "b")), c("x", "x")))
kind("column names empty and NA", function() stats::setNames(data.frame(1:2, 3:4, 5:6), c("", NA, "ok")))
kind("column names in unicode", function() stats::setNames(data.frame(1:2), "\u00fc \u4e2d"))

long <- 10000L
column("10,000 integers", function() ifelse(seq_len(long) %% 7L == 0L, NA, seq_len(long)))
column("10,000 doubles", function() ifelse(seq_len(long) %% 7L == 0L, NA, sqrt(seq_len(long))))
column("10,000 texts", function() ifelse(seq_len(long) %% 7L == 0L, NA, sprintf("row %d", seq_len(long))))
column("10,000 factor cells", function() factor(sprintf("level %d", seq_len(long) %% 100L)))
column("10,000 times", function() .POSIXct(1.6e9 + seq_len(long) * 0.25, tz = "UTC"))
column("10,000 lists of integer", function() lapply(seq_len(long), seq_len)[rep(1:50, long / 50L)])
