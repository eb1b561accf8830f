# Says for each carrier how late it was, how late it was predicted to be, and how far off the predictions were, in
# minutes.
summarise <- function(predictions, airlines) {
  predictions <- data.table::as.data.table(predictions)
  by_carrier <- predictions[, .(
    flights = .N,
    delay = mean(arr_delay),
    predicted = mean(predicted),
    rmse = sqrt(mean((arr_delay - predicted)^2))
  ), by = carrier]
  named <- merge(by_carrier, data.table::as.data.table(airlines), by = "carrier")
  data.table::setorder(named, -flights, carrier)
  as.data.frame(named[, .(carrier, name, flights, delay, predicted, rmse)])
}
