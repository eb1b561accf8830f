# Runs in the image: reads job folders from standard input and runs the worker on each in a forked child.

for (package in c("landbridge", "arrow", "tibble", "data.table", "bit64", "hms")) loadNamespace(package)

run <- function(folder) {
  child <- parallel:::mcfork()
  if (inherits(child, "masterProcess")) {
    # The parent's is gone, so the child gets one of its own, and its end removes no one else's.
    tempdir(check = TRUE)
    landbridge:::worker(folder)
  }
  # The child's end is seen from its pipe; its exit status is not to be had from R.
  while (is.raw(parallel:::readChild(child))) NULL
  out <- file.path(folder, "out", c("result.json", "error.json"))
  if (any(file.exists(out))) 0L else 1L
}

unlink(tempdir(), recursive = TRUE)
input <- file("stdin", "r")
while (length(folder <- readLines(input, n = 1)) == 1) {
  code <- run(folder)
  cat(sprintf("\nended %s %d\n", folder, code))
  flush(stdout())
}
