# parallel: a cluster of R processes on this machine, kept.
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "turns.R"))
cluster <- parallel::makePSOCKcluster(parallel::detectCores())
serve(
  function(value) parallel::clusterCall(cluster[1], same, value)[[1]],
  function(values) parallel::parLapply(cluster, values, same)
)
parallel::stopCluster(cluster)
