# Values in and out of protocol nodes. A sink takes the files of a value: `put(extension, write)` calls write(path) and
# returns the object's reference, `arrow` is the codec, `functions` tells whether a function may go as a native value.
# A source gives them back: `path(id)` is the local path of an object's file, `arrow` the codec.

#' The protocol node of an R value.
#'
#' @param x any value; what cannot cross is refused by the condition `landbridge_value_cannot_cross` naming its path
#' @return a list for protocol_json()
#' @noRd
encode_value <- function(x, sink, path = "value") {
  if (is.null(x)) return(list(kind = "null"))
  given <- if (isTRUE(sink$hints)) given_node(x)
  if (!is.null(given)) return(given)
  # Most values of a long list: no class to ask for.
  if (is.atomic(x) && is.null(attributes(x))) return(vector_or_native(x, sink, path))
  if (is_python_object(x)) return(encode_python(x, sink, path))
  if (inherits(x, c("landbridge_job", "landbridge_sweep"))) return(list(kind = "job", job = x$id))
  if (inherits(x, "landbridge_job_part")) return(job_part_node(x))
  if (inherits(x, "landbridge_native")) return(attr(x, "node"))
  if (inherits(x, "landbridge_file")) return(encode_file(x, sink, path))
  if (is.data.frame(x) && !isS4(x)) return(encode_frame(x, sink, path))
  if (is_arrow_frame(x)) return(encode_arrow_frame(x, sink, path))
  if (is_plain_list(x)) return(encode_list(x, sink, path))
  vector_or_native(x, sink, path)
}

vector_or_native <- function(x, sink, path) {
  node <- encode_vector(x, sink, path)
  if (is.null(node)) encode_native(x, sink, path) else node
}

#' The R value of a node as the other side sent it.
#'
#' @param trust load native R objects? Otherwise they are handles of class `landbridge_native`
#' @noRd
decode_value <- function(node, source, trust = FALSE) {
  switch(node$kind,
    null = NULL,
    scalar = decode_scalar(node),
    vector = decode_vector(node, source),
    array = decode_array(node, source),
    list = decode_list(node, source, trust),
    frame = decode_frame(node, source, trust),
    native = decode_native(node, source, trust),
    file = decode_file(node, source),
    abort_landbridge("bad_answer", sprintf("A value is of the kind `%s`, which this version does not know.", node$kind))
  )
}

is_plain_list <- function(x) is.list(x) && length(setdiff(names(attributes(x)), "names")) == 0

encode_list <- function(x, sink, path) {
  keys <- names(x)
  items <- list_items(x, keys, sink, path)
  list(kind = "list", shape = if (is.null(keys)) "list" else "named list", items = items)
}

list_items <- function(x, keys, sink, path) {
  nodes <- if (length(x) > inline_limit) single_values(x, keys, path) else vector("list", length(x))
  for (i in which(vapply(nodes, is.null, NA))) nodes[[i]] <- encode_value(x[[i]], sink, item_path(path, keys, i))
  if (is.null(keys)) return(lapply(nodes, function(node) list(NULL, node)))
  keys <- text_or_null(check_text(keys, path))
  Map(list, keys, nodes, USE.NAMES = FALSE)
}

single_types <- c(logical = "bool", integer = "int", double = "float", character = "str")

#' The nodes of a long list's plain single values as JSON text, made type by type; NULL for its other elements.
#' @noRd
single_values <- function(x, keys, path) {
  nodes <- vector("list", length(x))
  nodes[vapply(x, is.null, NA)] <- list(verbatim_json("{\"kind\":\"null\"}"))
  single <- lengths(x) == 1 & vapply(x, function(one) is.null(attributes(one)), NA)
  types <- ifelse(single, vapply(x, typeof, ""), "")
  for (type in intersect(names(single_types), types)) {
    at <- which(types == type)
    values <- unlist(x[at])
    if (type == "character") for (i in at[!validUTF8(as_utf8(values))]) check_text(x[[i]], item_path(path, keys, i))
    texts <- json_atoms(values)
    fields <- ifelse(texts == "null", "\"na\":true", paste0("\"value\":", texts))
    texts <- sprintf("{\"kind\":\"scalar\",\"type\":\"%s\",%s}", single_types[[type]], fields)
    nodes[at] <- lapply(texts, verbatim_json)
  }
  nodes
}

