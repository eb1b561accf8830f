# Code that is given as text: functions of both languages, and scripts.

#' A function from a file or from source text
#'
#' Both languages can be submitted from R. R code is parsed here, Python code by the gateway; nothing is run.
#'
#' @param file_or_text path of an existing file, or source text. `python()` also takes a Python function of
#'   reticulate that comes from a file or a module; it takes its helpers and imports along.
#' @param name the function to call. It may be left out when the text defines exactly one function, and for R when
#'   the text is itself a `function(...)` expression.
#' @return code for [task()] and [submit()]
#' @section Errors: `landbridge_code_does_not_parse`; `landbridge_function_not_captured` when the function is not
#'   there or could be several; `landbridge_invalid_field` when there is no such file.
#' @name code
#' @examples
#' r("function(x) x + 1")
#' python("def double(x):\n    return 2 * x\n")
NULL

#' @rdname code
#' @export
r <- function(file_or_text, name = NULL) {
  source <- read_source(file_or_text, "R")
  parsed <- parse_r(source, name)
  defined <- defined_functions(parsed)
  if (is.null(name) && length(parsed) == 1 && is_function_call(parsed[[1]])) {
    name <- "f"
    source$text <- name_expression(source$text, parsed, name)
    defined <- list(f = parsed[[1]])
  }
  name <- chosen_function(name, names(defined), source, all.names(parsed))
  code_object("r", source, name, formals = formals_of(defined[[name]]))
}

#' @rdname code
#' @export
python <- function(file_or_text, name = NULL) {
  if (is_python_object(file_or_text)) {
    own <- as.character(reticulate::py_get_attr(file_or_text, "__name__"))
    held <- list(language = "python", type = "python", name = if (is.null(name)) own else name, f = file_or_text)
    return(structure(held, class = "landbridge_code"))
  }
  source <- read_source(file_or_text, "py")
  definition <- "^(?:async\\s+)?def\\s+(\\w+).*$|^(\\w+)\\s*=\\s*lambda\\b.*$"
  lines <- strsplit(source$text, "\r?\n")[[1]]
  found <- sub(definition, "\\1\\2", grep(definition, lines, value = TRUE, perl = TRUE), perl = TRUE)
  words <- unlist(regmatches(source$text, gregexpr("\\w+", source$text)))
  code_object("python", source, chosen_function(name, unique(found), source, words))
}

code_object <- function(language, source, name, formals = NULL) {
  structure(
    list(language = language, type = "source", name = name, text = source$text, file = source$file, formals = formals),
    class = "landbridge_code"
  )
}

#' @export
print.landbridge_code <- function(x, ...) {
  from <- if (is.null(x$file)) "source text" else x$file
  cat(sprintf("<landbridge code: `%s` of %s>\n", x$name, from))
  invisible(x)
}

read_source <- function(file_or_text, ending) {
  if (!is.character(file_or_text) || length(file_or_text) == 0 || anyNA(file_or_text)) {
    refuse_option("file_or_text", class(file_or_text), "It is the path of a file, or source text.")
  }
  text <- paste(enc2utf8(file_or_text), collapse = "\n")
  is_path <- !grepl("\n", text, fixed = TRUE) && nchar(text) < 4096
  if (is_path && file.exists(text) && !dir.exists(text)) return(list(text = file_text(text), file = text))
  if (is_path && grepl(sprintf("^[^(){}=]+[.]%s$", ending), text, ignore.case = TRUE)) abort_no_file(text)
  list(text = text, file = NULL)
}

abort_no_file <- function(path) {
  hint <- sprintf("The working directory is %s.", getwd())
  abort_landbridge("invalid_field", sprintf("There is no file `%s`.", path), hint)
}

file_text <- function(path) {
  text <- paste(readLines(path, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
  sub("^\ufeff", "", enc2utf8(text))
}

#' @return the expressions, with source references
#' @noRd
parse_r <- function(source, name = NULL) {
  tryCatch(
    parse(text = source$text, keep.source = TRUE, encoding = "UTF-8"),
    error = function(error) abort_does_not_parse(conditionMessage(error), source, name)
  )
}

abort_does_not_parse <- function(message, source, name) {
  label <- if (!is.null(source$file)) source$file else sprintf("The source of `%s`", if (is.null(name)) "f" else name)
  first <- strsplit(message, "\n", fixed = TRUE)[[1]][[1]]
  place <- "^<text>:([0-9]+):[0-9]+:\\s*"
  line <- if (grepl(place, first)) as.integer(sub(paste0(place, ".*$"), "\\1", first)) else 1L
  line <- min(line, length(strsplit(source$text, "\n", fixed = TRUE)[[1]]))
  abort_landbridge(
    "code_does_not_parse", sprintf("%s does not parse: %s (line %d).", label, sub(place, "", first), line),
    "Mend the code and submit again.", list(file = source$file, line = line)
  )
}

is_function_call <- function(expression) is.call(expression) && identical(expression[[1]], as.name("function"))

#' Functions that the top level of a program assigns to a name.
#' @noRd
defined_functions <- function(parsed) {
  found <- list()
  for (expression in as.list(parsed)) {
    assigns <- is.call(expression) && length(expression) == 3 && as.character(expression[[1]])[[1]] %in% c("<-", "=")
    if (assigns && is_function_call(expression[[3]]) && !is.call(expression[[2]])) {
      found[[as.character(expression[[2]])]] <- expression[[3]]
    }
  }
  found
}

formals_of <- function(expression) if (!is.null(expression)) as.list(expression[[2]])

#' Put `name <- ` before the only expression, on its own line: comments may stand above it.
#' @noRd
name_expression <- function(text, parsed, name) {
  place <- attr(parsed, "srcref")[[1]]
  lines <- strsplit(text, "\n", fixed = TRUE)[[1]]
  line <- lines[[place[[1]]]]
  before <- substr(line, 1, place[[5]] - 1)
  lines[[place[[1]]]] <- paste0(before, name, " <- ", substr(line, place[[5]], nchar(line)))
  paste(lines, collapse = "\n")
}

#' @param words every word of the text: a named function may be made by other means than an assignment
#' @noRd
chosen_function <- function(name, defined, source, words) {
  where <- if (is.null(source$file)) "the text" else source$file
  if (!is.null(name)) {
    check_option(name, "name", is_text, "It is one text.")
    if (name %in% c(defined, words)) return(name)
    abort_landbridge(
      "function_not_captured", sprintf("`%s` cannot be captured: %s does not define it.", name, where),
      nearest_hint(name, defined)
    )
  }
  if (length(defined) == 1) return(defined)
  reason <- if (length(defined) == 0) "defines no function" else sprintf("defines %d functions", length(defined))
  abort_landbridge(
    "function_not_captured", sprintf("`f` cannot be captured: %s %s.", where, reason),
    if (length(defined) > 0) sprintf("Give `name`: %s.", paste0("`", defined, "`", collapse = ", "))
  )
}

script_code <- function(path) {
  language <- c(r = "r", py = "python")[tolower(sub("^.*[.]", "", path))]
  if (is.na(language)) {
    abort_landbridge(
      "function_not_captured", sprintf("`%s` cannot be captured: it is no script of R or Python.", substr(path, 1, 80)),
      "A script's name ends in .R or .py; source text goes to r() or python()."
    )
  }
  if (!file.exists(path)) abort_no_file(path)
  source <- list(text = file_text(path), file = path)
  if (language == "r") parse_r(source)
  c(list(language = language[[1]], type = "script", name = NULL), source)
}
