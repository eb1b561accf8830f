test_that("the digest of a compressed file is that of its bytes", {
  path <- withr::local_tempfile(fileext = ".rds")
  saveRDS(1:10, path)
  digest <- landbridge:::file_digest(path)
  skip_if(is.null(digest), "there is no SHA-256")
  plain <- withr::local_tempfile()
  # The same bytes behind one more, so that no reader takes them for compressed.
  bytes <- readBin(path, "raw", file.size(path))
  writeBin(c(as.raw(0), bytes), plain)
  expect_identical(bytes[1:2], as.raw(c(0x1f, 0x8b)))
  expect_identical(digest, paste0("sha256:", cli::hash_raw_sha256(bytes)))
  expect_identical(landbridge:::file_digest(plain), paste0("sha256:", cli::hash_raw_sha256(c(as.raw(0), bytes))))
})
