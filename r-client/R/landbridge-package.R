#' landbridge: one gateway for experiments in R and Python
#'
#' [submit()] sends a function or a script of either language to a Landbridge gateway, which runs it in a container;
#' [result()] brings its result back. [task()] names its options, [r()] and [python()] its code. Inside a job,
#' [log_metric()] and its family report to the record.
#'
#' @section Options:
#' `landbridge.url`, `landbridge.token`, `landbridge.ca`: see [connect()]. `landbridge.verbose`: say what is waited for,
#' and by which way tables go? By default in interactive sessions only.
#' @keywords internal
"_PACKAGE"
