# Files that name packages, of either language: what they say, or which line or key of them cannot be used.

largest_lockfile <- 5e6
largest_project <- 1e6
package_files <- c(
  python = "requirements.txt, pyproject.toml, uv.lock, or a script with a block `# /// script`",
  r = "renv.lock or DESCRIPTION"
)
elsewhere <- c("url", "git", "path", "index", "workspace", "directory", "editable", "virtual")
leave_out <- "Packages come by their names from where the gateway gets them: leave it out."

#' Is this the path of a file, rather than the name of a package? Addresses and options are neither.
#' @noRd
is_file_name <- function(text) {
  plain <- trimws(text)
  if (grepl("://|^-|[@\\s;]", plain, perl = TRUE) && !file.exists(text)) return(FALSE)
  basename(plain) == "DESCRIPTION" || grepl("[^/.][.](txt|toml|lock|py|r)$", plain, ignore.case = TRUE)
}

abort_file <- function(path, reason, hint = NULL) {
  message <- sprintf("`%s` cannot be used: %s.", path, reason)
  abort_landbridge("invalid_field", message, hint, list(field = "packages", file = path))
}

#' What a file says, for a task of the language.
#' @noRd
read_packages <- function(path, language) {
  kind <- file_kind(path)
  if (is.na(kind)) {
    known <- sprintf("There are: %s.", paste(package_files, collapse = "; "))
    abort_file(path, "it is no file of packages that is known here", known)
  }
  text <- package_file_text(path)
  of <- if (kind %in% c("renv", "description")) "r" else "python"
  if (of != language) {
    abort_file(
      path,
      sprintf("it names packages of %s, and the task is of %s", language_names[[of]], language_names[[language]]),
      sprintf("For %s there are: %s.", language_names[[language]], package_files[[language]])
    )
  }
  read <- switch(kind,
    requirements = requirements_file, pyproject = pyproject_file, uv = uv_lock_file, renv = renv_lock_file,
    script = script_file, description = description_file
  )
  read(path, text)
}

file_kind <- function(path) {
  name <- basename(path)
  if (name %in% c("uv.lock", "renv.lock")) return(sub("[.].*", "", name))
  if (name == "DESCRIPTION") return("description")
  c(txt = "requirements", toml = "pyproject", py = "script")[tolower(sub("^.*[.]", "", name))][[1]]
}

package_file_text <- function(path, most = largest_lockfile) {
  if (!file.exists(path) || dir.exists(path)) {
    hint <- sprintf("The working directory is %s.", getwd())
    if (grepl("[.]py$", path, ignore.case = TRUE) && basename(path) == path) {
      hint <- sprintf("%s A package of this name is given in a list, list(\"%s\").", hint, path)
    }
    message <- sprintf("There is no file `%s`.", path)
    abort_landbridge("invalid_field", message, hint, list(field = "packages", file = path))
  }
  bytes <- readBin(path, "raw", file.size(path))
  if (any(bytes == as.raw(0))) abort_file(path, "it is not UTF-8")
  text <- rawToChar(bytes)
  if (!validUTF8(text)) abort_file(path, "it is not UTF-8")
  Encoding(text) <- "UTF-8"
  text <- sub("^\ufeff", "", gsub("\r\n?", "\n", text))
  if (nchar(text) > most) {
    abort_file(path, sprintf("it is longer than %s characters", format(most, big.mark = ",", scientific = FALSE)))
  }
  if (!nzchar(trimws(text))) abort_file(path, "it is empty")
  text
}

#' A requirement of a file.
#' @noRd
used_requirement <- function(path, place, item, language = "python") {
  tryCatch(package_requirement(item, language), landbridge_unusable = function(problem) {
    abort_file(path, sprintf("%s has `%s`, and it %s", place, problem$item, problem$message), problem$hint)
  })
}

file_lines <- function(text) strsplit(text, "\n", fixed = TRUE)[[1]]

# requirements.txt

