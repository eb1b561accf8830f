#' What to run: a function or a script, with its options
#'
#' A task holds no data: its values are given to [submit()]. It is made from an R function, from [r()] or [python()],
#' from the path of a script (`.R` or `.py`), or from another task, whose options it then changes.
#'
#' @param what function, [r()], [python()], path of a script, or task
#' @param ... nothing: what lands here is misspelt
#' @param runtime language and version, such as `"r:4.6"`; NULL for the gateway's default of the language
#' @param cpus number of processors, 0.1 or more
#' @param memory,disk bytes, or text such as `"4g"` or `"512m"` (powers of 1024)
#' @param seconds longest running time
#' @param pids most processes at a time
#' @param network `"none"` or `"outbound"`
#' @param packages those that the image of the runtime lacks: names, with versions where these matter (`"dplyr"`,
#'   `"dplyr>=1.1.0"`, `"dplyr (>= 1.1.0)"`, `"dplyr@1.1.0"`, `c(dplyr = ">= 1.1.0")`); the path of `renv.lock` or
#'   `DESCRIPTION`, for Python of `requirements.txt`, `pyproject.toml` (with the `uv.lock` beside it), `uv.lock` or a
#'   script with a block of PEP 723; or `"auto"`: what the code uses, from the versions that are installed here upwards,
#'   told in one line. A Python script with such a block needs no option. Addresses, paths and options are refused
#' @param image an image that the gateway allows, `"sha256:..."`, in the place of packages
#' @param name text shown in lists; the function's or script's own name when NULL
#' @param experiment group of jobs that are compared with each other, or NULL
#' @param tags named texts
#' @param seed whole number from 0 to 2^31-1; NULL lets the gateway draw one, which it records
#' @param on_loss what becomes of a table's column that cannot cross without loss: `"warn"` (the default), `"error"`
#'   (it is refused) or `"allow"`; see [fidelity()]
#' @param decimal what decimals of Python cross as: `"double"` (the default) or `"string"`, which keeps every digit
#' @param as what tables among the arguments arrive as: `"data.frame"`, `"tibble"`, `"data.table"`, `"arrow"` (the table
#'   itself, mapped and not converted, for the verbs of dplyr) or `"duckdb"`; for tasks of Python `"pandas"`,
#'   `"polars"`, `"arrow"` or `"duckdb"`. NULL: what each of them is
#' @param session a session or its id, in which the job runs; see [session()]
#' @param secrets names of secrets that the gateway keeps, which the code reads with [secret()]
#' @param retries how often the job is tried again at most, from 0 to 20; each attempt is kept, see [attempts()]
#' @param retry_on after which ends: `"lost"`, `"engine"`, `"memory"`, `"killed"`, `"timeout"`, `"pids"`, `"disk"`,
#'   `"error"`; NULL for the first two, in which the job had no part
#' @param outputs for a script: names of the variables that are collected as its result
#' @return a `landbridge_task`
#' @section Errors: `landbridge_unknown_option`, `landbridge_invalid_field`.
#' @export
#' @examples
#' fit <- function(table, depth) nrow(table) * depth
#' task(fit, memory = "4g", experiment = "delays")
#' task(fit, packages = c("ranger", dplyr = ">= 1.1.0"))
task <- function(what, ..., runtime = NULL, cpus = NULL, memory = NULL, seconds = NULL, pids = NULL, disk = NULL,
                 network = NULL, packages = NULL, image = NULL, name = NULL, experiment = NULL, tags = NULL,
                 seed = NULL, on_loss = NULL, decimal = NULL, as = NULL, session = NULL, secrets = NULL,
                 retries = NULL, retry_on = NULL, outputs = NULL) {
  refuse_options(dots_names(...))
  found <- as_task(what, function_name(substitute(what)))
  options <- list(
    runtime = check_option(runtime, "runtime", is_text, "It is text such as \"r:4.6\"."), limits = drop_null(list(
      cpus = check_option(cpus, "cpus", is_positive, "It is a positive number."), memory = byte_count(memory, "memory"),
      seconds = whole_count(seconds, "seconds"), pids = whole_count(pids, "pids"), disk = byte_count(disk, "disk"),
      network = check_option(network, "network", is_network, "It is \"none\" or \"outbound\".")
    )),
    name = check_option(name, "name", is_text, "It is one text."),
    experiment = check_option(experiment, "experiment", is_text, "It is one text."), tags = tag_texts(tags),
    seed = check_option(seed, "seed", is_seed, "It is a whole number from 0 to 2^31-1."),
    on_loss = check_option(on_loss, "on_loss", is_on_loss, "It is \"warn\", \"error\" or \"allow\"."),
    decimal = check_option(decimal, "decimal", is_decimal, "It is \"double\" or \"string\"."),
    as = check_as(as, found$code$language), session = session_id(session),
    secrets = check_option(secrets, "secrets", is.character, "These are names of secrets."),
    retries = check_option(retries, "retries", is_retries, "It is a whole number from 0 to 20."),
    retry_on = check_retry_on(retry_on),
    environment = chosen_environment(packages, image, found$code$language),
    outputs = check_option(outputs, "outputs", is.character, "These are names of variables.")
  )
  found$options <- merge_options(found$options, options)
  found
}

