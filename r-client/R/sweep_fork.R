# A fork for each point of a sweep whose points could change each other's values. R's own forks (mcfork) keep to
# themselves how a child ended, so fork, wait and setsid are those of the C library: calls that .C can make, because
# they take nothing or a place for one integer.

c_library <- function() {
  if (is.null(sweep_state$library)) {
    maps <- "/proc/self/maps"
    mapped <- if (file.exists(maps)) readLines(maps)
    path <- sub("^[^/]*", "", grep("/libc[.-][^/]*$", mapped, value = TRUE))
    if (length(path) == 0) stop("A sweep over values that can be changed in place needs Linux.", call. = FALSE)
    library <- dyn.load(path[[1]])
    names <- c("fork", "wait", "setsid")
    sweep_state$library <- lapply(stats::setNames(nm = names), getNativeSymbolInfo, PACKAGE = library)
  }
  sweep_state$library
}

run_in_fork <- function(sweep, point) {
  native <- c_library()
  # The child tells its process id here, and that it has written its outcome.
  marks <- file.path(tempdir(), c("fork-began", "fork-ended"))
  killed <- memory_kills()
  .C(native$fork)
  if (Sys.getpid() != sweep_state$process) end_as_fork(sweep, point, marks)
  status <- status_of_fork(native, marks)
  end_group(marks[[1]])
  if (!file.exists(marks[[2]])) {
    cut_torn_line(sweep$events)
    died <- death_of_status(status, memory_kills() > killed)
    tell_outcome(sweep, point, protocol_field(list(died = died)))
  }
  unlink(marks)
  after_fork(sweep)
}

#' The child's way: it never comes back, and leaves without what R does at an end, because the temporary folder is the
#' parent's.
#' @noRd
end_as_fork <- function(sweep, point, marks) {
  on.exit(tools::pskill(Sys.getpid(), tools::SIGKILL))
  .C(c_library()$setsid)
  # When memory is short it is this process that goes, not the worker.
  try(writeLines("1000", "/proc/self/oom_score_adj"), silent = TRUE)
  sweep_state$process <- Sys.getpid()
  share_bridge()
  writeLines(as.character(Sys.getpid()), marks[[1]])
  outcome <- outcome_of_point(sweep, point)
  tell_outcome(sweep, point, outcome)
  file.create(marks[[2]])
}

#' How the child ended, as wait() tells it. Another process that ended meanwhile (of a package's, say) is passed over.
#' @noRd
status_of_fork <- function(native, marks) {
  repeat {
    status <- .C(native$wait, status = -1L)$status
    child <- process_of(marks[[1]])
    gone <- length(child) == 1 && !tools::pskill(child, 0L)
    if (status >= 0 && (gone || length(child) == 0)) return(status)
    # Somebody else has waited for the child.
    if (status < 0 && gone) return(0L)
  }
}

process_of <- function(mark) if (file.exists(mark)) as.integer(readLines(mark, warn = FALSE))

#' End what the child has left of its session.
#' @noRd
end_group <- function(mark) {
  session <- process_of(mark)
  if (length(session) != 1) return(invisible())
  repeat {
    left <- Filter(function(process) identical(session_of(process), session), running_processes())
    if (length(left) == 0) break
    tools::pskill(left, tools::SIGKILL)
  }
}

running_processes <- function() as.integer(list.files("/proc", "^[0-9]+$"))

#' The session of a process that runs; NULL for one that has ended, waited for or not.
#' @noRd
session_of <- function(process) {
  told <- tryCatch(readLines(sprintf("/proc/%d/stat", process)), error = function(e) NULL, warning = function(w) NULL)
  # The command's name, in brackets, may hold anything.
  fields <- strsplit(sub("^.*[)] ", "", told), " ", fixed = TRUE)
  if (length(fields) == 1 && !fields[[1]][[1]] %in% c("Z", "X")) as.integer(fields[[1]][[4]])
}

death_of_status <- function(status, memory) {
  signal <- bitwAnd(status, 127L)
  if (signal == 0) death(code = bitwAnd(bitwShiftR(status, 8L), 255L)) else death(signal = signal, memory = memory)
}

#' How many processes the kernel has ended in this container for want of memory.
#' @noRd
memory_kills <- function() {
  for (path in c("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")) {
    if (!file.exists(path)) next
    told <- grep("^oom_kill ", readLines(path), value = TRUE)
    if (length(told) > 0) return(as.numeric(sub("^oom_kill ", "", told[[1]])))
  }
  0
}

#' Take away the line that the child was writing when it died.
#' @noRd
cut_torn_line <- function(events) {
  path <- file.path(events$folder, "out", "events.jsonl")
  size <- file.size(path)
  con <- file(path, "rb")
  on.exit(close(con))
  seek(con, size - 1)
  if (identical(readBin(con, "raw", 1), as.raw(10L))) return(invisible())
  seek(con, 0)
  ends <- which(readBin(con, "raw", size) == as.raw(10L))
  # R's own truncate() leaves a file that was only read as it is.
  system2("truncate", c("-s", sprintf("%.0f", max(0, ends)), shQuote(path)))
}

#' R takes the temporary folder with it when it crashes, the child as well: what the parent had there is made again.
#' @noRd
after_fork <- function(sweep) {
  folder <- sweep$before$folder
  lost <- !dir.exists(tempdir())
  put_back_folder(folder)
  if (lost) {
    # The parent's own working directory is the one that was removed.
    setwd(folder)
    sweep <- sweep$again()
  }
  sweep$sizes <- log_sizes(sweep)
  sweep
}
