# Solve what an R task wants and install it. Runs as root in a build container of the runtime.
#
# Usage: Rscript r_packages.R WORK download|install. `WORK/wanted.json` says what is wanted; `WORK/solved.json` or
# `WORK/failed.json` is left behind. The first step has the network and runs no package's code; the second installs what
# was downloaded, and has none.
#
# At /mnt is what all builds of a runtime share: Debian's lists and the files of its packages. Several may run at once,
# so only the first step uses these, in turn (in_turn.sh). It leaves the files that the second step needs in a folder
# there that is this build's alone.

options(warn = 1)
work <- commandArgs(TRUE)[[1]]
step <- commandArgs(TRUE)[[2]]
lists_are_fresh <- 3600 # seconds
left_for <- 86400 # seconds after which the folder of a build is that of one that died
shared <- "/mnt"
archives <- file.path(shared, "archives")
nearest <- 5
most_unmet <- 10
prefixes <- c("r-cran-", "r-bioc-", "r-other-")
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "r_repository.R"))

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

age <- function(path) as.numeric(difftime(Sys.time(), file.mtime(path), units = "secs"))

make_folder <- function(path) {
  dir.create(path, recursive = TRUE, showWarnings = FALSE)
  path
}

update_lists <- function() {
  stamp <- file.path(shared, "updated")
  if (file.exists(stamp) && age(stamp) < lists_are_fresh) return(TRUE)
  for (folder in file.path(c(file.path(shared, "lists"), archives), "partial")) make_folder(folder)
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

# What is to be installed: `debian` by apt, `sources` by R in this order, what needs others after them.
new_plan <- function(known) {
  plan <- new.env()
  plan$known <- known
  plan$listed <- repository_packages()
  plan$debian <- plan$sources <- character()
  plan$unmet <- list()
  plan
}

# Add what fulfils one requirement: what the runtime has, else what Debian has, else what the repository has.
add_wanted <- function(plan, wanted, found) {
  there <- installed_version(wanted$name)
  if (!is.na(there) && fits(there, wanted)) return(invisible())
  if (!is.null(found) && fits(found$version, wanted)) {
    plan$debian <- c(plan$debian, found$package)
    return(invisible())
  }
  version <- repository_version(wanted, plan$listed)
  if (is.null(version)) {
    plan$unmet <- c(plan$unmet, list(list(wanted = wanted, versions = c(found$version, if (!is.na(there)) there))))
  } else {
    add_source(plan, wanted$name, version)
  }
}

add_source <- function(plan, name, version) {
  file <- fetched(name, version)
  if (is.null(file)) fail(sprintf("%s %s cannot be had from the repository.", name, version), name)
  if (basename(file) %in% plan$sources) return(invisible())
  about <- described(file, name)
  add_all(plan, about$needs)
  if (about$compiled) plan$debian <- c(plan$debian, "r-base-dev")
  plan$sources <- c(plan$sources, basename(file))
}

add_all <- function(plan, packages) {
  wanted <- lapply(packages, parse_requirement)
  found <- candidates(unique(vapply(wanted, `[[`, "", "name")), plan$known)
  for (one in wanted) add_wanted(plan, one, found[[one$name]])
}

# Say of everything at once what cannot be had: a lockfile names dozens of packages.
check_met <- function(plan) {
  if (length(plan$unmet) == 0) return(invisible())
  if (length(plan$unmet) == 1) fail_wanted(plan, plan$unmet[[1]]$wanted, plan$unmet[[1]]$versions)
  told <- vapply(plan$unmet, function(one) {
    versions <- if (length(one$versions)) sprintf(" (there is %s)", paste(one$versions, collapse = ", ")) else ""
    paste0(one$wanted$text, versions)
  }, "")
  more <- if (length(told) > most_unmet) sprintf(" and %d more", length(told) - most_unmet) else ""
  where <- if (nzchar(repository)) "in this Debian or in the repository" else "in this Debian"
  fail(sprintf("These are not %s: %s%s.", where, paste(utils::head(told, most_unmet), collapse = ", "), more))
}

fail_wanted <- function(plan, wanted, versions) {
  where <- if (nzchar(repository)) "in this Debian and in the repository" else "in this Debian"
  current <- if (wanted$name %in% rownames(plan$listed)) plan$listed[[wanted$name, "Version"]]
  versions <- unique(c(versions, current))
  if (length(versions)) fail(sprintf("There is no %s %s.", wanted$text, where), wanted$name, versions)
  known <- c(plan$known, paste0("r-cran-", rownames(plan$listed)))
  fail(sprintf("There is no R package %s %s.", wanted$name, where), wanted$name,
       near = near_names(wanted$name, known), missing = TRUE)
}

# Of an earlier environment: the same again where it can be had, and else what there is.
add_again <- function(plan, one) {
  if (is.null(one$package)) {
    if (identical(installed_version(one$name), one$version)) return(invisible())
    version <- repository_version(parse_requirement(sprintf("%s==%s", one$name, one$version)), plan$listed)
    if (!is.null(version)) add_source(plan, one$name, version)
    return(invisible())
  }
  if (identical(debian_version(one$package), one$debian) || !one$package %in% plan$known) return(invisible())
  exact <- sprintf("%s=%s", one$package, one$debian)
  plan$debian <- c(plan$debian, if (run("apt-cache", "show", exact)$ok) exact else one$package)
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
  plan <- new_plan(run_quietly("apt-cache", "pkgnames", if (length(wanted$solved) == 0) "r-"))
  for (one in wanted$solved) add_again(plan, one)
  if (length(wanted$solved) == 0) add_all(plan, wanted$packages)
  check_met(plan)
  writeLines(plan$sources, file.path(work, "sources.txt"))
  writeLines(names(debian_packages()), file.path(work, "before.txt"))
  files <- if (length(plan$debian)) downloaded(unique(plan$debian))
  writeLines(if (length(files)) kept_apart(files) else character(), file.path(work, "files.txt"))
}

# The files of all packages that come with these, in the shared folder.
downloaded <- function(debian) {
  files <- files_of(debian)
  sizes <- file.size(file.path(archives, names(files)))
  missing <- names(files)[is.na(sizes) | sizes != files]
  if (length(missing)) fetch(missing)
  names(files)
}

# By name and version, as their files have them: to solve everything once more would take half a second.
fetch <- function(files) {
  before <- setwd(archives)
  on.exit(setwd(before))
  unlink(files)
  parts <- strsplit(sub("[.]deb$", "", files), "_", fixed = TRUE)
  exact <- vapply(parts, function(one) {
    sprintf("%s%s=%s", one[[1]], if (one[[3]] == "all") "" else paste0(":", one[[3]]), utils::URLdecode(one[[2]]))
  }, "")
  done <- do.call(run, as.list(c("apt-get", "-q", "download", exact)))
  if (done$ok) return(invisible())
  away <- any(grepl("Failed to fetch|Could not (resolve|connect)|Unable to connect", done$said))
  what <- if (away) "Debian's mirror cannot be reached:" else "The packages cannot be downloaded:"
  fail(paste(what, why(done$said)))
}

# Which files these are, and their sizes: apt names those that it does not find, and here it finds none.
files_of <- function(debian) {
  nothing <- dirname(make_folder("/tmp/nothing/partial"))
  said <- suppressWarnings(system2("apt-get", shQuote(c(
    "-q", "-y", "--no-install-recommends", "--allow-downgrades", "-o", paste0("Dir::Cache::archives=", nothing),
    "--print-uris", "install", debian
  )), stdout = TRUE, stderr = TRUE))
  if (!is.null(attr(said, "status"))) {
    cat(said, sep = "\n")
    fail(paste("The packages cannot be had together:", why(said)))
  }
  found <- regmatches(said, regexec("^'[^']*' ([^ ]+) ([0-9]+) ", said))
  found <- found[lengths(found) > 0]
  stats::setNames(as.numeric(vapply(found, `[[`, "", 3)), vapply(found, `[[`, "", 2))
}

# Another build may change what is shared while this one installs, so it has these files by names of its own: links, or
# copies where there are none. Their numbers will do, and keep the command that installs hundreds short.
kept_apart <- function(files) {
  builds <- make_folder(file.path(shared, "builds"))
  old <- list.files(builds, full.names = TRUE)
  unlink(old[which(age(old) > left_for)], recursive = TRUE)
  own <- make_folder(file.path(builds, readLines("/proc/sys/kernel/random/uuid")))
  from <- file.path(archives, files)
  to <- file.path(own, paste0(seq_along(files), ".deb"))
  linked <- suppressWarnings(file.link(from, to))
  if (!all(linked | file.copy(from, to))) fail("The packages that were downloaded are not all there.")
  to
}

run_quietly <- function(command, ...) system2(command, shQuote(c(...)), stdout = TRUE, stderr = FALSE)

install <- function(wanted) {
  files <- readLines(file.path(work, "files.txt"))
  if (length(files)) install_debian(files)
  for (source in readLines(file.path(work, "sources.txt"))) install_source(source)
  asked <- vapply(as.character(wanted$packages), function(text) parse_requirement(text)$name, "")
  check_loads(asked)
  version <- paste(R.version$major, R.version$minor, sep = ".")
  write_json("solved.json", list(version = version, packages = solved(asked)))
}

install_debian <- function(files) {
  aside <- c(
    paste0("Dir::State::lists=", dirname(make_folder("/tmp/lists/partial"))),
    paste0("Dir::Cache::archives=", dirname(make_folder("/tmp/archives/partial"))),
    "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="
  )
  # What is half written after a power cut is no image yet: there is nothing to sync for.
  options <- rbind("-o", c(aside, "Dpkg::Options::=--force-unsafe-io"))
  done <- do.call(apt, as.list(c("--allow-downgrades", options, "install", files)))
  unlink(dirname(files[[1]]), recursive = TRUE)
  if (!done$ok) fail(paste("The packages could not be installed:", why(done$said)))
}

install_source <- function(source) {
  done <- run("R", "CMD", "INSTALL", "--no-docs", "--no-test-load", file.path(work, "sources", source))
  if (!done$ok) {
    name <- sub("_.*$", "", source)
    fail(sprintf("%s could not be built: %s", name, paste(utils::tail(done$said, 3), collapse = " ")), name)
  }
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
