# future: background R processes, kept.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
future::plan(future::multisession, workers = parallel::detectCores())
begin <- function(value) future::future(same(value), globals = list(same = same, value = value))
serve(function(value) future::value(begin(value)), function(values) future::value(lapply(values, begin)))
future::plan(future::sequential)
