test_that("nobody there is told with the address and the way out", {
  client <- new_client(list(url = "http://127.0.0.1:9", token = "x"))
  error <- catch_error(ask_gateway(client, "GET", "/jobs"))
  expect_s3_class(error, c("landbridge_gateway_unreachable", "landbridge_error", "rlang_error"))
  expect_equal(error$message, "No gateway answers at http://127.0.0.1:9.")
  expect_equal(error$hint, "Start one with `landbridge serve`, or set LANDBRIDGE_URL.")
  expect_equal(error$code, "gateway_unreachable")
  expect_match(conditionMessage(error), "serve", fixed = TRUE)
})

test_that("an error of the gateway becomes a condition of its code, with its sentence", {
  said <- gateway_error("unauthorized", "The token is not one of this gateway's.", "Take it from `landbridge token`.")
  client <- local_gateway(answer("/jobs", said, status = 401), token = "lb_wrong")
  error <- catch_error(jobs())
  expect_s3_class(error, "landbridge_unauthorized")
  expect_equal(error$message, "The token is not one of this gateway's.")
  expect_equal(error$hint, "Take it from `landbridge token`.")
  expect_equal(error$detail$status, 401)
  expect_equal(seen("/jobs")[[1]]$headers$authorization, "Bearer lb_wrong")
})

test_that("a page is not taken for a gateway", {
  page <- list(`Landbridge-Protocol` = NULL, `Content-Type` = "text/html")
  local_gateway(answer("/jobs", text = "<html>Sign in</html>", headers = page))
  error <- catch_error(jobs())
  expect_s3_class(error, "landbridge_bad_answer")
  expect_match(error$message, "answers, but it is no Landbridge gateway.", fixed = TRUE)
})

test_that("a broken answer is told as such", {
  local_gateway(answer("/jobs", text = "{\"jobs\": ["), answer("/jobs", list(oops = 1), status = 500))
  expect_s3_class(catch_error(jobs()), "landbridge_bad_answer")
  expect_match(catch_error(jobs())$message, "answered 500 without saying why.", fixed = TRUE)
})

test_that("another protocol is told with both versions", {
  local_gateway(answer("/jobs", list(jobs = list()), headers = list(`Landbridge-Protocol` = "2")))
  error <- catch_error(jobs())
  expect_s3_class(error, "landbridge_protocol_mismatch")
  expect_match(error$message, "speaks protocol 2, this client 1.", fixed = TRUE)
})

test_that("a redirect is not followed, so the token goes nowhere", {
  elsewhere <- paste0(gateway_url(), "/api/v1/stolen")
  local_gateway(answer("/jobs", list(), status = 302, headers = list(Location = elsewhere)))
  error <- catch_error(jobs())
  expect_s3_class(error, "landbridge_bad_answer")
  expect_match(error$message, "redirects to another place", fixed = TRUE)
  expect_length(seen("/stolen"), 0)
})

test_that("a proxy of the environment is not asked about this machine", {
  withr::local_envvar(http_proxy = "http://127.0.0.1:9", HTTP_PROXY = "http://127.0.0.1:9")
  local_gateway(answer("/jobs", list(jobs = list(), `next` = NULL)))
  expect_equal(nrow(jobs()), 0)
})

test_that("an answer that would fill the memory is cut off", {
  client <- local_gateway(answer("/jobs", text = strrep("x", 3e6)))
  client$largest_answer <- 1e6
  expect_match(catch_error(jobs())$message, "answered more than 1 MiB", fixed = TRUE)
})

test_that("a submission over a broken connection is repeated with the same key", {
  local_gateway(
    submitted(drop = TRUE), answer("/jobs", gateway_error("overloaded", "Too much."), "POST", status = 503), submitted()
  )
  job <- submit(mean, 1)
  expect_equal(job$id, job_id(1))
  sent <- seen("/jobs")
  expect_length(sent, 3)
  keys <- vapply(sent, function(request) request$headers[["idempotency-key"]], "")
  expect_equal(unique(keys), keys[[1]])
  expect_true(nzchar(keys[[1]]))
  expect_equal(sent[[3]]$body, sent[[1]]$body)
})

test_that("the repeats have an end", {
  said <- gateway_error("overloaded", "Too much at once.")
  busy <- answer("/jobs", said, status = 503, headers = list(`Retry-After` = "0"))
  local_gateway(busy, busy, busy, busy, busy)
  expect_s3_class(catch_error(jobs()), "landbridge_overloaded")
  expect_length(seen("/jobs"), most_tries)
})

full_gateway <- function(retry_after) {
  said <- gateway_error("too_many_jobs", "10 jobs wait already.", "Wait.", list(most = 10L, whose = "all"))
  answer("/jobs", said, status = 429, headers = list(`Retry-After` = retry_after))
}

test_that("a full gateway is asked again when it says so", {
  busy <- full_gateway("0")
  local_gateway(busy, busy, busy, busy, busy, busy, answer("/jobs", list(jobs = list(), `next` = NULL)))
  set.seed(1)
  before <- .Random.seed
  expect_equal(nrow(jobs()), 0)
  expect_length(seen("/jobs"), 7)
  expect_identical(.Random.seed, before)
})

