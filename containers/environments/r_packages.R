# Solve what an R task wants and install it. Runs as root in a build container of the runtime.
#
# Usage: Rscript r_packages.R WORK download|install. `WORK/wanted.json` says what is wanted; `WORK/solved.json` or
# `WORK/failed.json` is left behind. The first step has the network and runs no package's code; the second installs what
# was downloaded, and has none.

options(warn = 1)
work <- commandArgs(TRUE)[[1]]
step <- commandArgs(TRUE)[[2]]
lists_are_fresh <- 3600 # seconds
nearest <- 5
prefixes <- c("r-cran-", "r-bioc-", "r-other-")

write_json <- function(name, x) {
  writeLines(jsonlite::toJSON(x, auto_unbox = TRUE), file.path(work, name))
}

fail <- function(message, package = "", versions = character(), near = character(), missing = FALSE) {
  write_json("failed.json", list(
    message = message, package = package, versions = I(versions), near = I(near), missing = missing
  ))
  quit(status = 3)
}

run <- function(command, ...) {
  said <- suppressWarnings(system2(command, shQuote(c(...)), stdout = TRUE, stderr = TRUE))
  cat(said, sep = "\n")
  list(ok = is.null(attr(said, "status")), said = as.character(said))
}

apt <- function(...) run("apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", ...)

why <- function(said) {
  told <- grep("^(E:|dpkg: error)|Depends:|No space left", said, value = TRUE)
  paste(sub("^E: ", "", if (length(told)) told else utils::tail(said, 3)), collapse = " ")
}

update_lists <- function() {
  stamp <- "/mnt/updated"
  if (file.exists(stamp) && difftime(Sys.time(), file.mtime(stamp), units = "secs") < lists_are_fresh) return(TRUE)
  for (folder in c("/mnt/lists/partial", "/mnt/archives/partial")) {
    dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  }
  updated <- apt("-o", "APT::Update::Error-Mode=any", "update")
  if (!updated$ok) fail(paste("The list of Debian's packages cannot be had:", why(updated$said)))
  file.create(stamp)
}

# R's version of a Debian version: without its epoch, its revision, and what Debian took out or added.
upstream <- function(debian) {
  sub("[+~]?(dfsg|ds|git|really|repack)[^-]*$", "", sub("-[^-]*$", "", sub("^[0-9]+:", "", debian)))
}

parse_requirement <- function(text) {
  name <- regmatches(text, regexpr("^[A-Za-z0-9.]+", text))
  bounds <- strsplit(substring(text, nchar(name) + 1), ",", fixed = TRUE)[[1]]
  sign <- sub("[0-9].*$", "", bounds)
  list(name = name, sign = sign, version = substring(bounds, nchar(sign) + 1), text = text)
}

fits <- function(version, wanted) {
  compared <- vapply(wanted$version, function(bound) utils::compareVersion(version, bound), 0)
  all(mapply(function(sign, way) {
    switch(sign, `==` = way == 0, `!=` = way != 0, `>=` = way >= 0, `<=` = way <= 0, `>` = way > 0, `<` = way < 0)
  }, wanted$sign, compared))
}

installed_version <- function(name) {
  tryCatch(as.character(utils::packageDescription(name, fields = "Version")), warning = function(w) NA_character_)
}

# Debian's packages of R packages, their versions and R's, by the names given; those that are there.
candidates <- function(names, known) {
  debian <- lapply(names, function(name) intersect(paste0(prefixes, tolower(name)), known))
  there <- lengths(debian) > 0
  debian <- vapply(debian[there], `[[`, "", 1)
  if (length(debian) == 0) return(list())
  policy <- do.call(run_quietly, as.list(c("apt-cache", "policy", debian)))
  heads <- sub(":$", "", grep("^[a-z0-9]", policy, value = TRUE))
  versions <- trimws(sub("^.*Candidate:", "", grep("^  Candidate:", policy, value = TRUE)))
  version <- versions[match(debian, heads)]
  stats::setNames(Map(function(package, debian) {
    list(package = package, version = upstream(debian))
  }, debian, version), names[there])
}

near_names <- function(name, known) {
  names <- unique(sub("^r-(cran|bioc|other)-", "", grep("^r-(cran|bioc|other)-", known, value = TRUE)))
  distance <- utils::adist(tolower(name), names)[1, ]
  utils::head(names[order(distance)][sort(distance) <= max(1, nchar(name) %/% 3)], nearest)
}

# What apt is to install for one requirement; nothing where the runtime has what fits.
wanted_of <- function(wanted, found, known) {
  there <- installed_version(wanted$name)
  if (!is.na(there) && fits(there, wanted)) return(NULL)
  if (is.null(found)) {
    if (!is.na(there)) fail(sprintf("There is no %s here, only %s.", wanted$text, there), wanted$name, there)
    fail(sprintf("There is no R package %s in this Debian.", wanted$name), wanted$name,
         near = near_names(wanted$name, known), missing = TRUE)
  }
  if (!fits(found$version, wanted)) {
    fail(sprintf("There is no %s in this Debian.", wanted$text), wanted$name, found$version)
  }
  found$package
}

