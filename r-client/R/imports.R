# packages = "auto": the packages that code uses, of R at the versions that are installed here.

#' The requirements of a task's function node, in the order in which they stand there.
#'
#' Of R each is bound from below by the version that is installed here, as a Debian release has one version of each.
#' Base packages and landbridge are left out. Of Python, which is the other language, the names stand alone.
#' @noRd
imported_packages <- function(language, node) {
  found <- if (language == "r") {
    names <- setdiff(used_packages(node, text_packages), c(r_base, "landbridge"))
    vapply(names, installed_bound, "")
  } else {
    modules <- sub("[.].*$", "", used_packages(node, text_modules))
    distributions_of(modules, node$file)
  }
  found <- unique(unname(as.character(found)))
  if (length(found) > 0) counted_packages(found, "packages = \"auto\"") else found
}

#' What a function node and the sources in it use.
#'
#' @param read what the packages of a source text are found by
#' @noRd
used_packages <- function(node, read) {
  if (node$type == "reference") return(node$package)
  inside <- lapply(node$free, function(free) {
    if (!is.null(free[["import"]])) return(free[["import"]]$module)
    if (!is.null(free$source)) return(used_packages(free$source, read))
    packages_of_value(free$value)
  })
  unique(c(unlist(node$packages), read(node$text), unlist(inside)))
}

#' The packages of Python whose classes a captured value has: a pickle is loaded by them.
#' @noRd
packages_of_value <- function(node) {
  if (identical(node$kind, "native") && identical(node$language, "python")) return(unlist(node$packages))
  unlist(lapply(node$items, function(item) packages_of_value(item[[2]])))
}

installed_bound <- function(package) {
  version <- suppressWarnings(utils::packageDescription(package, fields = "Version"))
  if (!is_text(version)) {
    hint <- "Install it here, or name the packages: packages = c(\"dplyr\", ...)."
    message <- sprintf("packages = \"auto\" cannot take `%s`: it is not installed here.", package)
    abort_landbridge("invalid_field", message, hint, list(field = "packages", module = package))
  }
  paste0(package, ">=", version)
}

# R

#' What a text of R names in library(), require(), requireNamespace(), loadNamespace() and `::`.
#' @noRd
text_packages <- function(text) {
  found <- character()
  look <- function(code) {
    if (!is.call(code)) {
      # Formals and what was quoted hold code as well.
      if (is.pairlist(code) || is.expression(code)) lapply(as.list(code), look_at)
      return(invisible())
    }
    head <- if (is.name(code[[1]])) as.character(code[[1]]) else ""
    if (head %in% c("::", ":::")) {
      found <<- c(found, as.character(code[[2]]))
      return(invisible())
    }
    if (head %in% c(attaching, loading)) found <<- c(found, named_package(code, head %in% attaching))
    lapply(as.list(code), look_at)
  }
  look_at <- function(part) if (!missing(part)) look(part)
  look(parse(text = text, keep.source = FALSE, encoding = "UTF-8"))
  unique(found)
}

attaching <- c("library", "require")
loading <- c("requireNamespace", "loadNamespace")

#' The package of `library(dplyr)` or `library("dplyr")`; NULL where a variable names it.
#' @noRd
named_package <- function(call, bare) {
  given <- as.list(call)[-1]
  names <- names(given)
  if ("character.only" %in% names) bare <- FALSE
  package <- if ("package" %in% names) given$package else if (length(given) > 0) given[[1]]
  if (is.character(package)) package else if (bare && is.name(package)) as.character(package)
}

# Python

#' The modules that a text of Python imports, without those that only type checkers read.
#' @noRd
text_modules <- function(text) {
  lines <- file_lines(python_code(text))
  lines <- lines[!below_type_checking(lines)]
  code <- paste(lines, collapse = "\n")
  start <- "(?:^|[:;\n])[ \t]*"
  from <- gregexpr(paste0(start, "from[ \t]+[A-Za-z_][\\w.]*[ \t]+import\\b"), code, perl = TRUE)
  plain <- gregexpr(paste0(start, "import[ \t]+[^;\n]+"), code, perl = TRUE)
  places <- c(from[[1]], plain[[1]])
  words <- c(regmatches(code, from)[[1]], regmatches(code, plain)[[1]])
  words <- words[order(places[places > 0])]
  modules <- lapply(words, function(statement) {
    statement <- sub("^[:;\n]?[ \t]*", "", statement, perl = TRUE)
    if (startsWith(statement, "from")) return(sub("^from[ \t]+([\\w.]+).*$", "\\1", statement, perl = TRUE))
    sub("^([\\w.]+).*$", "\\1", trimws(strsplit(sub("^import", "", statement), ",", fixed = TRUE)[[1]]), perl = TRUE)
  })
  unique(as.character(unlist(modules)))
}

#' The text with empty strings, without comments, and with each statement on one line where a backslash broke it.
#' @noRd
python_code <- function(text) {
  # Loops give nothing back, because a long text would else take more of the matcher's stack than there is.
  strings <- paste(
    "(?s)#[^\n]*+", "\"\"\"(?:[^\"\\\\]++|\\\\.|\"{1,2}+(?!\"))*+\"\"\"",
    "'''(?:[^'\\\\]++|\\\\.|'{1,2}+(?!'))*+'''",
    "\"(?:[^\"\\\\\n]++|\\\\.)*+\"", "'(?:[^'\\\\\n]++|\\\\.)*+'", sep = "|"
  )
  # A comment becomes nothing and a string an empty one: neither can begin a statement.
  without <- gsub(strings, "''", gsub("\r\n?", "\n", text), perl = TRUE)
  gsub("\\\\\n[ \t]*", " ", without)
}

below_type_checking <- function(lines) {
  indent <- nchar(sub("^([ \t]*).*$", "\\1", lines))
  blank <- !nzchar(trimws(lines))
  heads <- grep("^[ \t]*if[ \t]+([A-Za-z_]+[.])?TYPE_CHECKING[ \t]*:", lines)
  below <- rep(FALSE, length(lines))
  for (head in heads) {
    after <- seq_along(lines) > head
    end <- which(after & !blank & indent <= indent[[head]])
    below <- below | after & seq_along(lines) < c(end, length(lines) + 1L)[[1]]
  }
  below
}

#' The distributions of modules, but of those that every Python and every job has, and of files beside the code.
#' @noRd
distributions_of <- function(modules, file) {
  beside <- if (is.null(file)) "." else dirname(file)
  own <- file.exists(file.path(beside, paste0(modules, ".py"))) |
    file.exists(file.path(beside, modules, "__init__.py"))
  kept <- setdiff(modules[!own], c(python_standard, "landbridge"))
  known <- kept %in% names(python_distributions)
  kept[known] <- python_distributions[kept[known]]
  kept
}
