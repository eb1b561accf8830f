# Names of packages as the requirements of the contract: what people write, and what is refused with the way out.

language_names <- c(python = "Python", r = "R")
# What every R has.
r_base <- c(
  "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
  "tcltk", "tools", "utils"
)
most_packages <- 500L
longest_requirement <- 300L
package_word <- "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
package_names <- c(python = package_word, r = "[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")
package_versions <- c(
  python = paste0(
    "(?i)v?(?:\\d+!)?\\d+(?:\\.\\d+)*(?:[._-]?(?:a|b|c|rc|alpha|beta|pre|preview)[._-]?\\d*)?",
    "(?:[._-]?(?:post|rev|r)[._-]?\\d*)?(?:[._-]?dev[._-]?\\d*)?(?:\\+[a-z0-9]+(?:[._-][a-z0-9]+)*)?(?:\\.\\*)?"
  ),
  r = "\\d+(?:[.-]\\d+)*"
)
marker_atom <- paste0(
  "(?:python_version|python_full_version|os_name|sys_platform|platform_release|platform_system|platform_version|",
  "platform_machine|platform_python_implementation|implementation_name|implementation_version|extra|",
  "\"[A-Za-z0-9_.+ *-]*\"|'[A-Za-z0-9_.+ *-]*')"
)
marker_test <- paste0(
  "[( ]*", marker_atom, "\\s*(?:===?|~=|!=|<=|>=|<|>|\\bnot\\s+in\\b|\\bin\\b)\\s*", marker_atom, "[ )]*"
)
requirement_forms <- c(
  python = "Write it as \"polars\", \"polars>=1.0\" or \"polars[numpy]==1.2\".",
  r = "Write it as \"dplyr\", \"dplyr>=1.1.0\" or \"dplyr==1.1.0\"."
)
by_name <- "Packages come by their names from where the gateway gets them."
usual_files <- c(python = "requirements.txt", r = "renv.lock")

matches_whole <- function(text, pattern) grepl(paste0("^(?:", pattern, ")$"), text, perl = TRUE)

#' The requirements of a character vector or list of names, where names of it are packages and values their versions;
#' each once.
#' @noRd
package_requirements <- function(given, language) {
  items <- with_versions(given)
  found <- vapply(items, function(item) {
    tryCatch(package_requirement(item, language), landbridge_unusable = function(problem) {
      message <- sprintf("`packages` cannot name `%s`: it %s.", problem$item, problem$message)
      abort_landbridge("invalid_field", message, problem$hint, list(field = "packages", item = problem$item))
    })
  }, "")
  counted_packages(unique(unname(found)), "`packages`")
}

counted_packages <- function(found, where) {
  if (length(found) == 0) {
    message <- sprintf("%s names no packages.", where)
    abort_landbridge("invalid_field", message, "Leave it out, or name one.", list(field = "packages"))
  }
  if (length(found) > most_packages) {
    message <- sprintf(
      "%s names %s packages, and %d are the most.", where, format(length(found), big.mark = ","), most_packages
    )
    abort_landbridge("invalid_field", message, "Give a lockfile.", list(field = "packages"))
  }
  found
}

#' `c(dplyr = ">= 1.1.0")` as items; a version alone is exact, and "", "*" and NA are any.
#' @noRd
with_versions <- function(given) {
  names <- names(given)
  items <- as.list(given)
  if (is.null(names)) return(unname(items))
  unname(Map(function(name, value) {
    if (!nzchar(name)) return(value)
    if (length(value) != 1 || !is.character(value) && !is.na(value)) return(value)
    plain <- if (is.na(value)) "" else trimws(value)
    if (plain %in% c("", "*")) return(name)
    if (grepl("^[=<>!~(@]", plain)) paste(name, plain) else sprintf("%s ==%s", name, plain)
  }, names, items))
}

#' Signal that an item is no requirement; `reason` goes on after "it" in a sentence.
#' @noRd
abort_unusable <- function(item, reason, hint) {
  stop(structure(
    class = c("landbridge_unusable", "error", "condition"),
    list(message = reason, call = NULL, item = item, hint = hint)
  ))
}

