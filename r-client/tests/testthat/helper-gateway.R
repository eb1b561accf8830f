# A scripted gateway (fixtures/gateway_server.py) as a child process, started by the first test that needs it.

gateway_state <- new.env(parent = emptyenv())

gateway_url <- function() {
  if (is.null(gateway_state$url)) {
    skip_if(Sys.which("python3") == "", "no python3 for the test server")
    gateway_state$process <- pipe(paste("exec python3", shQuote(test_path("fixtures", "gateway_server.py"))), "r")
    port <- readLines(gateway_state$process, 1)
    gateway_state$url <- paste0("http://127.0.0.1:", port)
    withr::defer(stop_gateway(), envir = teardown_env())
  }
  gateway_state$url
}

stop_gateway <- function() {
  control("POST", "/stop")
  close(gateway_state$process)
}

control <- function(method, path, body = NULL) {
  handle <- curl::new_handle(customrequest = method, noproxy = "*")
  if (!is.null(body)) curl::handle_setopt(handle, copypostfields = body)
  curl::handle_setheaders(handle, Expect = "")
  answer <- curl::curl_fetch_memory(paste0(gateway_state$url, path), handle)
  jsonlite::fromJSON(rawToChar(answer$content), simplifyVector = FALSE)
}

# The gateway will give these answers, and this session talks to it.
local_gateway <- function(..., token = "lb_test", env = parent.frame()) {
  url <- gateway_url()
  tell_gateway(...)
  old <- clients$connected
  withr::defer(clients$connected <- old, envir = env)
  connect(url, token)
}

tell_gateway <- function(...) control("PUT", "/answers", protocol_json(list(...)))

seen <- function(path = NULL) {
  found <- control("GET", "/seen")
  if (is.null(path)) found else Filter(function(request) request$path == paste0("/api/v1", path), found)
}

answer <- function(path, body = NULL, method = "GET", ...) {
  c(list(method = method, path = paste0("/api/v1", path), body = body), list(...))
}

gateway_error <- function(code, message, hint = NULL, detail = NULL) {
  list(error = list(code = code, message = message, hint = hint, detail = detail))
}

job_id <- function(number) sprintf("job_%016d", number)

job_json <- function(number = 1, state = "succeeded", ...) {
  defaults <- list(
    id = job_id(number), name = "fit", language = "r", runtime = "r:4.6", state = state, attempt = 1L,
    url = paste0("http://127.0.0.1/jobs/", job_id(number)), warnings = list(), seconds = 1.25
  )
  if (state == "succeeded") defaults$result <- list(kind = "scalar", type = "float", value = 42)
  given <- list(...)
  list(job = drop_null(c(given, defaults[setdiff(names(defaults), names(given))])), cursor = 10L)
}

job_answer <- function(number = 1, state = "succeeded", ...) {
  answer(paste0("/jobs/", job_id(number)), job_json(number, state, ...))
}

submitted <- function(number = 1, state = "queued", ...) {
  answer("/jobs", job_json(number, state), "POST", status = 201, ...)
}

events <- function(cursor, ...) answer("/events", list(events = list(...), cursor = cursor))

event <- function(seq, number, state, note = NULL) {
  list(seq = seq, job = job_id(number), state = state, cause = NULL, note = note)
}

ended <- function(number = 1, ...) list(events(11L, event(11L, number, "succeeded")), job_answer(number, ...))

catch_error <- function(expression) tryCatch(expression, landbridge_error = function(error) error)