test_that("a gateway that stays full is given up with its own error", {
  local_gateway(full_gateway("0"), full_gateway("31"))
  error <- catch_error(jobs())
  expect_s3_class(error, "landbridge_too_many_jobs")
  expect_equal(error$message, "10 jobs wait already.")
  expect_equal(error$hint, "Wait.")
  expect_equal(error$detail$most, 10)
  expect_length(seen("/jobs"), 2)
})

test_that("those that were refused together come back apart", {
  fractions <- replicate(50, own_fraction())
  expect_true(all(fractions >= 0 & fractions < 1))
  expect_gt(length(unique(fractions)), 40)
})

test_that("two submissions have two keys, and leave the random numbers alone", {
  local_gateway(submitted(), submitted(2))
  set.seed(1)
  before <- .Random.seed
  submit(mean, 1)
  submit(mean, 1)
  expect_identical(.Random.seed, before)
  keys <- vapply(seen("/jobs"), function(request) request$headers[["idempotency-key"]], "")
  expect_length(unique(keys), 2)
})

test_that("objects go up as bytes and come down once", {
  bytes <- as.raw(c(0:255, 0))
  path <- withr::local_tempfile()
  writeBin(bytes, path)
  id <- "obj_0000000000000001"
  client <- local_gateway(
    answer("/objects", list(object = list(id = id)), "POST", status = 201),
    answer(paste0("/objects/", id), base64 = jsonlite::base64_enc(bytes)),
    answer(paste0("/objects/", id, "/digest"), list(digest = way_digest(path)))
  )
  expect_equal(upload_object(client, path, "file"), id)
  sent <- seen("/objects")[[1]]
  expect_equal(sent$query, "format=file")
  expect_equal(sent$headers[["landbridge-digest"]], way_digest(path))
  expect_equal(jsonlite::base64_dec(sent$base64), bytes)
  source <- client_source(client)
  expect_equal(readBin(source$path(id), "raw", 1000), bytes)
  expect_equal(source$path(id), source$path(id))
  expect_length(seen(paste0("/objects/", id)), 1)
})

test_that("a large file goes as a form, and what that did not get through in blocks", {
  bytes <- as.raw(1:6)
  path <- withr::local_tempfile()
  writeBin(bytes, path)
  id <- "obj_0000000000000001"
  upload <- function(offset) list(upload = list(id = "upl_1", offset = offset))
  client <- local_gateway(
    answer("/uploads", upload(0), "POST", status = 201),
    answer("/uploads/upl_1", upload(3), "PUT"), answer("/uploads/upl_1", upload(6), "PUT"),
    answer("/uploads/upl_1/end", list(object = list(id = id)), "POST", status = 201)
  )
  expect_equal(upload_in_parts(client, path, "file", 6, "xxh128:x"), id)
  sent <- seen("/uploads/upl_1")
  expect_equal(vapply(sent, function(request) request$query, ""), c("offset=0", "offset=3"))
  expect_match(sent[[1]]$headers[["content-type"]], "^multipart/form-data; boundary=")
  form <- jsonlite::base64_dec(sent[[1]]$base64)
  expect_true(grepl("\r\n\r\n\001\002\003\004\005\006\r\n--", rawToChar(form), fixed = TRUE))
  expect_equal(sent[[2]]$headers[["content-type"]], "application/octet-stream")
  expect_equal(jsonlite::base64_dec(sent[[2]]$base64), bytes[4:6])
})

test_that("a large file is read into memory that is used again", {
  skip_if_not(file.exists("/proc/self/stat"), "no count of new pages here")
  path <- withr::local_tempfile()
  writeBin(raw(64 * 1024^2), path)
  # In processes of their own: what is kept is kept for good.
  new_pages <- function(before) {
    code <- c(
      "count <- function() as.numeric(strsplit(sub('^.*[)] ', '', readLines('/proc/self/stat')), ' ')[[1]][[8]])",
      before, sprintf("read <- function() { con <- file('%s', 'rb')", path),
      "while (length(readBin(con, 'raw', 512 * 1024)) > 0) NULL", "close(con) }",
      "for (time in 1:4) read()", "start <- count()", "for (time in 1:4) read()", "cat(count() - start)"
    )
    as.numeric(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(paste(code, collapse = "; "))),
      stdout = TRUE
    ))
  }
  expect_lt(new_pages("landbridge:::keep_memory()"), 100)
})

test_that("an object that is not there leaves no file", {
  id <- "obj_0000000000000002"
  client <- local_gateway(answer(
    paste0("/objects/", id), gateway_error("unknown_object", "There is no object."), status = 404
  ))
  expect_s3_class(catch_error(object_path(client, id)), "landbridge_unknown_object")
  expect_length(list.files(client$folder), 0)
  expect_s3_class(catch_error(object_path(client, "../../x")), "landbridge_bad_answer")
})
