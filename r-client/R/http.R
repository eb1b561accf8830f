# The only file that talks to the network.

most_tries <- 5L
largest_block <- 512L * 1024L
form_block <- 64L * 1024L
patience <- 30
loopback <- "^https?://(localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?(/|$)"

#' Send a call, again after a broken connection or a 503, and return the checked answer.
#'
#' One that a full gateway refused (429) has changed nothing: it is sent again when the gateway says so, for
#' `patience` seconds in all.
#'
#' Every call of the contract may be repeated: the POSTs carry an Idempotency-Key, change nothing the second time, or
#' (objects) store a copy that nobody names.
#'
#' @param call list of `method`, `url`, `headers`, `seconds` (longest duration, NULL for none as long as bytes move),
#'   and of at most one of `body` (raw), `upload` (path of a file to send, from the byte `offset` on), `form` (path of a
#'   file to send as a form), `download` (path of a file to write)
#' @return list of `status`, `headers` (lower case), `content`
#' @noRd
send_call <- function(client, call) {
  for (try in seq_len(most_tries)) {
    answer <- try_patiently(client, call)
    if (is.null(answer$broken) && answer$status != 503) break
    # A gateway that never answered is not there; one that did is being started again.
    if (try == most_tries || isTRUE(answer$refused) && !isTRUE(client$reached)) break
    Sys.sleep(pause_seconds(answer, try))
  }
  if (!is.null(answer$broken)) abort_unreachable(client, answer$broken)
  client$reached <- TRUE
  check_answer(client, answer)
}

try_patiently <- function(client, call) {
  waited <- 0
  repeat {
    answer <- try_call(client, call)
    if (!identical(as.integer(answer$status), 429L)) return(answer)
    # Not all at once: those that were refused together come back apart.
    pause <- max(told_seconds(answer, 1), 0.1) * (1 + own_fraction() / 2)
    waited <- waited + pause
    if (waited > patience) return(answer)
    Sys.sleep(pause)
  }
}

#' A number from 0 to 1 that differs from process to process; made without touching the user's random numbers.
#' @noRd
own_fraction <- function() strtoi(substr(sub("^r-", "", new_key()), 1, 6), 16L) / 16^6

pause_seconds <- function(answer, try) min(told_seconds(answer, 0.1 * 4^(try - 1)), 5)

told_seconds <- function(answer, default) {
  told <- suppressWarnings(as.numeric(answer$headers[["retry-after"]]))
  if (length(told) == 1 && !is.na(told) && told >= 0) told else default
}

abort_unreachable <- function(client, cause) {
  abort_landbridge(
    "gateway_unreachable", sprintf("No gateway answers at %s.", client$url), way_to_a_gateway,
    list(url = client$url, cause = cause)
  )
}

#' One try: the answer, or list(broken = reason, refused = nobody listens) with `status` and `headers` if these came.
#' @noRd
try_call <- function(client, call) {
  state <- new.env(parent = emptyenv())
  handle <- call_handle(client, call, state)
  on.exit(if (!is.null(state$upload)) close(state$upload))
  tryCatch({
    fetched <- if (is.null(call$download)) {
      curl::curl_fetch_memory(call$url, handle)
    } else {
      curl::curl_fetch_disk(call$url, call$download, handle)
    }
    client$handle <- handle
    parsed_answer(fetched)
  }, error = function(error) broken_call(client, state, handle, conditionMessage(error)))
}

parsed_answer <- function(answer) {
  headers <- curl::parse_headers_list(answer$headers)
  names(headers) <- tolower(names(headers))
  content <- answer$content
  if (is.character(content) && answer$status_code >= 300) content <- readBin(content, "raw", 1e6)
  list(status = answer$status_code, headers = headers, content = content)
}

broken_call <- function(client, state, handle, reason) {
  if (isTRUE(state$too_large)) abort_bad_answer(client, sprintf("more than %.0f MiB", client$largest_answer / 1024^2))
  # libcurl reports a Ctrl-C as its own error; it must not look like a missing gateway.
  if (grepl("callback aborted|aborted by an application callback", reason, ignore.case = TRUE)) rlang::interrupt()
  began <- curl::handle_data(handle)
  c(parsed_answer(began), list(broken = reason, refused = grepl("connect to|resolve", reason)))
}

call_handle <- function(client, call, state) {
  handle <- client$handle
  # A connection goes with its handle, so calls share one: it is put back when a call is through, and lost with one
  # that was cut off.
  client$handle <- NULL
  if (is.null(handle)) handle <- curl::new_handle() else curl::handle_reset(handle)
  options <- c(
    list(customrequest = call$method, followlocation = FALSE, connecttimeout = 10L, useragent = user_agent()),
    if (grepl(loopback, client$url)) list(noproxy = "*"), longest_duration(call$seconds),
    # What signs for the gateway when this machine's own authorities do not; it is verified in either case.
    if (!is.null(client$ca)) list(cainfo = client$ca),
    if (is.null(call$download)) largest_size(client$largest_answer, state) else list(buffersize = largest_block),
    if (!is.null(call$body)) list(post = TRUE, postfieldsize = length(call$body), postfields = call$body),
    if (!is.null(call$upload)) upload_options(call$upload, call$offset, state),
    if (!is.null(call$form)) list(upload_buffersize = form_block)
  )
  # In one go: each call of it looks all of curl's options through.
  curl::handle_setopt(handle, .list = options)
  if (!is.null(call$form)) {
    curl::handle_setform(handle, file = curl::form_file(call$form, type = "application/octet-stream"))
  }
  headers <- c(call$headers, "Landbridge-Protocol" = protocol_version, Expect = "")
  if (!is.null(client$token)) headers <- c(headers, Authorization = paste("Bearer", client$token))
  curl::handle_setheaders(handle, .list = as.list(headers))
}

user_agent <- function() {
  if (is.null(clients$user_agent)) {
    clients$user_agent <- paste0("landbridge-r/", utils::packageVersion("landbridge"))
  }
  clients$user_agent
}

longest_duration <- function(seconds) {
  if (!is.null(seconds)) return(list(timeout_ms = as.integer(1000 * seconds)))
  list(low_speed_limit = 1L, low_speed_time = 120L)
}

#' An answer that is kept in memory must not fill it, whatever its headers say.
#' @noRd
largest_size <- function(most, state) {
  watch <- function(down, up) {
    state$too_large <- max(down) > most
    !state$too_large
  }
  list(noprogress = FALSE, xferinfofunction = watch)
}

upload_options <- function(path, offset, state) {
  state$upload <- file(path, "rb")
  if (!is.null(offset)) seek(state$upload, offset)
  list(
    post = TRUE, postfieldsize_large = file.size(path) - sum(offset), upload_buffersize = largest_block,
    readfunction = function(size) readBin(state$upload, "raw", size)
  )
}
