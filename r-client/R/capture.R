# A function as source: its text, and everything it needs by name. Nothing of this session is serialised behind the
# user's back: each free name becomes an import, the source of a helper, or a value.

large_capture <- 10 * 1024^2
base_packages <- c("base", "stats", "graphics", "grDevices", "utils", "datasets", "methods")

#' The `function` node of an R function.
#'
#' @param name what the function is called in messages and in the job
#' @param sink for the values that it takes along, see encode_value()
#' @noRd
capture_function <- function(f, name, sink) {
  reference <- exported_reference(f, name)
  if (!is.null(reference)) return(c(list(type = "reference"), reference))
  if (!is_installed("codetools")) {
    abort_capture(name, "the package codetools is missing", "install.packages(\"codetools\")")
  }
  capture <- new_capture(name, sink)
  node <- capture_source(f, name, capture)
  if (capture$cyclic || node$programs > most_programs) node <- flat_source(node, capture)
  warn_if_large(capture)
  packages <- attached_order(capture$packages)
  node <- finished_source(node)
  if (length(packages) > 0) node$packages <- as.list(packages)
  node
}

# Helpers stand inside the helpers that call them; beyond this many texts they are written once, side by side.
most_programs <- 100

new_capture <- function(name, sink) {
  capture <- new.env(parent = emptyenv())
  capture$name <- name
  capture$sink <- sink
  capture$packages <- character()
  capture$known <- new.env(parent = emptyenv())
  capture$stack <- character()
  capture$cyclic <- FALSE
  capture$sizes <- numeric()
  capture
}

abort_capture <- function(name, reason, hint = NULL, parent = NULL) {
  message <- sprintf("`%s` cannot be captured: %s.", name, reason)
  abort_landbridge("function_not_captured", message, hint, parent = parent)
}

abort_use <- function(owner, name, kind, hint) {
  abort_capture(owner, sprintf("it uses `%s`, and it is %s", name, kind), hint)
}

#' One function and, below it, its helpers. `programs` counts the texts in it.
#' @noRd
capture_source <- function(f, name, capture) {
  key <- paste(name, rlang::obj_address(f))
  if (!is.null(capture$known[[key]])) return(capture$known[[key]])
  capture$stack <- c(capture$stack, key)
  node <- c(list(type = "source", name = name), function_text(f, name))
  free <- lapply(setdiff(free_names(f), name), capture_free, f = f, capture = capture)
  capture$stack <- capture$stack[-length(capture$stack)]
  node$free <- drop_null(free)
  helpers <- lapply(node$free, `[[`, "source")
  node$programs <- 1 + sum(vapply(drop_null(helpers), `[[`, 0, "programs"))
  capture$known[[key]] <- node
  node
}

#' The node without what only the capture needs.
#' @noRd
finished_source <- function(node) {
  node$programs <- NULL
  node$free <- lapply(node$free, function(free) {
    if (!is.null(free$source)) free$source <- finished_source(free$source)
    free
  })
  if (length(node$free) == 0) node$free <- NULL
  drop_null(node)
}

#' Names that a function does not bind itself, those in its formulas and purrr lambdas included.
#' @noRd
free_names <- function(f) {
  found <- codetools::findGlobals(f, merge = FALSE)
  formulas <- c(formula_names(body(f)), unlist(lapply(formals(f), formula_names)))
  unique(c(found$functions, found$variables, formulas, method_names(found$functions, environment(f))))
}

#' The user's own S3 methods for generics that a function calls: dispatch looks for them where the call stands.
#' @noRd
method_names <- function(functions, env) {
  generics <- functions[vapply(functions, is_generic, NA, env = env)]
  own <- character()
  while (!is_shared_environment(env) || identical(env, globalenv())) {
    own <- c(own, as.character(utils::lsf.str(env, all.names = TRUE)))
    env <- parent.env(env)
  }
  Filter(function(name) any(startsWith(name, paste0(generics, "."))), unique(own))
}

is_generic <- function(name, env) {
  f <- get0(name, envir = env, mode = "function")
  is.primitive(f) || is.function(f) && "UseMethod" %in% all.names(body(f))
}

formula_names <- function(code) {
  if (missing(code) || !is.call(code)) return(NULL)
  if (identical(code[[1]], as.name("~"))) return(all.names(code, unique = TRUE))
  unlist(lapply(as.list(code), formula_names))
}

capture_free <- function(name, f, capture) {
  place <- binding_place(name, environment(f))
  if (is.null(place)) return(NULL)
  package <- sub("^package:", "", environmentName(place))
  if (is_base_place(place) || package %in% base_packages) return(NULL)
  if (startsWith(environmentName(place), "package:")) {
    capture$packages <- union(capture$packages, package)
    return(NULL)
  }
  x <- get(name, envir = place, inherits = FALSE)
  if (is.function(x)) return(capture_helper(x, name, place, capture))
  # A namespace's own data comes with the namespace.
  if (isNamespace(place)) return(list(name = name, source = namespace_program(name, getNamespaceName(place))))
  capture_value(x, name, capture)
}

