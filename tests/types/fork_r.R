# Runs in the image: reads job folders from standard input and runs the worker on each in a forked child.

for (package in c("landbridge", "arrow", "tibble", "data.table", "bit64", "hms")) loadNamespace(package)

# The first use of each of arrow's functions is slow: once here, for all children.
local({
  folder <- tempfile()
  dir.create(folder)
  put <- function(extension, write) {
    write(file.path(folder, "warm"))
    "obj_0000000000000000"
  }
  codec <- landbridge:::arrow_codec()
  frame <- data.frame(i = 1L, d = 1.5, s = "a", f = factor("a"), t = .POSIXct(0, "UTC"), day = Sys.Date())
  frame$l <- list(1:2)
  node <- landbridge:::encode_value(frame, list(put = put, arrow = codec))
  path <- function(id) file.path(folder, "warm")
  landbridge:::decode_value(landbridge:::parse_protocol_json(landbridge:::protocol_json(node)), list(path = path, arrow = codec))
})

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
