# The way of files between a client and a gateway on one machine: written and mapped where they lie, never copied.

#' The gateway's folders and the nonce that proves that they are the same ones; NULL when its files are not to be seen
#' here. Asked once.
#' @noRd
shared_files <- function(client) {
  if (!isTRUE(client$asked)) {
    client$asked <- TRUE
    # Whatever is wrong with the gateway is told by the call that needs it.
    client$shared <- if (grepl(loopback, client$url)) {
      tryCatch(seen_files(ask_gateway(client, "GET", "")), landbridge_error = function(error) NULL)
    }
  }
  client$shared
}

seen_files <- function(told) {
  intake <- told$depot$intake
  if (!is_text(intake) || Sys.getenv("LANDBRIDGE_SHARED_FILES") == "0") return(NULL)
  nonce <- file.path(intake, "nonce")
  if (file.access(nonce, 4) != 0 || file.access(intake, 3) != 0) return(NULL)
  list(intake = intake, objects = told$depot$objects, nonce = readLines(nonce, n = 1L, warn = FALSE))
}

new_shared_file <- function(shared) {
  # Apart from the user's random numbers.
  file.path(shared$intake, paste0("c_", substr(paste0(rlang::hash(new_key()), rlang::hash(tempfile())), 1, 32)))
}

#' Make a file that was written into the gateway's intake an object; NULL when it is another machine's.
#' @noRd
hand_over_file <- function(client, path, format) {
  for (try in 1:2) {
    shared <- shared_files(client)
    if (is.null(shared) || shared$intake != dirname(path)) return(NULL)
    query <- list(format = format, intake = basename(path))
    headers <- c("Landbridge-Nonce" = shared$nonce)
    answer <- tryCatch(
      ask_gateway(client, "POST", "/objects", query = query, headers = headers),
      landbridge_forbidden = function(error) NULL
    )
    if (!is.null(answer)) return(answer$object$id)
    # A gateway that was started anew has a nonce of its own.
    client$asked <- FALSE
  }
  client$shared <- NULL
  NULL
}

#' The file of an object in the depot, which must not be changed; NULL when it is not to be seen here.
#' @noRd
shared_object <- function(client, id) {
  shared <- shared_files(client)
  if (is.null(shared)) return(NULL)
  folder <- file.path(shared$objects, substr(id, 5, 6))
  found <- file.path(folder, paste0(id, c(".arrow", ".rds", ".pkl", ".png", ".bin")))
  found <- found[file.access(found, 4) == 0]
  if (length(found) > 0) found[[1]]
}

#' What is written into the depot is the gateway's: when its disk is full, that is what the gateway would have answered.
#' @noRd
with_room <- function(write) {
  tryCatch(write, error = function(error) {
    if (inherits(error, "landbridge_error")) stop(error)
    if (!grepl("No space left|quota exceeded|errno 28", conditionMessage(error), ignore.case = TRUE)) stop(error)
    hint <- "Make room there; `landbridge doctor` shows how much there is."
    abort_landbridge("disk_full", "The gateway's disk is full.", hint, parent = error)
  })
}
