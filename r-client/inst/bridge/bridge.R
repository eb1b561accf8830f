# The bridge's own R process: requests come as lines on standard input, answers go as marked lines to standard output.
# It only conducts: data passes between R and Python as buffers in files, never through reticulate's conversions.
arguments <- commandArgs(trailingOnly = TRUE)

reply <- function(text) {
  cat("landbridge ", text, "\n", sep = "")
  flush(stdout())
}

as_error <- function(error) {
  sprintf("{\"id\":0,\"error\":%s}", jsonlite::toJSON(conditionMessage(error), auto_unbox = TRUE))
}

python_side <- tryCatch({
  reticulate::use_python(arguments[[1]], required = TRUE)
  reticulate::import_from_path("landbridge_bridge", arguments[[2]])
}, error = function(error) {
  reply(as_error(error))
  quit("no", status = 1L)
})
reply(sprintf("{\"id\":0,\"pid\":%d}", Sys.getpid()))

requests <- file("stdin", "r")
while (length(line <- readLines(requests, n = 1L, encoding = "UTF-8")) > 0) {
  reply(python_side$answer(line))
}