is_retries <- function(x) is_number(x) && x >= 0 && x <= 20 && x == floor(x)

retried <- c("lost", "engine", "memory", "killed", "timeout", "pids", "disk", "error")

check_retry_on <- function(causes) {
  if (is.null(causes)) return(NULL)
  for (cause in if (length(causes) > 0) causes else NA) {
    if (!is_text(cause) || !cause %in% retried) {
      refuse_option("retry_on", cause, sprintf("It is one or more of %s.", toString(retried)))
    }
  }
  unique(as.character(causes))
}

dots_names <- function(...) {
  names <- names(substitute(list(...)))[-1]
  if (is.null(names)) rep("", ...length()) else names
}

merge_options <- function(old, new) {
  limits <- utils::modifyList(as.list(old$limits), new$limits)
  environment <- drop_null(new$environment)
  # The newer of `packages` and `image` takes the place of the other.
  if (length(environment) > 0) old <- old[setdiff(names(old), c("packages", "image"))]
  merged <- utils::modifyList(as.list(old), drop_null(new[names(new) != "environment"]))
  merged$limits <- limits
  merged[names(environment)] <- environment
  merged
}

refuse_options <- function(names) {
  if (length(names) == 0) return(invisible())
  name <- names[[1]]
  if (name == "") {
    hint <- "Values of the function go to submit()."
    abort_landbridge("unknown_option", "The options of task() are given by name.", hint)
  }
  known <- setdiff(names(formals(task)), c("what", "..."))
  message <- sprintf("`%s` is not an option of task().", name)
  abort_landbridge("unknown_option", message, nearest_hint(name, known), list(option = name))
}

#' "Did you mean ...?", or all there are when none is near.
#' @noRd
nearest_hint <- function(name, known) {
  if (length(known) == 0) return("There are none.")
  distance <- utils::adist(name, known, ignore.case = TRUE)[1, ]
  begins <- startsWith(known, tolower(name))
  near <- if (any(begins)) which(begins)[[1]] else which.min(distance)
  if (any(begins) || distance[[near]] <= max(2, nchar(name) / 3)) return(sprintf("Did you mean `%s`?", known[[near]]))
  sprintf("There are: %s.", paste0("`", known, "`", collapse = ", "))
}

