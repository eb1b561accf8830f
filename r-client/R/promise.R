# Jobs as promises, for Shiny: the one waiting request of a client, pumped by the event loop of later.

#' @exportS3Method promises::as.promise
as.promise.landbridge_job <- function(x) {
  promises::promise(function(resolve, reject) {
    client <- x$client
    client$watchers <- c(client$watchers, list(list(job = x, resolve = resolve, reject = reject)))
    if (is.null(client$pool)) {
      client$pool <- curl::new_pool()
      client$failures <- 0L
      client$ask_from <- Sys.time()
      ask_events(client)
      pump(client)
    }
  })
}

ask_events <- function(client) {
  url <- api_url(client, "/events", events_query(client, longest_wait))
  call <- list(method = "GET", url = url, seconds = longest_wait + 30)
  handle <- curl::handle_setopt(call_handle(client, call, new.env(parent = emptyenv())), url = url)
  done <- function(answer) {
    guard_watchers(client, {
      client$asking <- FALSE
      client$failures <- 0L
      fold_events(client, json_answer(client, check_answer(client, parsed_answer(answer))))
    })
  }
  fail <- function(reason) {
    guard_watchers(client, {
      client$asking <- FALSE
      client$failures <- client$failures + 1L
      if (client$failures >= most_tries) abort_unreachable(client, reason)
      client$ask_from <- Sys.time() + pause_seconds(list(), client$failures)
    })
  }
  client$asking <- TRUE
  curl::multi_add(handle, done = done, fail = fail, pool = client$pool)
}

#' Evaluate; an error is the answer to everyone who waits.
#' @noRd
guard_watchers <- function(client, expression) {
  tryCatch(expression, error = function(error) {
    waiting <- client$watchers
    client$watchers <- list()
    for (watcher in waiting) watcher$reject(error)
  })
}

#' One turn of the event loop: take what has come, settle what has ended, come again.
#' @noRd
pump <- function(client) {
  curl::multi_run(timeout = 0, pool = client$pool)
  settle_watchers(client)
  if (length(client$watchers) == 0) {
    for (handle in curl::multi_list(client$pool)) curl::multi_cancel(handle)
    client$pool <- NULL
    return(invisible())
  }
  if (!client$asking && Sys.time() >= client$ask_from) ask_events(client)
  later::later(function() pump(client), 0.05)
}

settle_watchers <- function(client) {
  ended <- vapply(client$watchers, function(watcher) has_ended(watcher$job), NA)
  ready <- client$watchers[ended]
  client$watchers <- client$watchers[!ended]
  for (watcher in ready) {
    tryCatch(watcher$resolve(result(watcher$job)), error = function(error) watcher$reject(error))
  }
}