item_path <- function(path, keys, i) {
  if (is.null(keys) || is.na(keys[[i]]) || keys[[i]] == "") return(sprintf("%s[[%d]]", path, i))
  key <- keys[[i]]
  if (make.names(key) == key) paste0(path, "$", key) else sprintf("%s$`%s`", path, key)
}

decode_list <- function(node, source, trust) {
  values <- lapply(node$items, function(item) decode_value(item[[2]], source, trust))
  keys <- lapply(node$items, function(item) item[[1]])
  unnamed <- vapply(keys, is.null, NA)
  if (identical(node$shape, "named list") || !all(unnamed)) {
    names(values) <- ifelse(unnamed, if (identical(node$shape, "named list")) NA_character_ else "", texts_of(keys))
  }
  values
}

job_part_node <- function(part) {
  job <- if (is.character(part$job)) part$job else part$job$id
  list(kind = "job", job = job, path = as.list(part$path))
}

#' A file as a value
#'
#' Marks the path of a file, so that the file itself is sent as an argument or a result.
#'
#' @param path path of one existing file
#' @return the absolute path, of class `landbridge_file`
#' @section Errors: `landbridge_value_cannot_cross` when there is no such file.
#' @export
as_file <- function(path) {
  if (!is.character(path) || length(path) != 1 || is.na(path) || !file.exists(path) || dir.exists(path)) {
    cannot_cross("path", sprintf("there is no file `%s`", toString(path)), "Give the path of one existing file.")
  }
  structure(file.path(normalizePath(dirname(path)), basename(path)), class = "landbridge_file")
}

# The same as in the gateway and in Python. For a name of plain ASCII, too, the pattern needs to be told of Unicode.
no_file_name <- paste0(
  "(*UTF)[/\\\\",
  "\\x{00}-\\x{1f}\\x{7f}-\\x{9f}\\x{200b}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2060}-\\x{2069}\\x{feff}]| $"
)

encode_file <- function(x, sink, path) {
  from <- unclass(x)
  if (!file.exists(from)) cannot_cross(path, sprintf("there is no file `%s`", from))
  name <- as_utf8(basename(from))
  if (nchar(name) > 255 || grepl(no_file_name, name, perl = TRUE)) {
    cannot_cross(path, sprintf("`%s` is no name for a file", name), "Use a short name without slashes.")
  }
  id <- sink$put("bin", function(to) {
    if (!file.copy(from, to, copy.mode = FALSE)) cannot_cross(path, sprintf("`%s` cannot be read", from))
  })
  size <- verbatim_json(sprintf("%.0f", file.size(from)))
  list(kind = "file", object = id, name = name, media_type = media_type(name), size = size)
}

decode_file <- function(node, source) {
  # The object's own file is named by its id; readers that go by the ending need the user's name.
  folder <- tempfile("landbridge-file-")
  dir.create(folder)
  # What a job called its file is not where it goes here.
  name <- gsub("[/\\\\[:cntrl:]]", "_", node$name)
  path <- file.path(folder, if (name %in% c("", ".", "..")) "file" else name)
  from <- normalizePath(source$path(node$object))
  if (!suppressWarnings(file.symlink(from, path))) file.copy(from, path)
  structure(path, class = "landbridge_file")
}

media_types <- c(
  csv = "text/csv", gif = "image/gif", html = "text/html", jpeg = "image/jpeg", jpg = "image/jpeg",
  json = "application/json", md = "text/markdown", parquet = "application/vnd.apache.parquet", pdf = "application/pdf",
  png = "image/png", svg = "image/svg+xml", tsv = "text/tab-separated-values", txt = "text/plain",
  xml = "application/xml", zip = "application/zip"
)

media_type <- function(name) {
  ending <- tolower(sub("^.*\\.", "", name))
  if (ending %in% names(media_types)) media_types[[ending]] else "application/octet-stream"
}