requirements_file <- function(path, text) {
  found <- 0
  lines <- logical_lines(text)
  for (i in seq_along(lines$text)) {
    plain <- trimws(gsub("\\s--hash[= ]\\S+", "", paste0(" ", lines$text[[i]]), perl = TRUE))
    if (!nzchar(plain)) next
    place <- sprintf("line %d", lines$number[[i]])
    option <- regmatches(plain, regexec("(?:^|\\s)(--?[A-Za-z][\\w-]*)", plain, perl = TRUE))[[1]]
    if (length(option) > 0) abort_file(path, sprintf("%s has the option `%s`", place, option[[2]]), leave_out)
    used_requirement(path, place, plain)
    found <- found + 1
  }
  if (found == 0) abort_file(path, "it names no packages")
  new_packages(list(lockfile = list(format = "requirements.txt", text = text)), file = path)
}

#' Lines without comments, each with the number of its first one; a backslash at the end goes on.
#' @noRd
logical_lines <- function(text) {
  lines <- sub("[ \t]+$", "", sub("(^|\\s)#.*$", "", file_lines(text), perl = TRUE))
  goes_on <- endsWith(lines, "\\")
  group <- cumsum(c(TRUE, !goes_on[-length(goes_on)]))
  joined <- tapply(sub("\\\\$", " ", lines), group, paste, collapse = "")
  list(text = trimws(as.vector(joined)), number = which(!duplicated(group)))
}

# pyproject.toml, uv.lock, PEP 723

pyproject_file <- function(path, text) {
  document <- parse_toml(text, path)
  if (is.null(document$project)) {
    abort_file(path, "it has no table `[project]`", "Its `dependencies` name the packages.")
  }
  lock <- file.path(dirname(path), "uv.lock")
  if (basename(path) == "pyproject.toml" && file.exists(lock)) {
    return(locked_packages(lock, package_file_text(lock), path, text))
  }
  project_dependencies(path, document, toml_table(path, document, "project"), "[project]")
}

toml_table <- function(path, document, key) {
  found <- document[[key]]
  if (is.null(found)) return(list())
  if (!is.list(found) || is_toml_array(found)) abort_file(path, sprintf("`%s` is no table", key), "Mend the file.")
  found
}

#' The packages of the key `dependencies`.
#' @noRd
project_dependencies <- function(path, document, table, where) {
  wants <- checked_project(path, document, table)
  named <- table$dependencies
  if (!is.null(named) && (!is.list(named) || !is.null(names(named)))) {
    abort_file(path, "`dependencies` is no list of texts", "Mend the file.")
  }
  found <- unique(vapply(named, used_requirement, "", path = path, place = "`dependencies`"))
  if (length(found) == 0) {
    abort_file(
      path, sprintf("the `dependencies` of %s name no packages", where), "Add them, or name the packages."
    )
  }
  new_packages(names_of_packages(counted_packages(found, sprintf("`%s`", path))), wants, path)
}

version_bounds <- "\\s*(?:(?:==|>=|<=|!=|~=|>|<)\\s*\\d[0-9A-Za-z.*-]*\\s*(?:,\\s*|$))+"

#' `requires-python`. Refuses what no gateway could follow: dynamic dependencies, and packages from elsewhere.
#' @noRd
checked_project <- function(path, document, table) {
  if ("dependencies" %in% unlist(table$dynamic)) {
    abort_file(path, "its `dependencies` are dynamic", "Write them into `[project]`, or give a lockfile.")
  }
  sources <- toml_table(path, toml_table(path, toml_table(path, document, "tool"), "uv"), "sources")
  for (name in names(sources)) {
    given <- sources[[name]]
    keys <- if (is_toml_array(given)) unlist(lapply(given, names)) else names(given)
    kind <- intersect(elsewhere, keys)
    from <- if (length(kind) > 0) paste("a", kind[[1]]) else "elsewhere"
    abort_file(path, sprintf("`[tool.uv.sources]` takes `%s` from %s", name, from), leave_out)
  }
  wants <- table[["requires-python"]]
  if (is.null(wants)) return("")
  if (!is_text(wants) || inherits(wants, "toml_number") || !matches_whole(wants, version_bounds)) {
    abort_file(path, sprintf("`requires-python` cannot be `%s`", toString(wants)), "It is such as \">=3.11\".")
  }
  wants
}

