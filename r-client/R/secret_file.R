# The secrets of a job: one file in memory, which the worker fills from the job's pipe before user code runs. It is on
# a tmpfs, can be read by the job's user alone, and goes with the job. Where it is stands in a variable of the
# environment, so that child processes and the other language of a job find it too; the values stand in none.

secret_state <- new.env(parent = emptyenv())
secrets_memory <- "/dev/shm"

#' A secret of the job
#'
#' The value of a secret that the job's task names, as in `task(f, secrets = "db_password")`; the gateway keeps it
#' (`landbridge secret set db_password`). Outside a job it is the variable of the environment
#' `LANDBRIDGE_SECRET_<NAME>`, so that a script runs unchanged on a laptop. Inside a job that variable is not looked at.
#'
#' @param name name of the secret
#' @return text
#' @section Errors: `landbridge_unknown_secret` for a secret that the job was not given, and outside a job where the
#'   variable is not set; the hint says what to do.
#' @export
#' @examples
#' Sys.setenv(LANDBRIDGE_SECRET_DB_PASSWORD = "only for this example")
#' secret("db_password")
secret <- function(name) {
  check_name(name)
  if (!nzchar(Sys.getenv("LANDBRIDGE_JOB_FOLDER"))) return(secret_elsewhere(name))
  place <- Sys.getenv("LANDBRIDGE_SECRETS")
  value <- if (nzchar(place)) read_json_file(place)$secrets[[name]]
  if (!is.null(value)) return(value)
  abort_landbridge(
    "unknown_secret", sprintf("The job was not given a secret `%s`.", name),
    sprintf("Name it in its task: task(..., secrets = \"%s\").", name), list(name = name)
  )
}

secret_elsewhere <- function(name) {
  variable <- paste0("LANDBRIDGE_SECRET_", toupper(name))
  value <- Sys.getenv(variable, NA)
  if (!is.na(value)) return(value)
  abort_landbridge(
    "unknown_secret", sprintf("There is no secret `%s` outside a job.", name),
    sprintf("Set the variable %s, or submit the code as a job.", variable), list(name = name)
  )
}

#' Take in the secrets that a job's task names, if it names any.
#' @noRd
receive_secrets <- function(spec, folder) {
  if (length(spec$task$secrets) == 0) return(invisible())
  line <- secret_line(file.path(folder, "secrets"))
  problem <- parse_protocol_json(line)$problem
  if (!is.null(problem)) abort_landbridge("unknown_secret", problem, "Submit the job again.")
  place <- file.path(secrets_folder(), attempt_name(spec))
  mask <- Sys.umask("377")
  on.exit(Sys.umask(mask))
  con <- file(place, "wb")
  writeLines(line, con, useBytes = TRUE)
  close(con)
  secret_state$place <- place
  Sys.setenv(LANDBRIDGE_SECRETS = place)
}

#' The line of the pipe. Its end is the end of who would have written to it: another will come.
#' @noRd
secret_line <- function(path) {
  repeat {
    con <- fifo(path, "r", blocking = TRUE)
    line <- tryCatch(readLines(con, n = 1L, encoding = "UTF-8", warn = FALSE), finally = close(con))
    if (length(line) > 0) return(line)
  }
}

#' The folder of this process's secrets, made with its first ones.
#' @noRd
secrets_folder <- function() {
  if (is.null(secret_state$folder)) {
    # A file there must never be on a disk.
    if (!any(grepl(paste0(" ", secrets_memory, " tmpfs "), readLines("/proc/self/mounts"), fixed = TRUE))) {
      message <- sprintf("There is no tmpfs at %s for the job's secrets.", secrets_memory)
      abort_landbridge("unknown_secret", message, "Run the job in a container.")
    }
    folder <- file.path(secrets_memory, paste0("landbridge-", secret_state$process))
    if (!dir.create(folder, mode = "0700")) stop(sprintf("%s cannot be made.", folder))
    secret_state$folder <- folder
  }
  secret_state$folder
}

attempt_name <- function(spec) sprintf("%s.%d", spec$job, as.integer(spec$attempt))

#' The job has ended.
#' @noRd
forget_secrets <- function() {
  if (is.null(secret_state$place)) return(invisible())
  unlink(secret_state$place)
  Sys.unsetenv("LANDBRIDGE_SECRETS")
  secret_state$place <- NULL
}

#' The process ends.
#' @noRd
remove_secrets_folder <- function() {
  if (!is.null(secret_state$folder)) unlink(secret_state$folder, recursive = TRUE)
}
