# Grows a forest on every tenth flight and says which column told it most of the arrival delay, with a plot of that.
forest <- function(flights) {
  tenth <- as.data.frame(flights)[seq(1, nrow(flights), by = 10), ]
  grown <- ranger::ranger(
    arr_delay ~ ., tenth, num.trees = 50, max.depth = 8, importance = "impurity", seed = 1, num.threads = 1
  )
  landbridge::log_metric("rmse", sqrt(grown$prediction.error))
  told <- sort(ranger::importance(grown), decreasing = TRUE)
  importance <- data.frame(column = names(told), importance = unname(told) / sum(told))
  plot <- ggplot2::ggplot(importance, ggplot2::aes(importance, stats::reorder(column, importance))) +
    ggplot2::geom_col() +
    ggplot2::labs(x = "share of what the forest explains", y = NULL)
  landbridge::log_plot("importance", plot)
  importance
}
