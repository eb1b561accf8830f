# callr: an R process for each call.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
call <- function(value) callr::r(same, list(value))
serve(call, function(values) lapply(values, call))
