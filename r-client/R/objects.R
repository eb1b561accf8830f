# Objects between this session and the gateway: the sink of encode_value() and the source of decode_value().

object_formats <- c(arrow = "arrow", rds = "rds", pkl = "pickle", png = "png", bin = "file")

#' A sink that uploads each file as it is written.
#' @noRd
client_sink <- function(client, task = NULL) {
  put <- function(extension, write) {
    shared <- shared_files(client)
    path <- if (is.null(shared)) tempfile("landbridge-", fileext = paste0(".", extension)) else new_shared_file(shared)
    on.exit(unlink(path))
    if (is.null(shared)) write(path) else with_room(write(path))
    id <- if (!is.null(shared)) hand_over_file(client, path, object_formats[[extension]])
    if (is.null(id)) upload_object(client, path, object_formats[[extension]]) else id
  }
  list(put = put, arrow = arrow_codec(), reader = task$code$language, on_loss = task$options$on_loss)
}

is_object_id <- function(id) is.character(id) && length(id) == 1 && grepl("^obj_[0-9a-z]{16}$", id)

#' `sha256:<hex>`, or NULL where R has no way to it: before 4.5 without the packages digest and openssl.
#' @noRd
file_digest <- function(path) {
  # Where the processor has instructions for SHA-256, openssl is ten times as fast as the others.
  hex <- if (is_installed("openssl")) {
    # Raw, for R would unpack what is compressed, and every RDS file is.
    connection <- file(path, raw = TRUE)
    gsub(":", "", paste(format(openssl::sha256(connection)), collapse = ""), fixed = TRUE)
  } else if (exists("sha256sum", envir = asNamespace("tools"), inherits = FALSE)) {
    unname(getExportedValue("tools", "sha256sum")(path))
  } else if (is_installed("digest")) {
    digest::digest(path, "sha256", file = TRUE)
  }
  if (!is.null(hex)) paste0("sha256:", hex)
}

#' A source that downloads each object once into the session's temporary folder.
#' @noRd
client_source <- function(client) {
  list(
    path = function(id) object_path(client, id), checked = function(id) checked_path(client, id), arrow = arrow_codec()
  )
}

#' The file of an object whose bytes have the digest that the gateway told; without one it is refused.
#' @noRd
checked_path <- function(client, id, digest_of = file_digest) {
  # Over HTTP, because the digest comes that way.
  path <- downloaded_path(client, id)
  told <- client$digests[[id]]
  if (is.null(told)) {
    abort_landbridge(
      "digest_mismatch",
      "The gateway sent no digest with the object: its bytes cannot be checked before they are loaded.",
      "Use a newer gateway, or ask for the result without trust."
    )
  }
  found <- digest_of(path)
  if (is.null(found)) {
    warning(
      "This R cannot compute SHA-256, so the object is loaded without a check of its bytes: install digest or openssl.",
      call. = FALSE
    )
  } else if (!identical(found, told)) {
    abort_landbridge(
      "digest_mismatch", "The bytes that arrived do not have the digest of the object.", "Fetch the result again."
    )
  }
  path
}

object_path <- function(client, id) {
  # The id becomes a file name, so it is not taken on trust.
  if (!is_object_id(id)) abort_bad_answer(client, "with a value that names no object")
  own <- shared_object(client, id)
  if (!is.null(own)) return(own)
  downloaded_path(client, id)
}

downloaded_path <- function(client, id) {
  if (!is_object_id(id)) abort_bad_answer(client, "with a value that names no object")
  known <- client$objects[[id]]
  if (!is.null(known) && file.exists(known)) return(known)
  if (is.null(client$folder)) client$folder <- tempfile("landbridge-objects-")
  dir.create(client$folder, showWarnings = FALSE, mode = "0700")
  path <- file.path(client$folder, id)
  download_object(client, id, path)
  client$objects[[id]] <- path
  path
}
