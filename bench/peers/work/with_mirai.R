# mirai: daemons, kept.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
invisible(mirai::daemons(parallel::detectCores()))
begin <- function(value) mirai::mirai(same(value), same = same, value = value)
serve(
  function(value) mirai::call_mirai(begin(value))$data,
  function(values) lapply(lapply(values, begin), function(one) mirai::call_mirai(one)$data)
)
invisible(mirai::daemons(0))
