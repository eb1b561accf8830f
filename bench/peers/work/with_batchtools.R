# batchtools: an R process for each job, its state in a registry on disk.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
options(batchtools.verbose = FALSE, batchtools.progress = FALSE)
# A registry takes one set of jobs, so each call has one of its own.
many <- function(values) {
  registry <- batchtools::makeRegistry(file.dir = tempfile("registry", getwd()), conf.file = NA, seed = 1)
  registry$cluster.functions <- batchtools::makeClusterFunctionsMulticore(parallel::detectCores())
  ids <- batchtools::batchMap(same, value = values, reg = registry)
  batchtools::submitJobs(ids, reg = registry)
  batchtools::waitForJobs(ids, sleep = 0.01, reg = registry)
  batchtools::reduceResultsList(ids, reg = registry)
}
serve(function(value) many(list(value))[[1]], many)
