# The R client of the figure P7: `up <path>` and `down <object>` on standard input, answered with seconds and the id.

suppressMessages(library(landbridge))
client <- landbridge:::current_client()
invisible(landbridge:::ask_gateway(client, "GET", ""))
input <- file("stdin", "r")
cat("= ready\n")
while (length(line <- readLines(input, 1)) > 0) {
  what <- strsplit(line, " ")[[1]]
  id <- what[[2]]
  seconds <- system.time(if (what[[1]] == "up") {
    id <- landbridge:::upload_object(client, what[[2]], "file")
  } else {
    path <- landbridge:::downloaded_path(client, id)
  })[["elapsed"]]
  if (what[[1]] == "down") {
    unlink(path)
    rm(list = id, envir = client$objects)
  }
  cat(sprintf("= %.6f %s\n", seconds, id))
}
