# reticulate's own conversion of frames: `<rows>` on standard input, answered with seconds.

library(reticulate)
py_run_string("def f(df):\n    return df - df.mean()\n")
input <- file("stdin", "r")
cat("= ready\n")
while (length(line <- readLines(input, 1)) > 0) {
  rows <- as.integer(line)
  frame <- as.data.frame(stats::setNames(lapply(1:10, function(i) stats::rnorm(rows)), paste0("column", 1:10)))
  seconds <- system.time(made <- py$f(frame))[["elapsed"]]
  stopifnot(identical(dim(made), dim(frame)))
  cat(sprintf("= %.6f\n", seconds))
}
