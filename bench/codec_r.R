# A frame of 20 columns: our encode and decode beside arrow's own write and read of the same frame.
# Prints one JSON object of seconds by contender; runs in the image of R.

suppressMessages({
  library(landbridge)
  library(arrow)
})
options(arrow.use_altrep = FALSE)
samples <- as.integer(commandArgs(TRUE)[[1]])
rows <- as.integer(commandArgs(TRUE)[[2]])
set.seed(1)

make <- function(n, column) stats::setNames(lapply(seq_len(n), function(i) column()), NULL)
columns <- c(
  make(4, function() sample.int(rows, rows, TRUE)),
  make(5, function() stats::rnorm(rows)),
  make(3, function() paste0("id", sample.int(1e5L, rows, TRUE))),
  make(3, function() factor(sample(letters, rows, TRUE), letters)),
  make(2, function() .POSIXct(1.6e9 + sample.int(1e8L, rows, TRUE), tz = "UTC")),
  make(1, function() as.Date("2020-01-01") + sample.int(1000L, rows, TRUE)),
  make(1, function() sample(c(TRUE, FALSE, NA), rows, TRUE)),
  make(1, function() replace(stats::rnorm(rows), sample.int(rows, rows %/% 10L), NA))
)
frame <- structure(columns, names = paste0("column", 1:20), class = "data.frame", row.names = .set_row_names(rows))

ours <- tempfile()
bare <- tempfile()
put <- function(extension, write) {
  unlink(ours)
  write(ours)
  "obj_0000000000000001"
}
codec <- landbridge:::arrow_codec()
there_and_back <- list(
  ours = function() {
    node <- landbridge:::encode_value(frame, list(put = put, arrow = codec))
    landbridge:::decode_value(node, list(path = function(id) ours, arrow = codec))
  },
  bare = function() {
    arrow::write_ipc_file(frame, bare, compression = "uncompressed")
    as.data.frame(arrow::read_ipc_file(bare))
  }
)
stopifnot(identical(there_and_back$ours(), frame))
invisible(there_and_back$bare())

seconds <- list(ours = NULL, bare = NULL)
for (number in seq_len(samples)) {
  for (name in if (number %% 2 == 1) names(seconds) else rev(names(seconds))) {
    invisible(gc(FALSE))
    seconds[[name]] <- c(seconds[[name]], system.time(there_and_back[[name]]())[["elapsed"]])
  }
}
cat(jsonlite::toJSON(seconds, digits = 6))
