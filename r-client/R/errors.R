#' Conditions of landbridge
#'
#' Every error of this package is a condition of the classes `landbridge_<code>`, `landbridge_error` and
#' `rlang_error`, with the fields `code`, `message` (one sentence), `hint` (the way out, or NULL) and `detail` (a list
#' of facts for programs, or NULL). The codes and sentences are those of the Python client:
#'
#' * the gateway refused: `unauthorized`, `forbidden`, `not_found`, `unknown_job`, `job_removed`, `unknown_object`,
#'   `unknown_secret`, `unknown_token`, `unknown_upload`, `conflict`, `secret_sealed`, `too_large`, `invalid_request`,
#'   `invalid_field`, `unknown_runtime`, `digest_mismatch`, `quota_exceeded`, `disk_full`, `disk_failed`,
#'   `store_gone`, `overloaded`, `too_many_attempts`, `too_many_jobs`, `too_many_waiting`, `too_many_uploads` (the last
#'   three tried again for half a minute already)
#' * on the way: `gateway_unreachable`, `protocol_mismatch`, `bad_answer`
#' * before anything was sent: `unknown_option`, `unknown_argument`, `code_does_not_parse`, `function_not_captured`,
#'   `value_cannot_cross`
#' * no result: `job_failed`, `job_cancelled`, `job_lost`, `wait_timeout`, `needs_trust`, `codec_missing`
#'
#' A `job_failed` condition also carries the classes of the remote error, which is its `parent`.
#'
#' @name landbridge_error
#' @examples
#' tryCatch(
#'   task(mean, memmory = "4g"),
#'   landbridge_unknown_option = function(error) error$hint
#' )
NULL

#' Signal an error of a code.
#'
#' @param code the snake_case code; becomes the class `landbridge_<code>`
#' @param message,hint sentences
#' @param detail named list
#' @noRd
abort_landbridge <- function(code, message, hint = NULL, detail = NULL, call = NULL, parent = NULL) {
  rlang::cnd_signal(landbridge_condition(code, message, hint, detail, call, parent))
}

#' @param class further classes, behind our own
#' @param text what conditionMessage() says in place of `message`, `body` and the messages of the parents
#' @param header what stands in place of `message` when the error is shown with its parents
#' @noRd
landbridge_condition <- function(code, message, hint = NULL, detail = NULL, call = NULL, parent = NULL, class = NULL,
                                 body = NULL, header = NULL, text = NULL) {
  rlang::error_cnd(
    class = c(paste0("landbridge_", code), "landbridge_error", class), message = message,
    body = c(body, if (!is.null(hint)) c(i = hint)), code = code, hint = hint, detail = detail, call = call,
    parent = parent, header = header, text = text, use_cli_format = FALSE
  )
}

#' @export
conditionMessage.landbridge_error <- function(c) if (is.null(c$text)) NextMethod() else c$text

#' @exportS3Method rlang::cnd_header
cnd_header.landbridge_error <- function(cnd, ...) if (is.null(cnd$header)) cnd$message else cnd$header

#' @exportS3Method rlang::cnd_body
cnd_body.landbridge_error <- function(cnd, ...) cnd$body

#' @exportS3Method rlang::cnd_footer
cnd_footer.landbridge_error <- function(cnd, ...) character()
