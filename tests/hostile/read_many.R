# Reads packed files one after the other and prints what became of each, as read_many.py does.
# Usage: read_many.R PACK NODE

library(landbridge)
given <- commandArgs(TRUE)
node <- landbridge:::parse_protocol_json(paste(readLines(given[[2]]), collapse = ""))
source <- list(path = identity, arrow = landbridge:::arrow_codec())
node$object <- file.path(tempdir(), "true.arrow")
pack <- file(given[[1]], "rb")
number <- 0
repeat {
  size <- readBin(pack, "integer", 1L, endian = "little")
  if (length(size) == 0) break
  writeBin(readBin(pack, "raw", size), node$object)
  told <- tryCatch(
    paste("read", nrow(landbridge:::decode_value(node, source, TRUE))),
    landbridge_error = function(error) paste("refused", error$message),
    error = function(error) paste("raised", conditionMessage(error))
  )
  cat(as.character(jsonlite::toJSON(list(number, told), auto_unbox = TRUE)), "\n", sep = "")
  number <- number + 1
}
