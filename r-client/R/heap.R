# R's heap beside large tables: memory that stays with the process, and room that is made before a table is read.

worth_room <- 32 * 1024^2

#' Let R's vectors grow by a table of so many bytes, and what room_for() adds, before R collects garbage again.
#'
#' R collects each time its vectors have outgrown a limit, which it then raises by a few percent, and walks over all
#' that is loaded: 60 ms with arrow and tibble, and a dozen times for one frame of a gigabyte, which took 1.05 s to read
#' and takes 0.5. A vector raises the limit to what it needs. This one is forgotten before its memory is touched.
#' @noRd
make_room <- function(bytes) {
  if (bytes < worth_room) return(invisible())
  nothing <- rawConnection(raw())
  on.exit(close(nothing))
  # No more than a wish: where the system or mem.maxVSize() has no room, reading goes on as R would have it.
  tryCatch(readBin(nothing, "complex", room_for(bytes) / 16), error = function(error) NULL)
  invisible()
}

#' How much room a table of so many bytes is given: in a container also for what is made of it.
#'
#' What is read stays, so there is room for that in any case. With what a function makes of it a third of the
#' container's memory may fill before R looks for garbage: R itself and its packages want some, and R's own limit comes
#' out a fifth higher. Where memory has no limit, what a function makes is left to R.
#' @param memory the container's limit in bytes, `Inf` where there is none
#' @noRd
room_for <- function(bytes, memory = memory_limit()) {
  max(1.2 * bytes, if (is.finite(memory)) min(3 * bytes, memory / 3))
}

#' The memory that this container may use, in bytes; `Inf` outside of one.
#' @noRd
memory_limit <- function(files = c("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")) {
  for (path in files[file.exists(files)]) {
    bytes <- suppressWarnings(as.numeric(readLines(path, n = 1L, warn = FALSE)))
    # Version 2 says "max", and version 1 the largest number of pages.
    if (length(bytes) == 1 && !is.na(bytes) && bytes < 2^62) return(bytes)
  }
  Inf
}

#' Let memory that R has freed be used again by this process, up to 64 MB of it.
#'
#' Each block that is sent is a vector of its own, and glibc gives the memory of such vectors back to the system at
#' every collection: new pages for all of a file, a second for each gigabyte. It keeps more from when it frees a larger
#' one, of at most 32 MB: see M_TRIM_THRESHOLD in mallopt(3).
#' @noRd
keep_memory <- function() {
  if (isTRUE(clients$keeps_memory)) return(invisible())
  raw(31 * 1024^2)
  gc(full = FALSE)
  clients$keeps_memory <- TRUE
}
