given_node <- function(class, columns, tags = list(), library = NULL) {
  list(
    kind = "frame", columns = columns,
    descriptor = list(class = class, columns = tags, library = library, row_names = "key")
  )
}

column <- function(name, type) list(name = name, type = type)

test_that("a hint tells what all given frames agree on", {
  first <- given_node("pandas", list(column("a", "int16"), column("b", "double"), column("key", "int64")))
  second <- given_node("pandas", list(column("b", "float")), list(b = list(tag = list(x = 1))))
  hint <- frame_hint(c("a", "b", "c"), list(first, second))
  expect_identical(hint$class, "pandas")
  expect_identical(hint$columns, list(a = list(type = "int16"), key = list(type = "int64")))
  expect_null(frame_hint(c("a", "b"), list(first, given_node("polars", list())))$class)
  expect_null(frame_hint("a", list()))
})

test_that("a hint without columns is an object in JSON", {
  hint <- frame_hint("z", list(given_node("polars", list(column("a", "int16")))))
  expect_match(protocol_json(hint), "\"columns\":{}", fixed = TRUE)
  expect_match(protocol_json(hint), "\"library\":{}", fixed = TRUE)
})

test_that("a tag comes back only to a column of the type that it was", {
  hint <- list(class = "data.frame", columns = list(
    a = list(type = "duration[us]", tag = list(units = "mins")), b = list(type = "uint8", tag = list(type = "bytes"))
  ))
  node <- list(
    columns = list(column("a", "duration[ns]"), column("b", "int64"), column("c", "string")),
    descriptor = list(class = "pandas", hint = hint)
  )
  tag_of <- column_tags_of(node, own_hint(node$descriptor))
  expect_identical(tag_of("a"), list(units = "mins"))
  expect_null(tag_of("b"))
  expect_null(tag_of("c"))
})

test_that("only a hint of a frame of R counts in R", {
  expect_null(own_hint(list(class = "pandas", hint = list(class = "polars"))))
  expect_null(own_hint(list(class = "tbl_df", hint = list(class = "data.frame"))))
  expect_null(own_hint(list(class = "pandas")))
})
