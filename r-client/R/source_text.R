# The text of a function, and whether a package has it.

#' `package` and `name` of a function that an installed package exports, else NULL.
#' @noRd
exported_reference <- function(f, name) {
  if (is.primitive(f)) return(reference_in("base", ls(baseenv(), all.names = TRUE), f, name))
  env <- environment(f)
  if (identical(env, .BaseNamespaceEnv) || identical(env, baseenv())) {
    return(reference_in("base", ls(baseenv(), all.names = TRUE), f, name))
  }
  if (!isNamespace(env)) return(NULL)
  reference_in(getNamespaceName(env)[[1]], getNamespaceExports(env), f, name)
}

reference_in <- function(package, exports, f, name) {
  # The name at hand first: some functions are exported under several.
  for (candidate in c(intersect(name, exports), exports)) {
    if (identical(get0(candidate, envir = asNamespace(package)), f)) return(list(package = package, name = candidate))
  }
  NULL
}

symbol_text <- function(name) deparse(as.name(name), backtick = TRUE)

#' `text` that defines `name`, with `file` and `line` where the source reference tells them.
#' @noRd
function_text <- function(f, name) {
  internal <- namespace_binding(f)
  if (!is.null(internal)) return(list(text = sprintf("%s <- %s", symbol_text(name), internal)))
  place <- attr(f, "srcref")
  lines <- source_lines(place)
  if (!is.null(lines) && is_same_code(lines, f)) {
    file <- attr(place, "srcfile")$filename
    known <- is_text(file) && !grepl("^<", file)
    text <- paste0(symbol_text(name), " <- ", paste(lines, collapse = "\n"))
    return(list(text = enc2utf8(text), file = if (known) file, line = if (known) place[[1]]))
  }
  list(text = deparsed_text(f, name))
}

#' `package:::name` of a function that a package keeps to itself.
#' @noRd
namespace_binding <- function(f) {
  env <- environment(f)
  if (is.primitive(f) || !isNamespace(env)) return(NULL)
  for (name in ls(env, all.names = TRUE, sorted = FALSE)) {
    if (identical(get0(name, envir = env, inherits = FALSE), f)) {
      return(sprintf("%s:::%s", getNamespaceName(env), symbol_text(name)))
    }
  }
  NULL
}

source_lines <- function(place) {
  if (is.null(place)) return(NULL)
  # The file may have gone, or changed, since it was read.
  tryCatch(as.character(place, useSource = TRUE), error = function(error) NULL, warning = function(warning) NULL)
}

is_same_code <- function(lines, f) {
  again <- tryCatch(
    eval(parse(text = lines, keep.source = FALSE, encoding = "UTF-8")[[1]], baseenv()),
    error = function(error) NULL
  )
  if (!is.function(again)) return(FALSE)
  bare <- without_source(f)
  identical(formals(again), formals(bare)) && identical(body(again), body(bare))
}

#' removeSource() fails for a body that is not code, as injected objects are.
#' @noRd
without_source <- function(f) tryCatch(utils::removeSource(f), error = function(error) f)

deparsed_text <- function(f, name) {
  bare <- without_source(f)
  attributes(bare) <- NULL
  lines <- deparse(bare, control = c("keepNA", "keepInteger", "niceNames", "digits17"))
  lines <- enc2utf8(lines[!grepl("^<(environment|bytecode)", lines)])
  text <- paste0(symbol_text(name), " <- ", paste(lines, collapse = "\n"))
  parsed <- tryCatch(parse(text = text, keep.source = FALSE, encoding = "UTF-8"), error = function(error) NULL)
  if (is.null(parsed)) abort_capture(name, "its code holds an object that has no source text")
  text
}
