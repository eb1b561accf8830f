# Installs the R client from its sources into the first library that this user may write to.
folder <- commandArgs(trailingOnly = TRUE)[[1]]
libraries <- c(.libPaths(), Sys.getenv("R_LIBS_USER"))
writable <- function(path) dir.exists(path) && file.access(path, 2) == 0
if (!any(vapply(libraries, writable, NA))) {
  dir.create(Sys.getenv("R_LIBS_USER"), recursive = TRUE)
}
target <- Filter(writable, libraries)[[1]]

# Sources that are installed already need no second time.
stamp <- file.path(target, "landbridge", "sources.md5")
files <- sort(list.files(folder, recursive = TRUE, full.names = TRUE))
digest <- paste(files, tools::md5sum(files))
if (file.exists(stamp) && identical(readLines(stamp), digest)) {
  quit(status = 0)
}
utils::install.packages(folder, lib = target, repos = NULL, type = "source", quiet = TRUE)
if (!requireNamespace("landbridge", lib.loc = target, quietly = TRUE)) {
  stop("The R client could not be installed into ", target)
}
writeLines(digest, stamp)
message("R package landbridge installed into ", target)
