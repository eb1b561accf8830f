# What can be told of an object that only R can open: text, a few facts, and a picture where its class draws one.
# All of it runs methods of the object's class: an error gives less summary, and never fails the job.

drawn_classes <- c("ggplot", "gg", "gtable", "grob", "trellis", "recordedplot", "htmlwidget", "shiny.appobj", "gt_tbl")

most_facts <- 30
most_fact_bytes <- 4000
most_picture <- 1024^2

#' The summary of a native node: `text`, `facts` and, where there is one, `picture`.
#' @noRd
native_summary <- function(x, sink) {
  with_random_kept({
    found <- list(text = native_text(x), facts = native_facts(x))
    picture <- tryCatch(native_picture(x, sink), error = function(error) NULL)
    c(found, if (!is.null(picture)) list(picture = picture))
  })
}

#' Evaluate `expr`, and leave the random stream as it was.
#' @noRd
with_random_kept <- function(expr) {
  global <- globalenv()
  seed <- get0(".Random.seed", envir = global, inherits = FALSE)
  on.exit({
    if (!is.null(seed)) {
      assign(".Random.seed", seed, envir = global)
    } else if (exists(".Random.seed", envir = global, inherits = FALSE)) {
      rm(".Random.seed", envir = global)
    }
  })
  expr
}

#' What print() says of the object, capped; str() for objects whose print() draws.
#' @noRd
native_text <- function(x) {
  old <- options(max.print = 200, width = 80, cli.num_colors = 1)
  on.exit(options(old))
  show <- if (inherits(x, drawn_classes) || is.environment(x) && is.null(oldClass(x))) {
    function() utils::str(x, max.level = 1, give.attr = FALSE, list.len = 20)
  } else {
    function() print(x)
  }
  lines <- tryCatch(
    suppressWarnings(suppressMessages(utils::capture.output(show()))),
    error = function(error) paste0("<", paste(class(x), collapse = "/"), ">")
  )
  if (length(lines) > 40) lines <- c(lines[1:40], "...")
  lines <- iconv(lines, "UTF-8", "UTF-8", sub = "?")
  substr(paste(lines, collapse = "\n"), 1, 4000)
}

#' At most 30 facts in at most 4 kB: scalars, short lists, and numbers by name.
#' @noRd
native_facts <- function(x) {
  facts <- if (inherits(x, "lm")) {
    model_facts(x)
  } else if (inherits(x, "ggplot")) {
    ggplot_facts(x)
  } else {
    list(
      class = function() as.list(class(x)), length = function() length(unclass(x)),
      bytes = function() as.numeric(utils::object.size(x))
    )
  }
  kept <- list()
  for (name in names(facts)) {
    value <- tryCatch(suppressWarnings(suppressMessages(plain_fact(facts[[name]]()))), error = function(error) NULL)
    if (is.null(value)) next
    more <- c(kept, stats::setNames(list(value), name))
    if (nchar(protocol_json(more), "bytes") <= most_fact_bytes) kept <- more
  }
  if (length(kept)) kept
}

model_facts <- function(x) {
  binomial_or_other <- inherits(x, "glm")
  list(
    formula = function() paste(deparse(stats::formula(x), width.cutoff = 200L), collapse = " "),
    n = function() stats::nobs(x),
    coefficients = function() as.list(stats::coef(x)),
    r.squared = function() if (!binomial_or_other) summary(x)$r.squared,
    aic = function() stats::AIC(x),
    family = function() if (binomial_or_other) x$family$family
  )
}

ggplot_facts <- function(x) {
  list(
    labels = function() Filter(is.character, unclass(x$labels)),
    layers = function() vapply(x$layers, function(layer) class(layer$geom)[[1]], ""),
    rows = function() if (is.data.frame(x$data)) nrow(x$data)
  )
}

#' A fact as JSON can hold it, or NULL: text is cut, and what is no finite number is text.
#' @noRd
plain_fact <- function(value) {
  if (is.list(value) || length(value) > 1) {
    short <- utils::head(as.list(value), most_facts)
    one <- function(item) if (is.atomic(item) && length(item)) plain_fact(item[[1]]) else "..."
    return(if (length(short)) lapply(short, one))
  }
  if (!length(value)) return(NULL)
  if (is.numeric(value)) return(if (is.finite(value)) as.numeric(value) else paste(value))
  if (is.logical(value) && !is.na(value)) return(value)
  substr(iconv(enc2utf8(as.character(value)), "UTF-8", "UTF-8", sub = "?"), 1, 200)
}

#' The reference of a PNG that the object draws of itself, or NULL. Raises what the drawing raises.
#' @noRd
native_picture <- function(x, sink) {
  draw <- picture_drawer(x)
  if (is.null(draw)) return(NULL)
  file <- tempfile("landbridge-picture-", fileext = ".png")
  on.exit(unlink(file))
  draw_apart(file, draw)
  if (!isTRUE(file.size(file) <= most_picture)) return(NULL)
  sink$put("png", function(to) file.copy(file, to, overwrite = TRUE))
}

picture_drawer <- function(x) {
  if (inherits(x, c("ggplot", "trellis"))) return(function() print(x))
  if (inherits(x, "recordedplot")) return(function() grDevices::replayPlot(x))
}

#' Draw onto a device of our own, and leave the user's devices as they were.
#' @noRd
draw_apart <- function(file, draw) {
  before <- grDevices::dev.cur()
  grDevices::png(file, width = 800, height = 500, res = 96)
  ours <- grDevices::dev.cur()
  on.exit({
    if (ours %in% grDevices::dev.list()) grDevices::dev.off(ours)
    if (before %in% grDevices::dev.list()) grDevices::dev.set(before)
  })
  suppressWarnings(suppressMessages(utils::capture.output(draw())))
}