uv_lock_file <- function(path, text) {
  project <- file.path(dirname(path), "pyproject.toml")
  if (!file.exists(project)) {
    abort_file(path, "there is no pyproject.toml beside it", "A lockfile of uv belongs to one.")
  }
  locked_packages(path, text, project, package_file_text(project, largest_project))
}

#' A lockfile has thousands of lines, which uv writes in one form: it is looked through line by line, not parsed.
#' @noRd
locked_packages <- function(path, text, project, project_text) {
  document <- parse_toml(project_text, project)
  wants <- checked_project(project, document, toml_table(project, document, "project"))
  lines <- file_lines(text)
  check_lock_lines(path, lines)
  heads <- which(lines == "[[package]]")
  sources <- grepl("^source = \\{", lines)
  other <- sub("^source = \\{ *([a-z]+) = .*$", "\\1", lines[sources])
  # The project itself stands in its own lockfile.
  itself <- grepl("^source = \\{ *(editable|virtual|directory) = \"[.]\" *\\}", lines[sources])
  strange <- which(other %in% elsewhere & !itself)
  if (length(strange) > 0) {
    above <- lines[seq_len(which(sources)[[strange[[1]]]])]
    name <- sub("^name = \"(.*)\"$", "\\1", utils::tail(grep("^name = ", above, value = TRUE), 1))
    abort_file(path, sprintf("it takes `%s` from a %s", name, other[[strange[[1]]]]), leave_out)
  }
  if (length(heads) <= sum(itself)) abort_file(path, "it locks no packages", "Run `uv lock` again.")
  lockfile <- list(format = "uv.lock", text = text, project = project_text)
  new_packages(list(lockfile = lockfile), wants, path)
}

check_lock_lines <- function(path, lines) {
  # Nothing or a comment, the head of a table, a key, an entry of an array, the end of one.
  forms <- c("\\s*(#.*)?", "\\[\\[?[^][]+\\]\\]?", "[A-Za-z0-9_.\"-]+ = .*", "\\s+[\\[{\"].*", "\\s*[\\]}],?")
  known <- grepl(sprintf("^(%s)$", paste(forms, collapse = "|")), lines, perl = TRUE)
  if (!all(known)) abort_toml(path, which(!known)[[1]])
}

script_file <- function(path, text) {
  found <- packages_of_script(text, path)
  if (is.null(found)) abort_file(path, "it names no packages", "A block `# /// script` has `dependencies`.")
  found
}

#' What the block `# /// script` of a Python script names (PEP 723); NULL where it has none, or names none.
#' @noRd
packages_of_script <- function(text, file) {
  lines <- sub("\r$", "", file_lines(text))
  begins <- grep("^# /// script[ \t]*$", lines)
  ends <- vapply(begins, function(begin) script_block_end(lines, begin), 0L)
  begins <- begins[!is.na(ends)]
  ends <- ends[!is.na(ends)]
  if (length(begins) == 0) return(NULL)
  if (length(begins) > 1) abort_file(file, "it has several blocks `# /// script`", "Keep one of them.")
  inner <- substring(lines[seq_len(ends[[1]] - begins[[1]] - 1) + begins[[1]]], 3)
  document <- parse_toml(paste(inner, collapse = "\n"), file, begins[[1]])
  if (length(document$dependencies) == 0) {
    checked_project(file, document, document)
    return(NULL)
  }
  project_dependencies(file, document, document, "its block")
}

