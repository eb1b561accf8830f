# The R process that runs Python functions for with_python(): folders of calls come as lines on descriptor 4, answers go
# to descriptor 3. It only conducts: Python itself reads and writes the values of a call.
python <- commandArgs(trailingOnly = TRUE)[[1]]
requests <- file("/dev/fd/4", "r", raw = TRUE)
answers <- file("/dev/fd/3", "w", raw = TRUE)

reply <- function(...) {
  writeLines(gsub("[[:cntrl:]]+", " ", paste(...)), answers)
  flush(answers)
}

python_side <- tryCatch({
  reticulate::use_python(python, required = TRUE)
  reticulate::import("landbridge.bridge")
}, error = function(error) {
  reply("failed", conditionMessage(error))
  quit("no", status = 1L)
})
reply("started", Sys.getpid())

while (length(folder <- readLines(requests, n = 1L, encoding = "UTF-8")) > 0) {
  python_side$answer(folder)
  reply("done", folder)
}
