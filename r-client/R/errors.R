#' Conditions of landbridge
#'
#' Every error of this package is a condition of the classes `landbridge_<code>`, `landbridge_error` and
#' `rlang_error`, with the fields `code`, `message` (one sentence), `hint` (the way out, or NULL) and `detail` (a list
#' of facts for programs, or NULL). The codes and sentences are those of the Python client:
#'
#' * the gateway refused: `unauthorized`, `forbidden`, `not_found`, `unknown_job`, `unknown_object`, `conflict`,
#'   `too_large`, `invalid_request`, `invalid_field`, `unknown_runtime`, `digest_mismatch`, `overloaded`
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

landbridge_condition <- function(code, message, hint = NULL, detail = NULL, call = NULL, parent = NULL, class = NULL,
                                 body = NULL) {
  rlang::error_cnd(
    class = c(paste0("landbridge_", code), class, "landbridge_error"), message = message,
    body = c(body, if (!is.null(hint)) c(i = hint)), code = code, hint = hint, detail = detail, call = call,
    parent = parent, use_cli_format = FALSE
  )
}
