# The content key of a table of four columns beside SHA-256 over as many bytes.
# Prints one JSON object: the bytes of the table, and seconds by contender; runs in the image of R.

suppressMessages({
  library(landbridge)
  library(arrow)
})
samples <- as.integer(commandArgs(TRUE)[[1]])
rows <- as.integer(commandArgs(TRUE)[[2]])
set.seed(1)

gone <- sample.int(rows, rows %/% 10L)
table <- arrow_table(
  double = stats::runif(rows), double_with_missing = replace(stats::runif(rows), gone, NA),
  integer_with_missing = replace(sample.int(rows), gone, NA), text = paste0("id", sample.int(1e5L, rows, TRUE))
)
bytes <- table$nbytes()
data <- as.raw(rep_len(0:255, bytes))
invisible(gc(FALSE))
contenders <- list(ours = function() content_key(table), bare = function() openssl::sha256(data))
stopifnot(identical(contenders$ours(), contenders$ours()))

# system.time() counts in thousandths.
seconds_of <- function(work) {
  start <- Sys.time()
  work()
  as.numeric(Sys.time() - start, units = "secs")
}
told <- list(bytes = bytes, ours = NULL, bare = NULL)
for (number in seq_len(samples)) {
  for (name in if (number %% 2 == 1) names(contenders) else rev(names(contenders))) {
    invisible(gc(FALSE))
    told[[name]] <- c(told[[name]], seconds_of(contenders[[name]]))
  }
}
told$bytes <- I(bytes)
cat(jsonlite::toJSON(told, digits = 6))
