# Verdicts: what became of each column of a frame on its way, and what is refused instead of being changed.

verdict <- function(verdict, reason) list(verdict = verdict, reason = reason)

loss_permit <- "Convert the column, or allow it with task(..., on_loss = \"allow\")."

#' Refuse a lossy column, warn of it or let it go, as the task's `on_loss` says.
#' @noRd
tell_verdict <- function(found, path, label, on_loss = "warn") {
  if (is.null(found) || found$verdict != "lossy" || identical(on_loss, "allow")) return(invisible())
  if (identical(on_loss, "error")) {
    reason <- sprintf("%s, and `on_loss` is \"error\"", found$reason)
    cannot_cross(path, reason, loss_permit, list(column = label))
  }
  rlang::cnd_signal(rlang::warning_cnd(
    class = c("landbridge_loss_warning", "landbridge_warning"), message = loss_message(path, found$reason),
    column = label, use_cli_format = FALSE
  ))
}

loss_message <- function(path, reason) sprintf("`%s` crosses with loss: %s.", path, reason)

#' Refuse a column whose `row`, counted from 1, would be corrupted.
#' @noRd
refuse_row <- function(path, label, row, reason, hint = NULL) {
  cannot_cross(path, sprintf("%s (row %.0f)", reason, row), hint, list(column = label, row = row))
}

column_path <- function(path, label) sprintf("%s[%s]", path, encodeString(label, quote = "\""))

#' The answer of wire_column() for what no Arrow type holds: why, and the first row that tells.
#' @noRd
no_column <- function(reason, row = NULL) structure(list(reason = reason, row = row), class = "landbridge_no_column")

is_no_column <- function(x) inherits(x, "landbridge_no_column")