is_base_place <- function(place) {
  identical(place, baseenv()) || identical(place, .BaseNamespaceEnv) ||
    environmentName(place) %in% c("Autoloads", "tools:rstudio")
}

#' The environment in which a name is found from `env` upwards, or NULL: then it is a column of a table, or a slip.
#' @noRd
binding_place <- function(name, env) {
  while (!identical(env, emptyenv())) {
    if (exists(name, envir = env, inherits = FALSE)) return(env)
    env <- parent.env(env)
  }
  NULL
}

namespace_program <- function(name, package) {
  symbol <- symbol_text(name)
  list(type = "source", name = name, text = sprintf("%s <- %s:::%s", symbol, package, symbol), programs = 1)
}

capture_helper <- function(x, name, place, capture) {
  reference <- exported_reference(x, name)
  if (!is.null(reference)) {
    return(list(name = name, import = list(module = reference$package, attribute = reference$name)))
  }
  if (isNamespace(place)) return(list(name = name, source = namespace_program(name, getNamespaceName(place))))
  if (inherits(x, "python.builtin.object")) {
    abort_use(capture$name, name, "a function of Python", "Submit it by itself with python().")
  }
  if (paste(name, rlang::obj_address(x)) %in% capture$stack) {
    capture$cyclic <- TRUE
    return(NULL)
  }
  list(name = name, source = capture_source(x, name, capture))
}

capture_value <- function(x, name, capture) {
  key <- paste("value", name, rlang::obj_address(x))
  if (!is.null(capture$known[[key]])) return(capture$known[[key]])
  refuse_state(x, name, capture$name)
  size <- as.numeric(utils::object.size(x))
  node <- tryCatch(
    encode_value(x, capture$sink, name),
    landbridge_value_cannot_cross = function(error) {
      abort_capture(capture$name, used_value(error$message), error$hint, parent = error)
    }
  )
  capture$sizes[[name]] <- size
  capture$known[[key]] <- list(name = name, value = node, size = verbatim_json(sprintf("%.0f", size)))
  capture$known[[key]]
}

#' The reason in a sentence of encode_value().
#' @noRd
used_value <- function(message) sub("^(`.*`) cannot cross: (.*)[.]$", "it uses \\1, and \\2", message)

refuse_state <- function(x, name, owner) {
  if (inherits(x, c("landbridge_job", "landbridge_job_part"))) {
    abort_use(owner, name, "a job", "Make it an argument: its result is then handed over.")
  }
  kind <- if (inherits(x, "connection")) {
    "a connection"
  } else if (typeof(x) == "externalptr") {
    "an external pointer"
  } else if (is.environment(x)) {
    "an environment with state"
  }
  if (is.null(kind)) return(invisible())
  hint <- "Pass what it holds as an argument, or make it inside the function."
  abort_use(owner, name, kind, hint)
}

#' All helpers once, after the function that needs them; for helpers that call each other.
#' @noRd
flat_source <- function(node, capture) {
  found <- as.list(capture$known)
  is_program <- vapply(found, function(one) identical(one$type, "source"), NA)
  programs <- unname(found[is_program])
  free <- do.call(c, lapply(programs, function(program) Filter(function(one) is.null(one$source), program$free)))
  free <- unique(free)
  names <- c(vapply(programs, `[[`, "", "name"), vapply(free, `[[`, "", "name"))
  twice <- names[duplicated(names)]
  if (length(twice) > 0) {
    reason <- sprintf("its helpers call each other and mean different things by `%s`", twice[[1]])
    abort_capture(capture$name, reason, "Rename one of them.")
  }
  outside <- unique(do.call(c, lapply(programs, namespace_helpers)))
  others <- Filter(function(program) program$name != node$name, programs)
  node$text <- paste(c(node$text, vapply(c(others, outside), `[[`, "", "text")), collapse = "\n")
  node$free <- free
  node
}

namespace_helpers <- function(program) {
  helpers <- drop_null(lapply(program$free, `[[`, "source"))
  Filter(function(helper) is.null(helper$free), helpers)
}

warn_if_large <- function(capture) {
  total <- sum(capture$sizes)
  if (total <= large_capture) return(invisible())
  largest <- names(which.max(capture$sizes))
  rlang::warn(
    sprintf(
      "`%s` takes %.0f MB of this session with it; the largest is `%s` (%.0f MB). Pass it as an argument.",
      capture$name, total / 1024^2, largest, capture$sizes[[largest]] / 1024^2
    ),
    class = "landbridge_large_capture", use_cli_format = FALSE
  )
}

#' Packages in the order in which this session attached them.
#' @noRd
attached_order <- function(packages) {
  rev(intersect(sub("^package:", "", search()), packages))
}
