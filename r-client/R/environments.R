# What a task says of its packages and its image, and what becomes of that in the contract.

packages_form <- function(language) {
  example <- c(python = "polars>=1.0", r = "dplyr>=1.1.0")[[language]]
  form <- "It is a name, names such as c(\"%s\"), the path of a file such as \"%s\", or \"auto\"."
  sprintf(form, example, usual_files[[language]])
}

#' The option `packages`.
#'
#' @param environment the contract's; NULL where it is found from what the code uses
#' @param wants comparisons with the language's version, such as ">=3.11"
#' @param file what says so
#' @noRd
new_packages <- function(environment = NULL, wants = "", file = NULL) {
  structure(list(environment = environment, wants = wants, file = file), class = "landbridge_packages")
}

names_of_packages <- function(found) list(packages = as.list(found))

packages_option <- function(packages, language) {
  if (is.null(packages)) return(NULL)
  single <- is_text(packages) && is.null(names(packages))
  if (single && identical(trimws(packages), "auto")) return(new_packages())
  if (single && is_file_name(packages)) return(read_packages(packages, language))
  plain <- is.character(packages) || is.list(packages) && !is.object(packages)
  if (!plain) refuse_option("packages", packages, packages_form(language))
  new_packages(names_of_packages(package_requirements(packages, language)))
}

is_image <- function(x) is_text(x) && grepl("^sha256:[0-9a-f]{64}$", x)

image_option <- function(image) {
  check_option(image, "image", is_image, "It is an image's id, \"sha256:\" and 64 digits, as an earlier job tells it.")
}

#' `packages` and `image` of one call of task(); only one of them can be.
#' @noRd
chosen_environment <- function(packages, image, language) {
  if (!is.null(packages) && !is.null(image)) {
    abort_landbridge(
      "invalid_field", "`packages` and `image` cannot both be.",
      "An image has its packages already: leave one of them out.", list(field = "packages")
    )
  }
  list(packages = packages_option(packages, language), image = image_option(image))
}

#' What prints show of the option.
#' @noRd
packages_text <- function(packages) {
  if (!is.null(packages$file)) return(packages$file)
  if (is.null(packages$environment)) "auto" else unlist(packages$environment$packages)
}

#' The fields `environment` and `runtime` of a task, as far as its packages decide them.
#'
#' A script of Python that names its packages itself is taken at its word, unless the task says more.
#' @noRd
settled_environment <- function(task, function_node) {
  options <- task$options
  kept <- list(environment = NULL, runtime = options$runtime)
  if (!is.null(options$session)) {
    refuse_in_session(options)
    return(kept)
  }
  if (!is.null(options$image)) return(list(environment = list(image = options$image), runtime = options$runtime))
  packages <- options$packages
  if (is.null(packages)) packages <- own_packages(task, function_node)
  if (is.null(packages)) return(kept)
  environment <- if (is.null(packages$environment)) found_environment(task, function_node) else packages$environment
  runtime <- if (nzchar(packages$wants)) fitting_runtime(packages, task$code$language, options$runtime)
  list(environment = environment, runtime = if (is.null(runtime)) options$runtime else runtime)
}

refuse_in_session <- function(options) {
  for (name in c("packages", "image")) {
    if (is.null(options[[name]])) next
    message <- sprintf("A job in a session has the session's packages, and no `%s`.", name)
    abort_landbridge("invalid_field", message, sprintf("Give `%s` to session().", name), list(field = name))
  }
}

own_packages <- function(task, function_node) {
  if (task$code$language != "python" || function_node$type != "script") return(NULL)
  file <- if (is.null(function_node$file)) "The script" else function_node$file
  packages_of_script(function_node$text, file)
}

found_environment <- function(task, function_node) {
  if (function_node$type == "session") {
    abort_landbridge(
      "invalid_field", "A session cannot have packages = \"auto\".",
      "Name the packages: the imports of its jobs are not known yet.", list(field = "packages")
    )
  }
  found <- imported_packages(task$code$language, function_node)
  message(sprintf("packages of %s: %s", task_label(task), if (length(found) > 0) toString(found) else "none"))
  if (length(found) > 0) names_of_packages(found)
}

#' The runtime that a file's `requires-python`, or its bounds of R, ask for; NULL where the default fits.
#' @noRd
fitting_runtime <- function(packages, language, named) {
  wanted <- sprintf("`%s` wants %s %s", packages$file, language_names[[language]], packages$wants)
  if (!is.null(named)) {
    if (runtime_fits(named, packages$wants)) return(NULL)
    message <- sprintf("%s, and the task has the runtime %s.", wanted, named)
    hint <- sprintf("Leave `runtime` out, or change `%s`.", packages$file)
    abort_landbridge("invalid_field", message, hint, list(field = "runtime"))
  }
  offered <- ask_gateway(current_client(), "GET", "")$runtimes
  offered <- Filter(function(one) identical(one$language, language), offered)
  fitting <- Filter(function(one) runtime_fits(one$name, packages$wants), offered)
  if (length(offered) == 0 || any(vapply(fitting, function(one) isTRUE(one$default), NA))) return(NULL)
  names <- vapply(if (length(fitting) > 0) fitting else offered, `[[`, "", "name")
  if (length(fitting) == 0) {
    message <- sprintf("%s, and the gateway has %s.", wanted, toString(names))
    hint <- sprintf("Change `%s`, or name the packages.", packages$file)
    abort_landbridge("invalid_field", message, hint, list(field = "runtime"))
  }
  names[[order(numeric_version(sub("^[^:]*:", "", names)), decreasing = TRUE)[[1]]]]
}

version_numbers <- function(version) {
  release <- regmatches(version, regexpr("^v?[0-9]+([.-][0-9]+)*", version))
  if (length(release) > 0) as.integer(strsplit(sub("^v", "", release), "[.-]")[[1]]) else integer()
}

#' Can this runtime be meant? Its name has no more than the minor version, and a patch is not held against it.
#' @noRd
runtime_fits <- function(runtime, wants) {
  has <- if (grepl(":", runtime, fixed = TRUE)) version_numbers(sub("^[^:]*:", "", runtime)) else integer()
  comparisons <- trimws(strsplit(wants, ",", fixed = TRUE)[[1]])
  length(has) == 0 || all(vapply(comparisons[nzchar(comparisons)], runtime_holds, NA, has = has))
}

runtime_holds <- function(comparison, has) {
  sign <- sub("^([=<>!~]*).*$", "\\1", comparison)
  version <- trimws(substring(comparison, nchar(sign) + 1))
  asked <- version_numbers(version)
  shown <- utils::head(asked, length(has))
  begins <- utils::head(has, length(asked))
  switch(sign,
    ">=" = , ">" = compare_numbers(has, shown) >= 0,
    "<=" = compare_numbers(has, asked) <= 0,
    "<" = compare_numbers(has, asked) < 0,
    "!=" = !(endsWith(version, ".*") && identical(begins, shown)),
    "~=" = compare_numbers(has, shown) >= 0 && identical(utils::head(has, length(asked) - 1), utils::head(asked, -1)),
    identical(begins, shown)
  )
}

#' -1, 0 or 1: the first number that differs decides, else the longer one is greater.
#' @noRd
compare_numbers <- function(a, b) {
  both <- seq_len(min(length(a), length(b)))
  differ <- which(a[both] != b[both])
  if (length(differ) > 0) sign(a[[differ[[1]]]] - b[[differ[[1]]]]) else sign(length(a) - length(b))
}
