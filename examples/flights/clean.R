# Joins flights with their planes and the weather at departure, and keeps what has everything.
# Gives one row for each flight that arrived, in a fixed order. Delays in minutes, distances in miles, ages in years.
clean <- function(flights, planes, weather) {
  flights <- data.table::as.data.table(flights)
  planes <- data.table::as.data.table(planes)
  weather <- data.table::as.data.table(weather)

  arrived <- flights[!is.na(arr_delay) & !is.na(dep_delay)]
  landbridge::log_metric("flights without an arrival", nrow(flights) - nrow(arrived))

  built <- planes[, .(tailnum, built = year)]
  hourly <- unique(
    weather[, .(origin, year, month, day, hour, wind_speed, precip, visib)],
    by = c("origin", "year", "month", "day", "hour")
  )
  joined <- merge(arrived, built, by = "tailnum", all.x = TRUE)
  joined <- merge(joined, hourly, by = c("origin", "year", "month", "day", "hour"))
  joined[, plane_age := year - built]
  joined[is.na(plane_age), plane_age := stats::median(joined$plane_age, na.rm = TRUE)]
  data.table::setorder(joined, month, day, origin, sched_dep_time, carrier, flight)

  wanted <- c(
    "carrier", "origin", "month", "hour", "distance", "dep_delay", "arr_delay",
    "plane_age", "wind_speed", "precip", "visib"
  )
  kept <- stats::na.omit(joined[, wanted, with = FALSE])
  landbridge::log_metric("rows kept", nrow(kept))
  kept
}