#' One requirement without spaces: `dplyr>=1.1.0` of `dplyr (>= 1.1.0)`, `dplyr==1.1.0` of `dplyr@1.1.0`.
#' @noRd
package_requirement <- function(item, language) {
  form <- requirement_forms[[language]]
  if (!is.character(item) || length(item) != 1 || is.na(item)) {
    abort_unusable(substr(paste(format(item), collapse = " "), 1, 50), "is not text", form)
  }
  text <- trimws(enc2utf8(item), whitespace = "[ \t]")
  refuse_foreign(text, language)
  has_marker <- grepl(";", text, fixed = TRUE)
  head <- trimws(sub(";.*$", "", text))
  parts <- regmatches(head, regexec(sprintf("^(%s)\\s*(\\[[^]]*\\])?\\s*(.*)$", package_word), head, perl = TRUE))[[1]]
  if (length(parts) == 0 || !matches_whole(parts[[2]], package_names[[language]])) {
    abort_unusable(text, sprintf("is no name of a package of %s", language_names[[language]]), form)
  }
  if (language == "r" && parts[[2]] %in% r_base) abort_unusable(text, "comes with R itself", "Leave it out.")
  if (language == "r" && (has_marker || nzchar(parts[[3]]))) {
    what <- if (has_marker) "a marker" else "extras"
    abort_unusable(text, sprintf("has %s, which only packages of Python have", what), form)
  }
  made <- paste0(
    parts[[2]], extras_text(text, parts[[3]]), comparisons_text(text, parts[[4]], language),
    if (has_marker) marker_text(text)
  )
  if (nchar(made) > longest_requirement) {
    abort_unusable(
      paste0(substr(text, 1, 40), "..."), sprintf("is longer than %d characters", longest_requirement), form
    )
  }
  made
}

#' What is no name at all: each kind by what it is.
#' @noRd
refuse_foreign <- function(text, language) {
  form <- requirement_forms[[language]]
  file <- usual_files[[language]]
  by_itself <- sprintf("%s A file of them is given by itself, such as packages = \"%s\".", by_name, file)
  if (!nzchar(text)) abort_unusable(text, "is empty", form)
  if (grepl("://|^(git|hg|svn|bzr)\\+|@\\s*(git|file|https?)\\b", text, perl = TRUE)) {
    abort_unusable(substr(text, 1, 100), "is an address", by_name)
  }
  if (startsWith(text, "-")) abort_unusable(text, "is an option", by_itself)
  path <- "(?i)[/\\\\]|^[.~]|\\.(?:txt|toml|lock|whl|zip|gz|tgz|ya?ml|cfg|ipynb|rmd|qmd)$"
  if (grepl(path, trimws(sub(";.*$", "", text)), perl = TRUE)) {
    abort_unusable(substr(text, 1, 100), "is a path", by_itself)
  }
  odd <- regmatches(text, regexpr("[^A-Za-z0-9._\\[\\](),=<>!~+*@; '\"-]", text, perl = TRUE))
  if (length(odd) > 0) {
    shown <- gsub("^\"|\"$", "", encodeString(odd, quote = "\""))
    abort_unusable(substr(sub("[\r\n].*$", "", text), 1, 100), sprintf("has the character `%s`", shown), form)
  }
}

extras_text <- function(text, extras) {
  names <- trimws(strsplit(gsub("^\\[|\\]$", "", extras), ",", fixed = TRUE)[[1]])
  names <- names[nzchar(names)]
  for (name in names) {
    if (!matches_whole(name, package_word)) {
      abort_unusable(text, sprintf("has `%s` among its extras", name), requirement_forms[["python"]])
    }
  }
  if (length(names) > 0) sprintf("[%s]", paste(names, collapse = ",")) else ""
}

comparisons_text <- function(text, rest, language) {
  rest <- trimws(rest)
  # The name of a version, as npm and renv have it; addresses were refused before.
  if (startsWith(rest, "@")) rest <- paste0("==", trimws(substring(rest, 2)))
  if (grepl("^\\(.*\\)$", rest)) rest <- substr(rest, 2, nchar(rest) - 1)
  found <- trimws(strsplit(rest, ",", fixed = TRUE)[[1]])
  paste(vapply(found[nzchar(found)], comparison_text, "", text = text, language = language), collapse = ",")
}

comparison_text <- function(comparison, text, language) {
  form <- requirement_forms[[language]]
  parts <- regmatches(comparison, regexec("^(==|>=|<=|!=|~=|>|<)\\s*([^\\s=<>!~].*)$", comparison, perl = TRUE))[[1]]
  if (length(parts) == 0) {
    single <- grepl("^=(?!=)", comparison, perl = TRUE)
    reason <- sprintf("has `%s` in the place of a version", comparison)
    abort_unusable(text, if (single) "compares by `=`, which is `==`" else reason, form)
  }
  sign <- parts[[2]]
  version <- parts[[3]]
  if (sign == "~=" && language == "r") abort_unusable(text, "compares by `~=`, which only packages of Python do", form)
  if (sign == "~=" && !grepl(".", version, fixed = TRUE)) abort_unusable(text, sprintf("has `%s`", comparison), form)
  wild <- endsWith(version, ".*") && !sign %in% c("==", "!=")
  if (wild || !matches_whole(version, package_versions[[language]])) {
    abort_unusable(text, sprintf("has `%s` in the place of a version", version), form)
  }
  paste0(sign, version)
}

marker_text <- function(text) {
  plain <- trimws(sub("^[^;]*;", "", text))
  if (!matches_whole(plain, sprintf("%s(?:\\b(?:and|or)\\b%s)*", marker_test, marker_test))) {
    reason <- sprintf("has `%s` in the place of a marker", plain)
    abort_unusable(text, reason, "A marker is such as python_version < \"3.12\".")
  }
  paste0("; ", plain)
}
