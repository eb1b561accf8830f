# R packages that Debian does not have, or not at the version that is wanted: as source from a repository like CRAN,
# whose address is a setting of the gateway. Downloading runs no package's code; what is needed by what is found here is
# looked for in the runtime, in Debian and here, in this order.

repository <- sub("/+$", "", Sys.getenv("LANDBRIDGE_CRAN"))

# The packages of the repository at their current versions; a matrix without rows where no repository is set.
repository_packages <- function() {
  if (!nzchar(repository)) return(matrix(character(), 0, 1, dimnames = list(NULL, "Version")))
  away <- function(told) {
    fail(paste("The repository of R packages cannot be reached:", sub("^.*: ", "", conditionMessage(told))))
  }
  withCallingHandlers(
    utils::available.packages(utils::contrib.url(repository, "source"), filters = "duplicates"),
    error = away,
    warning = function(told) {
      # It has its index in one of three forms, and the others are missed with a warning.
      if (grepl("unable to access index", conditionMessage(told))) away(told)
      invokeRestart("muffleWarning")
    }
  )
}

# The version to have of a package: the current one where that fits, else the one that is wanted exactly; NULL for none.
repository_version <- function(wanted, listed) {
  if (!nzchar(repository)) return(NULL)
  current <- if (wanted$name %in% rownames(listed)) listed[[wanted$name, "Version"]]
  if (!is.null(current) && fits(current, wanted)) return(current)
  exact <- wanted$version[wanted$sign == "=="]
  if (length(exact) && !is.null(fetched(wanted$name, exact[[1]]))) exact[[1]]
}

# The file of a package at a version, current or from the archive; NULL where there is none.
fetched <- function(name, version) {
  file <- file.path(work, "sources", sprintf("%s_%s.tar.gz", name, version))
  dir.create(dirname(file), showWarnings = FALSE)
  places <- paste0(repository, "/src/contrib/", c("", sprintf("Archive/%s/", name)), basename(file))
  for (place in places) {
    if (file.exists(file)) return(file)
    got <- tryCatch(
      utils::download.file(place, file, mode = "wb", quiet = TRUE),
      error = function(e) 1, warning = function(w) 1
    )
    if (got != 0) unlink(file)
  }
  if (file.exists(file)) file
}

# What a source package needs, as requirements, and whether it is compiled.
described <- function(file, name) {
  folder <- tempfile()
  utils::untar(file, file.path(name, "DESCRIPTION"), exdir = folder)
  told <- read.dcf(file.path(folder, name, "DESCRIPTION"))[1, ]
  fields <- intersect(c("Depends", "Imports", "LinkingTo"), names(told))
  needs <- trimws(unlist(strsplit(told[fields], ",", fixed = TRUE)))
  needs <- gsub("[()[:space:]]", "", needs)
  names <- sub("[<>=!].*$", "", needs)
  list(
    needs = needs[nzchar(needs) & !names %in% c("R", rownames(utils::installed.packages(priority = "base")))],
    compiled = identical(unname(told["NeedsCompilation"]), "yes")
  )
}