#' @param name what the task's function is called when `what` does not tell
#' @noRd
as_task <- function(what, name) {
  if (inherits(what, "landbridge_task")) return(what)
  if (is_python_object(what)) what <- python(what)
  code <- if (inherits(what, "landbridge_code")) {
    unclass(what)
  } else if (is.function(what)) {
    list(language = "r", type = "function", f = what, name = name)
  } else if (is_text(what)) {
    script_code(what)
  } else {
    abort_capture(
      name, sprintf("it is a `%s`, not a function", class(what)[[1]]),
      "Give a function, r(), python(), or the path of a script."
    )
  }
  structure(list(code = code, options = list()), class = "landbridge_task")
}

#' The name by which an expression calls its function; `f` for what has none.
#' @noRd
function_name <- function(expression) {
  if (is.call(expression) && as.character(expression[[1]])[[1]] %in% c("::", ":::")) expression <- expression[[3]]
  if (is.name(expression) && !identical(as.character(expression), ".")) as.character(expression) else "f"
}

task_label <- function(task) {
  if (!is.null(task$options$name)) return(task$options$name)
  if (is.null(task$code$name)) basename(task$code$file) else task$code$name
}

#' @export
print.landbridge_task <- function(x, ...) {
  cat(sprintf("<landbridge task `%s` in %s>\n", task_label(x), c(r = "R", python = "Python")[[x$code$language]]))
  if (!is.null(x$options$packages)) x$options$packages <- packages_text(x$options$packages)
  options <- c(x$options$limits, x$options[setdiff(names(x$options), c("limits", "name", "tags"))], x$options$tags)
  for (name in names(options)) cat(sprintf("  %s: %s\n", name, toString(options[[name]])))
  invisible(x)
}

drop_null <- function(x) x[!vapply(x, is.null, NA)]

is_text <- function(x) is.character(x) && length(x) == 1 && !is.na(x) && nzchar(x)
is_number <- function(x) is.numeric(x) && length(x) == 1 && is.finite(x)
is_positive <- function(x) is_number(x) && x > 0
is_network <- function(x) is_text(x) && x %in% c("none", "outbound")
is_on_loss <- function(x) is_text(x) && x %in% c("warn", "error", "allow")
is_decimal <- function(x) is_text(x) && x %in% c("double", "string")
is_seed <- function(x) is_number(x) && x >= 0 && x < 2^31 && x == floor(x)

check_option <- function(value, name, accept, hint) {
  if (is.null(value) || accept(value)) return(value)
  refuse_option(name, value, hint)
}

refuse_option <- function(name, value, hint) {
  shown <- substr(paste(format(value), collapse = " "), 1, 50)
  abort_landbridge("invalid_field", sprintf("`%s` cannot be `%s`.", name, shown), hint, list(field = name))
}

whole_count <- function(value, name) {
  value <- check_option(value, name, is_positive, "It is a positive whole number.")
  if (!is.null(value)) verbatim_json(sprintf("%.0f", ceiling(value)))
}

byte_count <- function(value, name) {
  if (is.null(value)) return(NULL)
  hint <- "It is a number of bytes, or text such as \"4g\"."
  if (is_positive(value)) return(verbatim_json(sprintf("%.0f", value)))
  form <- "^\\s*([0-9]+[.]?[0-9]*)\\s*([kmgt]?)(i?b)?\\s*$"
  if (!is_text(value) || !grepl(form, value, ignore.case = TRUE)) refuse_option(name, value, hint)
  number <- as.numeric(sub(form, "\\1", value, ignore.case = TRUE))
  unit <- tolower(sub(form, "\\2", value, ignore.case = TRUE))
  verbatim_json(sprintf("%.0f", number * c(1, 1024^(1:4))[[match(unit, c("", "k", "m", "g", "t"))]]))
}

tag_texts <- function(tags) {
  if (length(tags) == 0) return(NULL)
  tags <- as.list(tags)
  valid <- !is.null(names(tags)) && all(nzchar(names(tags))) && all(lengths(tags) == 1)
  if (!valid) refuse_option("tags", names(tags), "These are named texts, such as c(stage = \"trial\").")
  lapply(tags, as.character)
}
