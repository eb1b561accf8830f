# What the console shows of a job.

#' @export
print.landbridge_job <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}

#' @export
format.landbridge_job <- function(x, ...) {
  # A handle can be looked at when its gateway is not there; it then shows what was known last.
  if (!isTRUE(known_job(x)$whole$state %in% ended_states)) tryCatch(look_up(x), landbridge_error = function(error) NULL)
  known <- known_job(x)
  job <- known$whole
  field <- function(name, text) if (length(text) > 0) paste0(format(name, width = 9), text)
  c(
    sprintf("<landbridge job> %s (%s) %s", toString(job$name), toString(job$runtime), x$id),
    field("state", state_text(known)), field("elapsed", duration_text(job$seconds)), field("page", job$url),
    outcome_lines(job)
  )
}

state_text <- function(known) {
  colour <- switch(known$state,
    succeeded = cli::col_green, failed = , lost = cli::col_red, cancelled = cli::col_yellow, running = cli::col_cyan,
    identity
  )
  paste(c(colour(known$state), if (!is.null(known$note)) sprintf("(%s)", known$note)), collapse = " ")
}

duration_text <- function(seconds) {
  if (is.null(seconds)) return("not started")
  if (seconds < 60) return(sprintf("%.1f s", seconds))
  sprintf("%d:%02d:%02d", as.integer(seconds %/% 3600), as.integer(seconds %/% 60 %% 60), as.integer(seconds %% 60))
}

outcome_lines <- function(job) {
  if (!is.null(job$error)) return(paste0("error    ", job$error$type, ": ", first_line(toString(job$error$message))))
  if (is.null(job$result)) return(NULL)
  shown <- node_lines(job$result)
  paste0(c("result   ", rep("         ", length(shown) - 1)), shown)
}

first_line <- function(text) substr(strsplit(paste0(text, "\n"), "\n", fixed = TRUE)[[1]][[1]], 1, 120)

#' A value in a few lines, from its node alone.
#' @noRd
node_lines <- function(node) {
  switch(node$kind,
    null = "NULL",
    scalar = first_line(if (isTRUE(node$na)) "NA" else toString(unlist(node$value))),
    vector = sprintf("%s vector of %s", node$type, format(node$n, big.mark = ",")),
    array = sprintf("%s array of %s", node$type, paste(unlist(node$shape), collapse = " x ")),
    list = sprintf("%s of %d", node$shape, length(node$items)),
    frame = frame_preview_lines(node),
    native = c(
      sprintf("%s object of class %s", node$language, toString(unlist(node$class))),
      first_line(toString(node$summary$text))
    ),
    file = sprintf("file %s", node$name),
    node$kind
  )
}

frame_preview_lines <- function(node) {
  head <- sprintf("table of %s rows and %d columns", format(node$rows, big.mark = ","), length(node$columns))
  rows <- utils::head(node$preview, 3)
  columns <- seq_len(min(length(node$columns), 8, lengths(rows)))
  if (length(rows) == 0 || length(columns) == 0) return(head)
  cell <- function(cells) vapply(cells[columns], function(one) if (is.null(one)) "NA" else substr(one, 1, 16), "")
  names <- substr(texts_of(lapply(node$columns[columns], `[[`, "name")), 1, 16)
  table <- rbind(names, do.call(rbind, lapply(rows, cell)))
  c(head, do.call(paste, lapply(columns, function(i) format(table[, i]))))
}

#' @export
print.landbridge_job_part <- function(x, ...) {
  steps <- vapply(x$path, function(step) if (is.character(step)) step else as.character(step + 1L), "")
  cat(sprintf("<landbridge job part> %s of %s\n", paste(steps, collapse = " > "), x$job$id))
  invisible(x)
}

#' @export
print.landbridge_native <- function(x, ...) {
  cat(sprintf("<landbridge native: %s object of class %s>\n", x$language, toString(x$class)))
  if (is_text(x$summary)) cat(x$summary, sep = "\n")
  invisible(x)
}