#' The line that ends a block: every line up to it is a comment.
#' @noRd
script_block_end <- function(lines, begin) {
  after <- seq_along(lines) > begin
  end <- which(after & grepl("^# ///[ \t]*$", lines))
  broken <- which(after & !grepl("^#( .*)?$", lines))
  if (length(end) == 0 || length(broken) > 0 && broken[[1]] < end[[1]]) NA_integer_ else end[[1]]
}

# renv.lock, DESCRIPTION

renv_lock_file <- function(path, text) {
  document <- tryCatch(
    jsonlite::parse_json(text),
    error = function(error) abort_file(path, sprintf("line %d is no JSON", broken_json_line(text)), "Mend the file.")
  )
  named <- if (is.list(document)) document$Packages
  if (!is.list(named) || length(named) == 0 || is.null(names(named))) {
    abort_file(path, "its `Packages` name no packages", "Write it with renv::snapshot().")
  }
  new_packages(list(lockfile = list(format = "renv.lock", text = text)), file = path)
}

#' The first line up to which the text is broken rather than unfinished: the parser tells no line.
#' @noRd
broken_json_line <- function(text) {
  lines <- file_lines(text)
  broken <- function(n) {
    problem <- tryCatch({
      jsonlite::parse_json(paste(lines[seq_len(n)], collapse = "\n"))
      ""
    }, error = conditionMessage)
    nzchar(problem) && !grepl("premature EOF", problem, fixed = TRUE)
  }
  low <- 0L
  high <- length(lines)
  while (low + 1L < high) {
    middle <- (low + high) %/% 2L
    if (broken(middle)) high <- middle else low <- middle
  }
  high
}

description_file <- function(path, text) {
  fields <- control_fields(path, text)
  if (!is.null(fields$Remotes)) abort_file(path, "`Remotes` takes packages from elsewhere", leave_out)
  found <- character()
  wants <- character()
  for (field in c("Depends", "Imports")) {
    entries <- trimws(strsplit(paste0(fields[[field]], ""), ",", fixed = TRUE)[[1]])
    for (entry in entries[nzchar(entries)]) {
      parts <- description_entry(path, field, entry)
      if (parts$name == "R") {
        wants <- c(wants, parts$bound)
      } else if (!parts$name %in% c(r_base, "landbridge")) {
        found <- c(found, used_requirement(path, sprintf("`%s`", field), paste0(parts$name, parts$bound), "r"))
      }
    }
  }
  if (length(found) == 0) abort_file(path, "its `Imports` and `Depends` name no packages", "Name the packages.")
  found <- counted_packages(unique(found), sprintf("`%s`", path))
  new_packages(names_of_packages(found), paste(wants[nzchar(wants)], collapse = ","), path)
}

description_entry <- function(path, field, entry) {
  form <- "^([A-Za-z0-9.]+)\\s*(?:\\(\\s*(>=|<=|==|!=|>|<)\\s*([^()\\s]+)\\s*\\))?$"
  parts <- regmatches(entry, regexec(form, entry, perl = TRUE))[[1]]
  if (length(parts) == 0) {
    abort_file(path, sprintf("`%s` has `%s`", field, entry), "An entry is such as dplyr (>= 1.1.0).")
  }
  list(name = parts[[2]], bound = paste0(parts[[3]], parts[[4]]))
}

#' The fields of a file as Debian and R write them: `Name: value`, and lines that go on begin with a space.
#' @noRd
control_fields <- function(path, text) {
  found <- list()
  name <- ""
  lines <- file_lines(text)
  for (number in seq_along(lines)) {
    line <- lines[[number]]
    if (grepl("^[ \t]", line) && nzchar(name)) {
      found[[name]] <- paste0(found[[name]], "\n", trimws(line))
    } else if (grepl("^[A-Za-z][A-Za-z0-9/@._-]*:", line)) {
      name <- sub(":.*$", "", line)
      found[[name]] <- trimws(sub("^[^:]*:", "", line))
    } else if (nzchar(trimws(line))) {
      abort_file(path, sprintf("line %d is no field", number), "A line is such as Imports: dplyr.")
    }
  }
  found
}
