# Columns of class sfc, made by wk, and by sf where that is installed.

skip_without_geometry <- function() {
  skip_without_codec()
  skip_if_not_installed("wk")
}

geometry_store <- function(env = parent.frame()) local_store(arrow_codec(), env = env)

sfc_of <- function(...) wk::wk_handle(wk::wkt(c(...)), wk::sfc_writer())

places <- function(x, class = "data.frame") {
  agr <- structure(factor(NA, levels = c("constant", "aggregate", "identity")), names = "n")
  structure(
    list(n = seq_along(x), place = x), class = c("sf", class), row.names = seq_along(x), sf_column = "place", agr = agr
  )
}

wkt_32 <- "PROJCRS[\"ETRS89 / UTM zone 32N\"]"
with_crs <- function(x, input = "EPSG:25832", wkt = wkt_32) {
  attr(x, "crs") <- structure(list(input = input, wkt = wkt), class = "crs")
  x
}

# As if wk were installed, or were not.
local_wk <- function(installed, env = parent.frame()) {
  space <- asNamespace("landbridge")
  put <- function(found) {
    unlockBinding("can_read_geometry", space)
    assign("can_read_geometry", found, space)
    lockBinding("can_read_geometry", space)
  }
  before <- get("can_read_geometry", space)
  put(function() installed)
  withr::defer(put(before), env)
}

geometry_node <- function(x, store) parse_protocol_json(protocol_json(encode_value(x, store)))

test_that("a frame of sf comes back identical, as WKB with a tag", {
  skip_without_geometry()
  store <- geometry_store()
  frame <- places(with_crs(sfc_of("POINT (1 2)", "POINT EMPTY")))
  node <- geometry_node(frame, store)
  expect_identical(decode_value(node, store), frame)
  expect_identical(node$columns[[2]], list(name = "place", type = "binary"))
  crs <- list(input = "EPSG:25832", wkt = wkt_32)
  expect_identical(node$descriptor$columns$place$tag, list(type = "geometry", of = "POINT", crs = crs))
  expect_identical(node$preview[[1]], list("1", "POINT (1 2)"))
  expect_round_trip(places(sfc_of("POLYGON Z ((0 0 1, 1 0 1, 1 1 2, 0 0 1))")), store)
  expect_round_trip(places(sfc_of("POINT (1 2)"), c("tbl_df", "tbl", "data.frame")), store)
  named <- data.frame(row = 1:2)
  named$place <- structure(sfc_of("POINT (1 2)", "POINT (3 4)"), names = c("a", "b"), source = "survey")
  expect_round_trip(named, store)
})

test_that("frames that sf made come back identical", {
  skip_without_geometry()
  skip_if_not_installed("sf")
  store <- geometry_store()
  ring <- function(by) rbind(c(0, 0), c(4, 0), c(4, 4), c(0, 0)) / by
  point <- sf::st_point(c(1.5, 2))
  polygon <- sf::st_polygon(list(ring(1), ring(-8)))
  several <- list(
    sf::st_sfc(point, sf::st_point(), crs = 4326), sf::st_sfc(polygon, crs = 3857), sf::st_sfc(),
    sf::st_sfc(crs = 4326),
    sf::st_sfc(point, polygon, sf::st_linestring(ring(1)), sf::st_geometrycollection(list(point, sf::st_point()))),
    sf::st_sfc(sf::st_multipolygon(list(list(ring(1)), list(ring(2))))), sf::st_sfc(sf::st_multipoint(ring(1))),
    sf::st_sfc(sf::st_polygon(), sf::st_multipolygon(), sf::st_geometrycollection()),
    sf::st_sfc(sf::st_point(c(1.5, 2, 3), "XYM"), precision = 1000), sf::st_sfc(sf::st_point(c(1.5, 2, 3, 4))),
    sf::st_cast(sf::st_sfc(point, point), "GEOMETRY"), sf::st_sfc(point, point)[0]
  )
  for (x in several) expect_round_trip(sf::st_sf(id = seq_along(x), geometry = x), store)
  at <- system.file("shape/nc.shp", package = "sf")
  if (nzchar(at)) expect_round_trip(sf::st_read(at, quiet = TRUE), store)
})

test_that("what WKB does not hold is told", {
  skip_without_geometry()
  store <- geometry_store()
  verdict_of <- function(x) geometry_column(x, "x$place")$verdict
  whole <- sfc_of("POINT (1 2)")
  whole[[1]] <- structure(1:2, class = class(whole[[1]]))
  expect_identical(verdict_of(whole), verdict("equal", "coordinates that were integers are doubles"))
  wide <- sfc_of("POINT (1 2)")
  attr(wide, "bbox")[] <- c(0, 0, 9, 9)
  expect_identical(verdict_of(wide), verdict("equal", "its class and extent are found anew"))
  old <- sfc_of("POINT (1 2)")
  attr(old, "crs") <- structure(list(epsg = 4326L, proj4string = "+proj=longlat"), class = "crs")
  expect_identical(verdict_of(old)$verdict, "lossy")
  marked <- sfc_of("POINT (1 2)")
  attr(marked[[1]], "quality") <- "good"
  expect_match(verdict_of(marked)$reason, "coordinates or attributes that WKB does not hold")
  arc <- sfc_of("LINESTRING (0 0, 1 1)")
  arc[[1]] <- structure(arc[[1]], class = c("XY", "CIRCULARSTRING", "sfg"))
  expect_true(is_no_column(geometry_column(arc, "x$place")))
})

