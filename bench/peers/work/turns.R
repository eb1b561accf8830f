# The peer's end of the line: reads what to do, does it, answers the milliseconds that it took.

same <- function(value) value

made_frame <- function(rows) {
  set.seed(1)
  as.data.frame(lapply(stats::setNames(seq_len(10), paste0("column", 0:9)), function(number) stats::rnorm(rows)))
}

answer <- function(text) {
  cat("\n= ", text, "\n", sep = "")
  flush(stdout())
}

# `call` gives the result for one value, `many` the list of results for a list of values; both through the peer.
serve <- function(call, many) {
  input <- file("stdin", "r")
  on.exit(close(input))
  answer("ready")
  while (length(line <- readLines(input, 1))) {
    said <- strsplit(line, " ", fixed = TRUE)[[1]]
    number <- as.integer(said[2])
    value <- switch(said[1], many = as.list(seq_len(number)), frame = made_frame(number), 1)
    work <- if (said[1] == "many") many else call
    clock <- Sys.time()
    result <- work(value)
    taken <- as.numeric(difftime(Sys.time(), clock, units = "secs"))
    stopifnot(identical(result, value))
    answer(format(1000 * taken, digits = 10))
  }
}
