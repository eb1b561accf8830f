library(testthat)
library(landbridge)

options(warn = 2)
test_check("landbridge")
