# Where the gateway is: see docs/protocol.md, "Where clients find the gateway".

#' Connect to a gateway
#'
#' Names the gateway that the calls after it use. Nothing is sent yet. Without `connect()`, and for what is not given
#' here, address, token and `ca` are looked for in this order: `options(landbridge.url =, landbridge.token =,
#' landbridge.ca =)`, the environment variables `LANDBRIDGE_URL`, `LANDBRIDGE_TOKEN` and `LANDBRIDGE_CA`, the file
#' `landbridge.toml` (keys `url`, `token` and `ca`)
#' in the working directory or above, and the home of a gateway on this machine (`$LANDBRIDGE_HOME`, else
#' `~/.landbridge`). A place that names another address never gives its token. Where no place names an address, it is
#' `http://127.0.0.1:8750`.
#'
#' @param url address of the gateway, such as `http://127.0.0.1:8750`
#' @param token the token that `landbridge serve` or `landbridge token` told
#' @param ca a file of certificates: a gateway at `https` must have one that they vouch for
#' @return a `landbridge_client`, invisibly
#' @section Errors: `landbridge_invalid_field` when the address is not one of http or https, or
#'   `ca` is no file.
#' @export
#' @examples
#' connect("http://127.0.0.1:8750", token = "lb_example")
connect <- function(url = NULL, token = NULL, ca = NULL) {
  clients$connected <- new_client(find_gateway(url, token, ca))
  invisible(clients$connected)
}

clients <- new.env(parent = emptyenv())
default_url <- "http://127.0.0.1:8750"
way_to_a_gateway <- "Start one with `landbridge serve`, or set LANDBRIDGE_URL."

#' The client of connect(), or the one that the configuration names now.
#' @noRd
current_client <- function() {
  if (!is.null(clients$connected)) return(clients$connected)
  found <- find_gateway()
  # Kept while the configuration names the same gateway: it knows how far the events were read.
  if (!identical(clients$configured$place, found)) {
    clients$configured <- new_client(found)
    clients$configured$place <- found
  }
  clients$configured
}

find_gateway <- function(url = NULL, token = NULL, ca = NULL) {
  places <- list(
    list(url = url, token = token, ca = ca),
    list(url = getOption("landbridge.url"), token = getOption("landbridge.token"), ca = getOption("landbridge.ca")),
    list(
      url = environment_text("LANDBRIDGE_URL"), token = environment_text("LANDBRIDGE_TOKEN"),
      ca = environment_text("LANDBRIDGE_CA")
    ),
    toml_settings(getwd()), home_settings()
  )
  places <- lapply(places, function(place) if (is.null(place$url)) place else within_url(place))
  url <- first_of(lapply(places, `[[`, "url"))
  if (is.null(url)) url <- default_url
  ours <- vapply(places, function(place) is.null(place$url) || place$url == url, NA)
  found <- list(url = url, token = first_of(lapply(places[ours], `[[`, "token")))
  found$ca <- check_certificates(first_of(lapply(places[ours], `[[`, "ca")))
  found
}

check_certificates <- function(path) {
  if (!is.null(path) && (!file.exists(path) || dir.exists(path))) {
    abort_landbridge(
      "invalid_field", sprintf("There is no file of certificates at `%s`.", path), "Name one, such as LANDBRIDGE_CA."
    )
  }
  path
}

within_url <- function(place) {
  place$url <- check_url(place$url)
  place
}

check_url <- function(url) {
  if (!is.character(url) || length(url) != 1 || !grepl("^https?://[^/@?#[:space:]]+(/[^?#[:space:]]*)?$", url)) {
    abort_landbridge(
      "invalid_field", sprintf("`%s` is not the address of a gateway.", toString(url)),
      "It looks like http://127.0.0.1:8750."
    )
  }
  sub("/+$", "", url)
}

first_of <- function(values) {
  values <- values[!vapply(values, is.null, NA)]
  if (length(values) > 0) values[[1]]
}

environment_text <- function(name) {
  text <- Sys.getenv(name)
  if (nzchar(text)) text
}

#' `url`, `token` and `ca` of the nearest landbridge.toml in a folder or above it.
#' @noRd
toml_settings <- function(folder) {
  repeat {
    path <- file.path(folder, "landbridge.toml")
    if (file.exists(path)) return(read_settings(path))
    above <- dirname(folder)
    if (above == folder) return(list())
    folder <- above
  }
}

#' The three keys at the top of a TOML file; tables and all other keys are somebody else's.
#' @noRd
read_settings <- function(path) {
  lines <- readLines(path, warn = FALSE, encoding = "UTF-8")
  lines <- lines[cumsum(grepl("^\\s*\\[", lines)) == 0]
  setting <- "^\\s*(url|token|ca)\\s*=\\s*(\"([^\"]*)\"|'([^']*)')\\s*(#.*)?$"
  lines <- grep(setting, lines, value = TRUE)
  stats::setNames(as.list(sub(setting, "\\3\\4", lines)), sub(setting, "\\1", lines))
}

home_settings <- function() {
  home <- environment_text("LANDBRIDGE_HOME")
  if (is.null(home)) home <- path.expand("~/.landbridge")
  told <- file.path(home, "gateway.json")
  if (!file.exists(told)) return(list())
  told <- tryCatch(jsonlite::fromJSON(told), error = function(error) NULL)
  url <- told$url
  if (is.null(url)) return(list())
  token <- file.path(home, "token")
  list(
    url = url, token = if (file.access(token, 4) == 0) trimws(readLines(token, n = 1L, warn = FALSE)),
    ca = told$certificate
  )
}
