withr::local_options(warn = 2, landbridge.verbose = FALSE, .local_envir = teardown_env())
# A gateway of the person who runs the tests must not be found.
nowhere <- withr::local_tempdir(.local_envir = teardown_env())
withr::local_envvar(
  LANDBRIDGE_HOME = nowhere, LANDBRIDGE_URL = NA, LANDBRIDGE_TOKEN = NA, .local_envir = teardown_env()
)
