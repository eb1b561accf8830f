local_places <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  home <- file.path(folder, "home")
  inner <- file.path(folder, "project", "deep")
  dir.create(home)
  dir.create(inner, recursive = TRUE)
  withr::local_dir(inner, .local_envir = env)
  withr::local_envvar(LANDBRIDGE_HOME = home, .local_envir = env)
  writeLines("{\"url\": \"http://127.0.0.1:1\", \"pid\": 1}", file.path(home, "gateway.json"))
  writeLines("from_home", file.path(home, "token"))
  folder
}

test_that("each place goes before the next", {
  folder <- local_places()
  expect_equal(find_gateway(), list(url = "http://127.0.0.1:1", token = "from_home"))

  toml <- c("# ours", "url = \"http://127.0.0.1:2/\"  # here", "token = 'from_toml'", "[other]", "url = \"http://x:9\"")
  writeLines(toml, file.path(folder, "project", "landbridge.toml"))
  expect_equal(find_gateway(), list(url = "http://127.0.0.1:2", token = "from_toml"))

  withr::local_envvar(LANDBRIDGE_URL = "http://127.0.0.1:3", LANDBRIDGE_TOKEN = "from_environment")
  expect_equal(find_gateway(), list(url = "http://127.0.0.1:3", token = "from_environment"))

  withr::local_options(landbridge.url = "http://127.0.0.1:4", landbridge.token = "from_options")
  expect_equal(find_gateway(), list(url = "http://127.0.0.1:4", token = "from_options"))

  expect_equal(find_gateway("http://127.0.0.1:5", "given"), list(url = "http://127.0.0.1:5", token = "given"))
})

test_that("a place that names another address keeps its token to itself", {
  local_places()
  withr::local_envvar(LANDBRIDGE_URL = "http://example.org")
  expect_null(find_gateway()$token)
  withr::local_envvar(LANDBRIDGE_URL = "http://127.0.0.1:1")
  expect_equal(find_gateway()$token, "from_home")
})

test_that("a token alone completes an address from elsewhere", {
  local_places()
  withr::local_envvar(LANDBRIDGE_URL = "http://example.org")
  withr::local_options(landbridge.token = "mine")
  expect_equal(find_gateway(), list(url = "http://example.org", token = "mine"))
})

test_that("no place at all means this machine, without a token", {
  withr::local_dir(withr::local_tempdir())
  expect_equal(find_gateway(), list(url = "http://127.0.0.1:8750", token = NULL))
})

test_that("only addresses of http and https without a user are taken", {
  refused <- list(
    "ftp://x", "file:///etc/passwd", "http://user:word@x", "x", 3, "http://x?y=1", c("http://a", "http://b")
  )
  for (url in refused) {
    expect_s3_class(catch_error(find_gateway(url)), "landbridge_invalid_field")
  }
  expect_equal(find_gateway("https://x.org/lab/")$url, "https://x.org/lab")
})

test_that("the client is kept while the configuration names the same gateway", {
  old <- clients$connected
  clients$connected <- NULL
  withr::defer(clients$connected <- old)
  withr::local_envvar(LANDBRIDGE_URL = "http://127.0.0.1:3")
  first <- current_client()
  expect_identical(current_client(), first)
  withr::local_envvar(LANDBRIDGE_URL = "http://127.0.0.1:4")
  expect_equal(current_client()$url, "http://127.0.0.1:4")
})