test_that("without wk sending is refused, and reading keeps WKB, which goes back as it was", {
  skip_without_geometry()
  store <- geometry_store()
  frame <- places(with_crs(sfc_of("POINT (1 2)", "POINT (3 4)")))
  node <- geometry_node(frame, store)
  events <- new.env()
  events$folder <- withr::local_tempdir()
  dir.create(file.path(events$folder, "out"))
  withr::defer(close(events$connection))
  local_wk(FALSE)
  expect_error(
    encode_value(frame, store), "`value$place` cannot cross: geometries are written by the package wk", fixed = TRUE,
    class = "landbridge_value_cannot_cross"
  )
  kept <- decode_value(node, c(store, list(events = events)))
  told <- parse_protocol_json(readLines(file.path(events$folder, "out", "events.jsonl")))
  expect_identical(told$columns[[1]], c(list(name = "place"), geometry_kept))
  expect_s3_class(kept$place, "WKB")
  expect_false(inherits(kept, "sf"))
  expect_identical(attr(kept$place, "crs"), attr(frame$place, "crs"))
  if (is_installed("sf")) expect_identical(sf::st_as_text(sf::st_as_sfc(kept$place, EWKB = TRUE))[[2]], "POINT (3 4)")
  back <- geometry_node(kept, store)
  local_wk(TRUE)
  expect_identical(decode_value(back, store)$place, frame$place)
})

test_that("a frame of Python with geometries is one of sf, with the CRS that it has", {
  skip_without_geometry()
  store <- geometry_store()
  frame <- places(with_crs(sfc_of("POINT (1 2)", "POINT (3 4)")))
  attr(frame, "row.names") <- .set_row_names(2L)
  node <- geometry_node(frame, store)
  node$descriptor <- list(
    class = "pandas", names = list("n", "place"), columns = node$descriptor$columns["place"], rows = 2L,
    row_names = "automatic", library = list(geopandas = list(active = "place"))
  )
  frame <- decode_value(node, store)
  expect_s3_class(frame, "sf")
  expect_identical(attr(frame, "sf_column"), "place")
  expect_identical(names(attr(frame, "agr")), setdiff(names(frame), "place"))
  hinted <- list(type = "geometry", of = "GEOMETRY", crs = list(input = "EPSG:25832", wkt = "as R had it"))
  own <- node$descriptor$columns$place$tag
  expect_identical(geometry_hint_tag(own, hinted), hinted)
  own$crs <- list(input = "EPSG:4326", wkt = "new")
  expect_identical(geometry_hint_tag(own, hinted)$crs, own$crs)
  own$crs <- NULL
  expect_null(geometry_hint_tag(own, hinted)$crs)
  expect_identical(geometry_hint_tag(NULL, hinted), hinted)
})

test_that("a frame that has lost its geometries is no frame of sf", {
  frame <- structure(
    list(n = 1:2, m = 3:4), class = c("sf", "data.frame"), row.names = 1:2, sf_column = "place", agr = factor(NA)
  )
  expect_identical(class(mended_sf(frame)), "data.frame")
  skip_without_geometry()
  frame$place <- sfc_of("POINT (1 2)", "POINT (3 4)")
  mended <- mended_sf(frame)
  expect_identical(names(attr(mended, "agr")), c("n", "m"))
})

test_that("WKB is looked over before it is read", {
  skip_if_not_installed("wk")
  head <- as.raw(c(1, 7, 0, 0, 0, 1, 0, 0, 0))
  point <- c(as.raw(c(1, 1, 0, 0, 0)), raw(16))
  expect_null(broken_geometry(list(point, NULL, c(rep(head, 32), point))))
  padding <- raw(20000)
  expect_null(unreadable(c(rep(head, 32), point, padding)))
  deep <- "a collection nests more than 32 deep"
  expect_identical(broken_geometry(list(NULL, c(rep(head, 33), point, padding))), list(row = 2L, reason = deep))
  expect_identical(broken_geometry(list(point, rep(head, 1e5))), list(row = 2L, reason = deep))
  for (cell in list(raw(), point[-21], c(as.raw(c(1, 42)), padding), rev(point), rep(as.raw(7), 20000))) {
    expect_identical(broken_geometry(list(point, cell)), list(row = 2L, reason = no_wkb))
  }
  column <- list(type = "binary", data = list(point, point[1:9]))
  source <- list(label = "roads")
  expect_error(
    with_geometry_refused(geometry_of_column(column, list(type = "geometry")), "place", source),
    "`roads[\"place\"]` cannot cross: its geometries cannot be read: it is no valid WKB (row 2).", fixed = TRUE,
    class = "landbridge_value_cannot_cross"
  )
})

test_that("every kind of geometry, number and byte order is followed to its end", {
  skip_if_not_installed("wk")
  texts <- c(
    "POINT (1 2)", "POINT ZM (1 2 3 4)", "LINESTRING M (0 0 1, 1 1 2)", "POLYGON Z ((0 0 1, 4 0 1, 4 4 1, 0 0 1))",
    "MULTIPOINT ((1 2), (3 4))", "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)), ((0 0, 1 0, 1 1, 0 0)))",
    "GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION (LINESTRING Z (0 0 1, 1 1 1)), POLYGON EMPTY)"
  )
  for (endian in 0:1) {
    cells <- unclass(wk::wk_handle(wk::wkt(texts), wk::wkb_writer(endian = endian)))
    for (cell in cells) {
      expect_null(unreadable(cell))
      expect_identical(unreadable(cell[-length(cell)]), no_wkb)
    }
  }
})