chosen_of <- function(packages, known) {
  wanted <- lapply(packages, parse_requirement)
  found <- candidates(unique(vapply(wanted, `[[`, "", "name")), known)
  lapply(wanted, function(one) wanted_of(one, found[[one$name]], known))
}

# Of an earlier environment: the same again where it can be had, and else what there is.
again_of <- function(one, known) {
  if (!is.null(one$debian) && identical(debian_version(one$package), one$debian)) return(NULL)
  if (is.null(one$package) || !one$package %in% known) return(NULL)
  exact <- sprintf("%s=%s", one$package, one$debian)
  if (run("apt-cache", "show", exact)$ok) exact else one$package
}

debian_version <- function(package) {
  told <- suppressWarnings(system2(
    "dpkg-query", c("-W", "-f", shQuote("${Version}"), package), stdout = TRUE, stderr = FALSE
  ))
  if (length(told) == 1) told else NA_character_
}

debian_packages <- function() {
  told <- system2("dpkg-query", c("-W", "-f", shQuote("${Package} ${Version} ${db:Status-Status}\\n")), stdout = TRUE)
  parts <- strsplit(told[endsWith(told, " installed")], " ", fixed = TRUE)
  stats::setNames(vapply(parts, `[[`, "", 2), vapply(parts, `[[`, "", 1))
}

download <- function(wanted) {
  update_lists()
  known <- run_quietly("apt-cache", "pkgnames", "r-")
  chosen <- if (length(wanted$solved)) {
    lapply(wanted$solved, again_of, known)
  } else {
    chosen_of(wanted$packages, known)
  }
  chosen <- unique(unlist(chosen))
  writeLines(as.character(chosen), file.path(work, "chosen.txt"))
  writeLines(names(debian_packages()), file.path(work, "before.txt"))
  if (length(chosen) == 0) return()
  done <- do.call(apt, as.list(c("--allow-downgrades", "--download-only", "install", chosen)))
  if (done$ok) return()
  away <- any(grepl("Failed to fetch|Could not (resolve|connect)|Unable to connect", done$said))
  what <- if (away) "Debian's mirror cannot be reached:" else "The packages cannot be had together:"
  fail(paste(what, why(done$said)))
}

run_quietly <- function(command, ...) system2(command, shQuote(c(...)), stdout = TRUE, stderr = FALSE)

install <- function(wanted) {
  chosen <- readLines(file.path(work, "chosen.txt"))
  if (length(chosen)) {
    # What is half written after a power cut is no image yet: there is nothing to sync for.
    done <- do.call(apt, as.list(c(
      "--allow-downgrades", "--no-download", "-o", "Dpkg::Options::=--force-unsafe-io", "install", chosen
    )))
    if (!done$ok) fail(paste("The packages could not be installed:", why(done$said)))
  }
  asked <- vapply(as.character(wanted$packages), function(text) parse_requirement(text)$name, "")
  check_loads(asked)
  version <- paste(R.version$major, R.version$minor, sep = ".")
  write_json("solved.json", list(version = version, packages = solved(asked)))
}

check_loads <- function(names) {
  if (length(names) == 0) return()
  # In a process of its own: what a package does when it is loaded must not reach what is written down here.
  program <- paste0(
    "for (name in commandArgs(TRUE)) tryCatch(suppressMessages(loadNamespace(name)), error = function(error) {",
    " cat(name, conditionMessage(error), sep = \"\\n\"); quit(status = 1) })"
  )
  loaded <- run("Rscript", "--vanilla", "-e", program, names)
  if (!loaded$ok) {
    name <- loaded$said[loaded$said %in% names][1]
    why <- paste(utils::tail(loaded$said, 2), collapse = " ")
    fail(sprintf("%s was installed and cannot be loaded: %s", name, why), name)
  }
}

# The R packages, and what came with them that is not of R, with Debian's names and versions.
solved <- function(asked) {
  debian <- debian_packages()
  listed <- utils::installed.packages(fields = "Version")[, c("Package", "Version", "Priority"), drop = FALSE]
  listed <- listed[!listed[, "Priority"] %in% "base" & listed[, "Package"] != "landbridge", , drop = FALSE]
  listed <- listed[order(listed[, "Package"]), , drop = FALSE]
  packages <- lapply(seq_len(nrow(listed)), function(i) {
    package <- intersect(paste0(prefixes, tolower(listed[i, "Package"])), names(debian))
    one <- list(name = listed[[i, "Package"]], version = listed[[i, "Version"]])
    if (length(package)) one <- c(one, list(package = package[[1]], debian = debian[[package[[1]]]]))
    if (one$name %in% asked) one$asked <- TRUE
    one
  })
  more <- setdiff(names(debian), c(readLines(file.path(work, "before.txt")), vapply(packages, function(one) {
    if (is.null(one$package)) "" else one$package
  }, "")))
  c(packages, lapply(sort(more), function(name) {
    list(name = name, version = debian[[name]], package = name, debian = debian[[name]], system = TRUE)
  }))
}

wanted <- jsonlite::fromJSON(file.path(work, "wanted.json"), simplifyVector = FALSE)
if (step == "download") download(wanted) else install(wanted)
