# Native values: any other R object, saved by saveRDS() for a later job of R.

encode_native <- function(x, sink, path) {
  if (is.function(x) && !isTRUE(sink$functions)) {
    cannot_cross(path, "it is a function", "Call it inside the function that you submit, or pass its result.")
  }
  if (is.environment(x) && is.null(oldClass(x))) {
    # Elsewhere it would be another environment: what is written into it there is not seen here.
    cannot_cross(path, "it is an environment", "Pass what it holds, such as as.list() of it.")
  }
  check_native(x, path)
  id <- sink$put("rds", function(to) saveRDS(x, to, version = 3, compress = "gzip"))
  list(
    kind = "native", object = id, language = "r", codec = "rds", class = as.list(class(x)),
    producer = list(language = "r", version = r_version()), packages = as.list(native_packages(x)),
    summary = native_summary(x, sink)
  )
}

r_version <- function() paste(R.version$major, R.version$minor, sep = ".")

decode_native <- function(node, source, trust) {
  if (!isTRUE(trust) || !identical(node$language, "r") || !identical(node$codec, "rds")) return(native_handle(node))
  for (package in unlist(node$packages)) has_package(package)
  # Loading runs code, so a client makes sure that the bytes are the object's own.
  file <- if (is.null(source$checked)) source$path(node$object) else source$checked(node$object)
  readRDS(file)
}

native_handle <- function(node) {
  structure(
    list(language = node$language, class = unlist(node$class), summary = node$summary$text, facts = node$summary$facts),
    class = "landbridge_native", node = node
  )
}

#' Packages whose methods or definition the object's classes come from.
#' @noRd
native_packages <- function(x) {
  found <- attr(class(x), "package")
  for (class in class(x)) {
    for (generic in c("print", "format", "summary", "predict", "plot")) {
      method <- utils::getS3method(generic, class, optional = TRUE)
      if (is.function(method) && !is.primitive(method)) found <- c(found, environmentName(topenv(environment(method))))
    }
  }
  setdiff(unique(found), c("base", "R_GlobalEnv", "", ".GlobalEnv", "landbridge"))
}

#' Refuse what loses its meaning outside this process, naming where it stands.
#' @noRd
check_native <- function(x, path) {
  seen <- new.env(hash = TRUE)
  walk_native(x, path, seen)
  invisible()
}

walk_native <- function(x, path, seen) {
  # Its calls of the graphics engine are pointers, which replayPlot() finds again by name.
  if (inherits(x, "recordedplot")) return(invisible())
  reason <- bound_to_process(x)
  if (!is.null(reason)) {
    cannot_cross(path, reason, "Pass what it was made from, and make it again inside the job.")
  }
  if (is.environment(x)) return(walk_environment(x, path, seen))
  if (is.function(x)) {
    if (!is.primitive(x)) walk_native(environment(x), sprintf("environment(%s)", path), seen)
    return(invisible())
  }
  if (is.list(x)) {
    items <- unclass(x)
    keys <- names(items)
    for (i in seq_along(items)) walk_native(items[[i]], item_path(path, keys, i), seen)
  }
  walk_attributes(x, path, seen)
}

walk_attributes <- function(x, path, seen) {
  if (is.null(attributes(x)) || is.language(x) && !inherits(x, "formula")) return(invisible())
  # data.table's pointer to itself is made anew when the table is read.
  for (name in setdiff(names(attributes(x)), c("names", "class", "dim", "levels", "srcref", ".internal.selfref"))) {
    value <- attributes(x)[[name]]
    if (is.list(value) || is.environment(value) || is.function(value) || !is.null(bound_to_process(value))) {
      walk_native(value, sprintf("attr(%s, \"%s\")", path, name), seen)
    }
  }
}

bound_to_process <- function(x) {
  if (inherits(x, "connection")) return("it is a connection")
  switch(typeof(x), externalptr = "it is an external pointer", weakref = "it is a weak reference")
}

walk_environment <- function(env, path, seen) {
  if (is_shared_environment(env)) return(invisible())
  key <- rlang::obj_address(env)
  if (!is.null(seen[[key]])) return(invisible())
  assign(key, TRUE, envir = seen)
  for (name in ls(env, all.names = TRUE, sorted = FALSE)) {
    # An active binding or an unforced promise would run code when looked at.
    if (bindingIsActive(name, env) || rlang::env_binding_are_lazy(env, name)) next
    # An argument that was not given has no value to look at.
    value <- tryCatch(get(name, envir = env, inherits = FALSE), error = function(error) NULL)
    walk_native(value, sprintf("%s$%s", path, name), seen)
  }
  walk_environment(parent.env(env), sprintf("parent.env(%s)", path), seen)
}

is_shared_environment <- function(env) {
  identical(env, emptyenv()) || identical(env, globalenv()) || identical(env, baseenv()) || isNamespace(env) ||
    startsWith(environmentName(env), "package:") || startsWith(environmentName(env), "imports:")
}
