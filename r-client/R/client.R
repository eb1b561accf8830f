# One client for each gateway that a session talks to: the address, the token, and what is known of its jobs.

protocol_version <- "1"

new_client <- function(place) {
  client <- new.env(parent = emptyenv())
  client$url <- place$url
  client$token <- place$token
  client$ca <- place$ca
  client$largest_answer <- 64 * 1024^2
  client$jobs <- new.env(parent = emptyenv())
  client$objects <- new.env(parent = emptyenv())
  client$digests <- new.env(parent = emptyenv())
  # By session, and as "none" for all that are of none, the id of the last job that was submitted.
  client$last <- new.env(parent = emptyenv())
  structure(client, class = "landbridge_client")
}

#' @export
print.landbridge_client <- function(x, ...) {
  cat(sprintf("<landbridge gateway at %s>\n", x$url))
  invisible(x)
}

#' A call that is answered with JSON: its parsed body.
#'
#' @param query named list; of a vector each element is an entry, of NULL none
#' @param body list to be sent as JSON, or NULL
#' @noRd
ask_gateway <- function(client, method, path, query = NULL, body = NULL, headers = NULL, seconds = 60) {
  if (!is.null(body)) headers <- c(headers, "Content-Type" = "application/json")
  answer <- send_call(client, list(
    method = method, url = api_url(client, path, query), headers = headers, seconds = seconds,
    body = if (!is.null(body)) charToRaw(protocol_json(body))
  ))
  json_answer(client, answer)
}

api_url <- function(client, path, query = NULL) {
  pairs <- lapply(names(query), function(name) {
    if (length(query[[name]]) > 0) paste0(name, "=", curl::curl_escape(enc2utf8(query_text(query[[name]]))))
  })
  url <- paste0(client$url, "/api/v1", path)
  if (length(unlist(pairs)) == 0) url else paste0(url, "?", paste(unlist(pairs), collapse = "&"))
}

query_text <- function(value) {
  if (is.numeric(value)) format(value, scientific = FALSE, trim = TRUE, digits = 15) else as.character(value)
}

json_answer <- function(client, answer) {
  text <- answer_text(answer)
  parsed <- tryCatch(parse_protocol_json(text), error = function(error) NULL)
  is_object <- is.list(parsed) && !is.null(names(parsed))
  if (!is_object) abort_bad_answer(client, "something that is no JSON object")
  parsed
}

answer_text <- function(answer) {
  # A zero byte cannot stand in an R text; in a log it is noise.
  content <- answer$content
  text <- rawToChar(content[content != as.raw(0)])
  Encoding(text) <- "UTF-8"
  text
}

#' @param what the rest of a sentence about the gateway
#' @noRd
abort_bad_answer <- function(client, what, hint = NULL) {
  abort_landbridge("bad_answer", sprintf("The gateway at %s answered %s.", client$url, what), hint)
}

abort_no_gateway <- function(client, what) {
  abort_landbridge("bad_answer", sprintf("%s %s.", client$url, what), "Check LANDBRIDGE_URL.")
}

#' Stop unless the answer is one of a gateway of this protocol that did what was asked.
#' @noRd
check_answer <- function(client, answer) {
  if (answer$status %in% 300:399) abort_no_gateway(client, "redirects to another place, which a gateway never does")
  spoken <- answer$headers[["landbridge-protocol"]]
  if (is.null(spoken)) abort_no_gateway(client, "answers, but it is no Landbridge gateway")
  if (!identical(trimws(spoken), protocol_version)) {
    abort_landbridge(
      "protocol_mismatch",
      sprintf("The gateway at %s speaks protocol %s, this client %s.", client$url, spoken, protocol_version),
      "Install a client and a gateway of the same version.", list(gateway = spoken, client = protocol_version)
    )
  }
  if (answer$status >= 400) abort_with_answer(client, answer)
  answer
}

abort_with_answer <- function(client, answer) {
  error <- tryCatch(parse_protocol_json(answer_text(answer))$error, error = function(error) NULL)
  if (!is.list(error) || !is.character(error$code) || !is.character(error$message)) {
    abort_bad_answer(client, sprintf("%d without saying why", answer$status))
  }
  detail <- c(error$detail, list(status = answer$status))
  abort_landbridge(error$code, error$message, error$hint, detail)
}
