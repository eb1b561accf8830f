png_size <- function(file) {
  bytes <- readBin(file, "raw", 24)
  expect_identical(bytes[1:8], as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)))
  c(strtoi(paste(bytes[17:20], collapse = ""), 16L), strtoi(paste(bytes[21:24], collapse = ""), 16L))
}

summary_node <- function(x, store = local_store()) {
  parse_protocol_json(protocol_json(encode_value(x, store)))$summary
}

recorded <- function() {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  grDevices::dev.control("enable")
  graphics::plot(1:10)
  grDevices::recordPlot()
}

test_that("a linear model tells its formula, size, coefficients and fit", {
  model <- stats::lm(mpg ~ wt, mtcars)
  facts <- summary_node(model)$facts
  expect_identical(facts$formula, "mpg ~ wt")
  expect_equal(facts$n, 32)
  expect_equal(unlist(facts$coefficients), stats::coef(model))
  expect_equal(facts$r.squared, summary(model)$r.squared)
  expect_equal(facts$aic, stats::AIC(model))
  aliased <- summary_node(stats::lm(mpg ~ wt + I(2 * wt), mtcars))$facts
  expect_identical(aliased$coefficients[["I(2 * wt)"]], "NA")
})

test_that("a generalized model tells its family and no r.squared", {
  facts <- summary_node(stats::glm(am ~ wt, stats::binomial(), mtcars))$facts
  expect_identical(facts$family, "binomial")
  expect_false("r.squared" %in% names(facts))
})

test_that("other objects tell class, length and size", {
  facts <- summary_node(structure(list(1, 2, 3), class = c("mine", "yours")))$facts
  expect_identical(facts$class, list("mine", "yours"))
  expect_equal(facts$length, 3)
  expect_gt(facts$bytes, 0)
})

test_that("facts stay small and a broken class only loses some", {
  wide <- stats::lm(y ~ ., data.frame(y = rnorm(80), matrix(rnorm(80 * 50), 80)))
  facts <- native_facts(wide)
  expect_length(facts$coefficients, 30)
  expect_lte(nchar(protocol_json(facts), "bytes"), 4000)
  broken <- structure(list(), class = "lm")
  facts <- native_facts(broken)
  expect_false("coefficients" %in% names(facts))
  long <- structure(1, class = strrep("x", 1e5))
  expect_identical(nchar(native_facts(long)$class[[1]]), 200L)
})

test_that("a plot is drawn apart from the user's devices and random numbers", {
  skip_if_not(capabilities("png"))
  plot <- recorded()
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  before <- list(grDevices::dev.cur(), grDevices::dev.list())
  set.seed(1)
  expected <- stats::runif(1)
  set.seed(1)
  store <- local_store()
  summary <- summary_node(plot, store)
  expect_identical(stats::runif(1), expected)
  expect_identical(list(grDevices::dev.cur(), grDevices::dev.list()), before)
  expect_identical(png_size(store$path(summary$picture)), c(800L, 500L))
})

test_that("a lattice plot has a picture", {
  skip_if_not(capabilities("png"))
  skip_if_not_installed("lattice")
  store <- local_store()
  summary <- summary_node(lattice::xyplot(mpg ~ wt, mtcars), store)
  expect_identical(png_size(store$path(summary$picture)), c(800L, 500L))
})

test_that("a ggplot tells labels, layers and rows, and has a picture", {
  skip_if_not(capabilities("png"))
  skip_if_not_installed("ggplot2")
  store <- local_store()
  plot <- ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point() + ggplot2::labs(title = "Cars")
  summary <- summary_node(plot, store)
  expect_identical(summary$facts$labels$title, "Cars")
  expect_match(unlist(summary$facts$layers), "GeomPoint")
  expect_equal(summary$facts$rows, 32)
  expect_identical(png_size(store$path(summary$picture)), c(800L, 500L))
})

test_that("a plot that cannot be drawn has no picture and leaves no device", {
  before <- grDevices::dev.list()
  store <- local_store()
  summary <- summary_node(structure(list(), class = "trellis"), store)
  expect_null(summary$picture)
  expect_identical(grDevices::dev.list(), before)
})

test_that("the random stream stays untouched when there was none", {
  withr::local_preserve_seed()
  suppressWarnings(rm(".Random.seed", envir = globalenv()))
  registerS3method("print", "landbridge_dice", function(x, ...) cat(stats::runif(1)))
  encode_value(structure(list(), class = "landbridge_dice"), local_store())
  expect_false(exists(".Random.seed", envir = globalenv(), inherits = FALSE))
})
