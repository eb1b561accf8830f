# batchtools: an R process for each job, its state in a registry on disk.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
options(batchtools.verbose = FALSE, batchtools.progress = FALSE)
registry <- batchtools::makeRegistry(file.dir = file.path(getwd(), "registry"), conf.file = NA, seed = 1)
registry$cluster.functions <- batchtools::makeClusterFunctionsMulticore(parallel::detectCores())
many <- function(values) {
  ids <- batchtools::batchMap(same, value = values, reg = registry)
  batchtools::submitJobs(ids, reg = registry)
  batchtools::waitForJobs(ids, sleep = 0.01, reg = registry)
  batchtools::reduceResultsList(ids, reg = registry)
}
serve(function(value) many(list(value))[[1]], many)
