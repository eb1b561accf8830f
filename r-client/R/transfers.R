# Objects over HTTP: streamed from files and into files, and gone on with where the connection broke.

# What is smaller is sent in one request, and again as a whole when that breaks.
in_parts <- 8 * 1024^2
idle_pauses <- c(0.2, 0.5, 1)
most_beginnings <- 3L
# From here on it costs less to have memory kept than to take new memory for each block.
worth_keeping <- 64 * 1024^2

#' The digest that tells damage on the way. SHA-256 takes R six seconds for each gigabyte, and this one hardly more than
#' reading it.
#' @noRd
way_digest <- function(path) paste0("xxh128:", rlang::hash_file(path))

#' Store a file as an object; its id. Each byte of a large one is sent once, however often the connection breaks.
#' @noRd
upload_object <- function(client, path, format) {
  size <- file.size(path)
  digest <- way_digest(path)
  send <- if (size <= in_parts) upload_at_once else upload_in_parts
  for (beginning in seq_len(most_beginnings)) {
    id <- tryCatch(send(client, path, format, size, digest), landbridge_unknown_upload = function(error) {
      # The gateway was started anew meanwhile.
      if (beginning == most_beginnings) stop(error)
    })
    if (!is.null(id)) break
  }
  if (!is_object_id(id)) abort_bad_answer(client, "without the id of the object")
  id
}

upload_at_once <- function(client, path, format, size, digest) {
  answer <- send_call(client, list(
    method = "POST", url = api_url(client, "/objects", list(format = format)), upload = path,
    headers = c("Content-Type" = "application/octet-stream", "Landbridge-Digest" = digest)
  ))
  json_answer(client, answer)$object$id
}

upload_in_parts <- function(client, path, format, size, digest) {
  query <- list(format = format, size = size, digest = "xxh128")
  begun <- ask_gateway(client, "POST", "/uploads", query = query)$upload
  place <- paste0("/uploads/", begun$id)
  progress <- new.env(parent = emptyenv())
  progress$size <- size
  unbroken(client, progress, function(offset) put_rest(client, place, path, offset, progress))
  ended <- ask_gateway(
    client, "POST", paste0(place, "/end"), headers = c("Landbridge-Digest" = digest), seconds = NULL
  )
  ended$object$id
}

#' Send what is left of a file; where the upload goes on now.
#'
#' All of it is sent as a form, whose file libcurl reads by itself. What does not get through by that way, or has a name
#' that would stand in the form otherwise than it is, goes in blocks that R hands it.
#' @noRd
put_rest <- function(client, place, path, offset, progress) {
  call <- list(method = "PUT", url = api_url(client, place, list(offset = offset)))
  call <- c(call, if (is.null(progress$tried) && grepl("^[A-Za-z0-9._-]+$", basename(path))) {
    list(form = path)
  } else {
    if (progress$size - offset >= worth_keeping) keep_memory()
    list(upload = path, offset = offset, headers = c("Content-Type" = "application/octet-stream"))
  })
  progress$tried <- TRUE
  answer <- try_patiently(client, call)
  progress$cause <- answer$broken
  if (is.null(answer$broken) && answer$status < 400) return(json_answer(client, answer)$upload$offset)
  ask_gateway(client, "GET", place)$upload$offset
}

#' Go on until the end is reached; given up when one try after the other brings nothing forward.
#'
#' @param progress environment with the `size` there is to reach, and the `cause` of the last break
#' @param go_on function of where to go on; returns what was reached
#' @noRd
unbroken <- function(client, progress, go_on) {
  offset <- 0
  idle <- 0L
  repeat {
    reached <- go_on(offset)
    if (reached >= progress$size) return(invisible())
    if (reached > offset) {
      idle <- 0L
    } else if (idle == length(idle_pauses)) {
      abort_unreachable(client, progress$cause)
    } else {
      idle <- idle + 1L
      Sys.sleep(idle_pauses[[idle]])
    }
    offset <- reached
  }
}

#' Fetch an object into a file, and check its bytes.
#' @noRd
download_object <- function(client, id, path) {
  part <- tempfile(paste0(id, "-"), tmpdir = dirname(path))
  piece <- paste0(part, "-")
  on.exit(unlink(c(part, piece)))
  progress <- new.env(parent = emptyenv())
  progress$size <- Inf
  unbroken(client, progress, function(offset) fetch_rest(client, id, part, piece, offset, progress))
  check_bytes(client, id, part, progress$told)
  if (!is.null(progress$told)) assign(id, progress$told, envir = client$digests)
  file.rename(part, path)
}

#' Fetch what is missing of an object into `part`; how many bytes it has now.
#' @noRd
fetch_rest <- function(client, id, part, piece, offset, progress) {
  headers <- c("Accept-Encoding" = "identity")
  # An object never changes, so its id is its tag: whatever else comes is no part of it.
  tag <- sprintf("\"%s\"", id)
  if (offset > 0) headers <- c(headers, Range = sprintf("bytes=%.0f-", offset), "If-Range" = tag)
  answer <- try_patiently(client, list(
    method = "GET", url = api_url(client, paste0("/objects/", id), list(digest = "xxh128")), headers = headers,
    download = piece
  ))
  progress$cause <- answer$broken
  if (is.null(answer$broken) && answer$status != 503) check_answer(client, answer)
  if (identical(answer$status, 206L)) {
    file.append(part, piece)
  } else if (identical(answer$status, 200L)) {
    file.rename(piece, part)
    size <- answer$headers[["content-length"]]
    progress$size <- if (is.null(size)) Inf else as.numeric(size)
    progress$told <- answer$headers[["landbridge-digest"]]
    if (is.null(size) && is.null(answer$broken)) progress$size <- file.size(part)
  }
  if (file.exists(part)) file.size(part) else 0
}

check_bytes <- function(client, id, path, told) {
  digest <- if (!is.null(told) && file.size(path) <= in_parts) file_digest(path)
  if (is.null(digest)) {
    # First here: the gateway makes the same meanwhile, as it was told whose digest is asked for next.
    digest <- way_digest(path)
    query <- list(algorithm = "xxh128")
    told <- ask_gateway(client, "GET", sprintf("/objects/%s/digest", id), query = query, seconds = NULL)$digest
  }
  if (!identical(told, digest)) {
    abort_landbridge(
      "digest_mismatch", "The bytes that arrived do not have the digest of the object.", "Fetch the result again."
    )
  }
}
