# R's side of the figure P6: `ours` and `hand` on standard input, answered with seconds.

suppressMessages({
  library(landbridge)
  library(arrow)
})
arguments <- commandArgs(TRUE)
folder <- arguments[[1]]
rows <- as.integer(arguments[[2]])
set.seed(1)
frame <- as.data.frame(stats::setNames(lapply(1:10, function(i) stats::rnorm(rows)), paste0("column", 1:10)))
fit <- task(python("def f(df):\n    return df - df.mean()\n", "f"), memory = "8g")

ask <- file(file.path(folder, "ask"), "w", raw = TRUE)
answer <- file(file.path(folder, "answer"), "r", raw = TRUE)
there <- file.path(folder, "there.arrow")
back <- file.path(folder, "back.arrow")
ways <- list(
  ours = function() result(submit(fit, frame)),
  hand = function() {
    write_ipc_file(frame, there, compression = "uncompressed")
    writeLines(paste(there, back), ask)
    flush(ask)
    stopifnot(readLines(answer, 1) == "= done")
    as.data.frame(read_ipc_file(back, mmap = TRUE))
  }
)
stopifnot(readLines(answer, 1) == "= ready")
Sys.umask("000")
input <- file("stdin", "r")
cat("= ready\n")
while (length(line <- readLines(input, 1)) > 0) {
  invisible(gc(FALSE))
  seconds <- system.time(made <- ways[[line]]())[["elapsed"]]
  stopifnot(identical(dim(made), dim(frame)), abs(made[[1]][[1]] - (frame[[1]][[1]] - mean(frame[[1]]))) < 1e-9)
  rm(made)
  unlink(c(there, back))
  cat(sprintf("= %.6f\n", seconds))
}
