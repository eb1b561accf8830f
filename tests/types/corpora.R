# Frames that R ships, and the tables of the two well-known packages as R has them.

shipped <- function() {
  names <- ls("package:datasets")
  frames <- lapply(stats::setNames(nm = names), get, envir = as.environment("package:datasets"))
  Filter(is.data.frame, frames)
}

# The classes and types of the R package of that name.
as_penguins <- function(table) {
  for (name in c("species", "island", "sex")) table[[name]] <- factor(table[[name]])
  for (name in c("flipper_length_mm", "body_mass_g", "year")) table[[name]] <- as.integer(table[[name]])
  tibble::as_tibble(as.data.frame(table))
}

as_flights <- function(table) {
  whole <- c("year", "month", "day", "dep_time", "sched_dep_time", "arr_time", "sched_arr_time", "flight", "hour", "minute")
  for (name in intersect(whole, names(table))) table[[name]] <- as.integer(table[[name]])
  if (is.character(table$time_hour)) {
    table$time_hour <- as.POSIXct(table$time_hour, format = "%Y-%m-%dT%H:%M:%SZ", tz = "America/New_York")
  }
  tibble::as_tibble(as.data.frame(table))
}

differing <- function(returned, expected) {
  alike <- mapply(identical, returned, expected)
  names(expected)[!alike]
}
