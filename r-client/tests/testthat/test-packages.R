# The cases that Python has to pass as well are in fixtures/packages.json.

package_cases <- jsonlite::fromJSON(test_path("fixtures", "packages.json"), simplifyVector = FALSE)
image <- paste0("sha256:", strrep("0123456789abcdef", 4))
runtimes <- Map(
  function(name, default) list(name = name, language = sub(":.*", "", name), default = default),
  c("r:4.6", "r:4.7", "python:3.14", "python:3.15"), c(TRUE, FALSE, TRUE, FALSE), USE.NAMES = FALSE
)

python_fit <- function() python("def fit(x):\n    return x\n")
code_of <- function(language) if (language == "r") r("function(x) x") else python_fit()

sent_task <- function(made) parse_protocol_json(protocol_json(task_node(as_task(made, "f"), NULL)))

# JSON's names come as a list: texts as R has them, but for one alone, which could be a file.
given_packages <- function(given) {
  if (length(given) > 1 && all(vapply(given, is_text, NA))) unlist(given) else given
}

test_that("names become requirements or are refused", {
  for (case in package_cases$names) {
    made <- catch_error(task(code_of(case$language), packages = given_packages(case$given)))
    if (!is.null(case$message)) {
      expect_s3_class(made, "landbridge_invalid_field")
      expect_equal(c(made$message, made$hint), c(case$message, case$hint))
    } else {
      expect_equal(made$options$packages$environment, list(packages = case$requirements))
    }
  }
})

test_that("R's own ways to write versions are taken", {
  named <- task(mean, packages = list("ranger", dplyr = ">= 1.1.0", tidyr = NA))
  expect_equal(unlist(named$options$packages$environment$packages), c("ranger", "dplyr>=1.1.0", "tidyr"))
})

test_that("files say what they name or where they break", {
  for (case in package_cases$files) {
    withr::with_dir(withr::local_tempdir(), {
      for (name in names(case$files)) {
        dir.create(dirname(name), showWarnings = FALSE)
        writeBin(charToRaw(enc2utf8(case$files[[name]])), name)
      }
      if (is.null(case$message)) {
        found <- packages_option(case$path, case$language)
        expect_equal(found$environment, case$environment, info = case$path)
        expect_equal(found$wants, case$wants)
      } else {
        error <- catch_error(packages_option(case$path, case$language))
        expect_equal(error$message, case$message)
        if (!startsWith(case$message, "There is no file")) expect_equal(error$hint, case$hint, info = case$message)
      }
    })
  }
})

test_that("a runtime fits by its minor version", {
  for (case in package_cases$fits) {
    expect_identical(runtime_fits(case[[2]], case[[1]]), case[[3]], info = paste(case[[2]], case[[1]]))
  }
})

test_that("a text says what it uses", {
  for (case in package_cases$uses) {
    found <- if (case$language == "r") text_packages(case$text) else text_modules(case$text)
    expect_equal(found, unlist(case$names))
  }
})

test_that("packages and image reach the task", {
  made <- task(mean, packages = c("ranger", "broom"))
  expect_equal(sent_task(made)$environment, list(packages = list("ranger", "broom")))
  expect_equal(
    capture.output(print(made)), c("<landbridge task `mean` in R>", "  packages: ranger, broom")
  )
  other <- task(made, image = image)
  expect_equal(sent_task(other)$environment, list(image = image))
  expect_equal(sent_task(task(other, packages = "dplyr"))$environment, list(packages = list("dplyr")))
  expect_equal(sent_task(task(made, cpus = 2))$environment, list(packages = list("ranger", "broom")))
  expect_equal(
    sent_task(task(python_fit(), packages = "polars"))$environment, list(packages = list("polars"))
  )
})

test_that("what is no packages and no image", {
  error <- catch_error(task(mean, packages = 3))
  expect_equal(error$message, "`packages` cannot be `3`.")
  expect_equal(
    error$hint,
    "It is a name, names such as c(\"dplyr>=1.1.0\"), the path of a file such as \"renv.lock\", or \"auto\"."
  )
  error <- catch_error(task(mean, image = "latest"))
  expect_equal(error$message, "`image` cannot be `latest`.")
  expect_equal(error$hint, "It is an image's id, \"sha256:\" and 64 digits, as an earlier job tells it.")
  error <- catch_error(task(mean, packages = "a", image = image))
  expect_equal(error$message, "`packages` and `image` cannot both be.")
  error <- catch_error(task(mean, packages = sprintf("p%d", 1:501)))
  expect_equal(error$message, "`packages` names 501 packages, and 500 are the most.")
  expect_equal(catch_error(task(mean, package = "a"))$hint, "Did you mean `packages`?")
})

test_that("a file that is not there may be a package", {
  error <- catch_error(task(python_fit(), packages = "discord.py"))
  expect_equal(error$message, "There is no file `discord.py`.")
  expect_match(error$hint, "A package of this name is given in a list, list(\"discord.py\").", fixed = TRUE)
  made <- task(python_fit(), packages = list("discord.py"))
  expect_equal(sent_task(made)$environment, list(packages = list("discord.py")))
})

test_that("a file picks the runtime", {
  gateway_url()
  withr::local_dir(withr::local_tempdir())
  wanting <- function(wants, ...) {
    text <- c("[project]", "name = \"x\"", sprintf("requires-python = \"%s\"", wants), "dependencies = [\"polars\"]")
    writeLines(text, "pyproject.toml")
    local_gateway(answer("", list(protocol = 1L, runtimes = runtimes)), answer("", list(runtimes = runtimes)))
    sent_task(task(python_fit(), packages = "pyproject.toml", ...))
  }
  expect_null(wanting(">=3.11")$runtime)
  expect_equal(wanting(">=3.15")$runtime, "python:3.15")
  expect_equal(wanting("<4", runtime = "python:3.14")$runtime, "python:3.14")
  error <- catch_error(wanting(">=3.16"))
  expect_equal(
    error$message, "`pyproject.toml` wants Python >=3.16, and the gateway has python:3.14, python:3.15."
  )
  expect_equal(error$hint, "Change `pyproject.toml`, or name the packages.")
  error <- catch_error(wanting(">=3.16", runtime = "python:3.14"))
  expect_equal(
    error$message, "`pyproject.toml` wants Python >=3.16, and the task has the runtime python:3.14."
  )
  writeLines(c("Package: x", "Depends: R (>= 4.7)", "Imports: dplyr"), "DESCRIPTION")
  local_gateway(answer("", list(protocol = 1L, runtimes = runtimes)), answer("", list(runtimes = runtimes)))
  expect_equal(sent_task(task(mean, packages = "DESCRIPTION"))$runtime, "r:4.7")
})

test_that("a script of Python uses its own block unless packages are given", {
  withr::local_dir(withr::local_tempdir())
  writeLines(c("# /// script", "# dependencies = ['polars>=1.0']", "# ///", "import polars"), "train.py")
  made <- task("train.py")
  expect_equal(sent_task(made)$environment, list(packages = list("polars>=1.0")))
  expect_equal(sent_task(task(made, packages = "rich"))$environment, list(packages = list("rich")))
  expect_equal(sent_task(task(made, image = image))$environment, list(image = image))
  expect_null(sent_task(task(made, session = job_id(1)))$environment)
  writeLines(c("# /// script", "# dependencies = [", "# ///"), "train.py")
  expect_equal(catch_error(sent_task(task("train.py")))$message, "`train.py` cannot be used: line 2 is no TOML.")
})

test_that("auto takes what a function of R uses, from the installed version upwards", {
  f <- function(x) {
    stats::sd(x)
    jsonlite::toJSON(x)
    library(withr)
  }
  expected <- vapply(c("jsonlite", "withr"), function(package) {
    paste0(package, ">=", utils::packageDescription(package, fields = "Version"))
  }, "", USE.NAMES = FALSE)
  expect_message(
    task <- sent_task(task(f, packages = "auto")), sprintf("packages of f: %s", toString(expected)), fixed = TRUE
  )
  expect_equal(unlist(task$environment$packages), expected)
  attached <- function(x) expect_true(x)
  environment(attached) <- globalenv()
  expect_message(task <- sent_task(task(attached, packages = "auto")), "packages of attached: testthat>=", fixed = TRUE)
})

test_that("auto names a package that is not installed", {
  f <- function(x) notInstalledAtAll::g(x)
  error <- catch_error(sent_task(task(f, packages = "auto")))
  expect_equal(error$message, "packages = \"auto\" cannot take `notInstalledAtAll`: it is not installed here.")
  expect_equal(error$hint, "Install it here, or name the packages: packages = c(\"dplyr\", ...).")
})

test_that("auto without any package is the runtime as it is", {
  plain <- function(x) x
  expect_message(task <- sent_task(task(plain, packages = "auto")), "packages of plain: none", fixed = TRUE)
  expect_null(task$environment)
})

test_that("auto takes bare names of Python, by their distributions", {
  withr::local_dir(withr::local_tempdir())
  file.create("steps.py")
  text <- c("import os, steps, landbridge", "import sklearn.tree", "from PIL import Image", "import polars")
  writeLines(text, "train.py")
  expect_message(
    task <- sent_task(task("train.py", packages = "auto")), "packages of train.py: scikit-learn, pillow, polars",
    fixed = TRUE
  )
  expect_equal(task$environment$packages, list("scikit-learn", "pillow", "polars"))
})

test_that("auto takes what the free names of a function node need", {
  native <- list(kind = "native", language = "python", packages = list("sklearn"))
  free <- list(
    list(name = "pd", import = list(module = "pandas.api", attribute = NULL)),
    list(name = "model", value = list(kind = "list", items = list(list(NULL, native)))),
    list(name = "g", source = list(type = "source", name = "g", text = "def g():\n    import pyarrow.compute\n"))
  )
  node <- list(type = "source", name = "f", text = "def f(): pass\n", free = free)
  expect_equal(imported_packages("python", node), c("pandas", "scikit-learn", "pyarrow"))
})

test_that("sweeps and sessions have packages", {
  sweep <- job_json(2, "queued", points = list(total = 2))
  local_gateway(submitted(1), answer("/jobs/batch", sweep, "POST", status = 201))
  s <- session("python:3.14", packages = "polars")
  body <- function(path) jsonlite::fromJSON(seen(path)[[1]]$body, simplifyVector = FALSE)$task
  expect_equal(body("/jobs")$environment, list(packages = list("polars")))
  error <- catch_error(s$submit(task(mean, packages = "ranger"), 1))
  expect_equal(error$message, "A job in a session has the session's packages, and no `packages`.")
  expect_equal(error$hint, "Give `packages` to session().")
  expect_match(catch_error(s$submit(task(mean, image = image), 1))$message, "and no `image`", fixed = TRUE)
  error <- catch_error(session("r", packages = "auto"))
  expect_equal(error$message, "A session cannot have packages = \"auto\".")
  map_jobs(task(mean, packages = "ranger"), 1:2)
  expect_equal(body("/jobs/batch")$environment, list(packages = list("ranger")))
})

test_that("broken TOML is told with its line, and what it may hold is read", {
  document <- parse_toml(paste(
    "a = \"it's\"", "b.\"c d\" = \"\\u00e4\\n\"", "n = -1_000.5e-3", "t = [true, false, [[\"1\"], [\"2\"]]]",
    "d = 2026-01-02 03:04:05", "[x.y]", "z = { a = 1, b = [\"]\"] }", "[[list]]", "one = 1", "[[list]]", "one = 2",
    "[list.below]", "two = '''a\n]b'''", sep = "\n"
  ), "x.toml")
  expect_equal(document$a, "it's")
  expect_equal(document$b[["c d"]], "\u00e4\n")
  expect_equal(document$t, list(TRUE, FALSE, list(list("1"), list("2"))))
  expect_equal(document$x$y$z$b, list("]"))
  expect_equal(lapply(document$list, function(one) unclass(one$one)), list("1", "2"))
  expect_equal(document$list[[2]]$below$two, "a\n]b")
  broken <- c(
    "a = ", "a = 1\na = 2", "a = [1 2]", "a = {b = 1", "a = word", "= 1", "[x", "a = \"\\q\"", "a = 1 b = 2",
    "a = 1\na.b = 2"
  )
  for (text in broken) {
    expect_match(catch_error(parse_toml(text, "x.toml"))$message, "`x.toml` cannot be used: line [12] is no TOML[.]")
  }
})

test_that("a waiting job and session say for what", {
  note <- "building r:4.6 + ranger, 12 s"
  looked <- job_answer(1, "waiting", note = note)
  local_gateway(submitted(1, "waiting"), looked, looked)
  job <- submit(mean, 1)
  expect_equal(cli::ansi_strip(format(job)[[2]]), sprintf("state    waiting (%s)", note))
  shown <- capture.output(print(new_session(job)))
  expect_equal(shown, sprintf("<landbridge session %s r:4.6 waiting (%s)>", job_id(1), note))
  fold_event(job$client, event(11L, 1, "waiting", note))
  expect_equal(waiting_text(list(job)), sprintf("fit: %s", note))
})

test_that("a note is shown where somebody looks, and only there", {
  note <- "building r:4.6 + ranger, 12 s"
  happens <- list(
    submitted(1, "waiting"), events(11L, event(11L, 1, "waiting", note)), events(12L, event(12L, 1, "succeeded")),
    job_answer(1)
  )
  waited <- function() {
    do.call(local_gateway, happens)
    paste(capture.output(wait(submit(mean, 1)), type = "message"), collapse = "\n")
  }
  expect_equal(waited(), "")
  expect_match(seen("/events")[[1]]$query, "ends=only", fixed = TRUE)
  withr::local_options(landbridge.verbose = TRUE, cli.dynamic = TRUE)
  expect_match(waited(), sprintf("fit: %s", note), fixed = TRUE)
  expect_no_match(seen("/events")[[1]]$query, "ends=only", fixed = TRUE)
})

test_that("a sweep that waits says for what", {
  note <- "building r:4.6 + ranger, 12 s"
  counts <- list(total = 2, waiting = 0, queued = 0, running = 0, succeeded = 0, failed = 0, cancelled = 0, lost = 0)
  points <- lapply(0:1, function(point) list(point = point, done = point + 1, job = job_id(3), state = "succeeded"))
  ended <- list(points = points, counts = utils::modifyList(counts, list(succeeded = 2)), "next" = 2, ended = TRUE)
  local_gateway(
    answer("/jobs/batch", job_json(2, "waiting", points = counts), "POST", status = 201),
    events(11L, event(11L, 2, "waiting", note)), events(12L, event(12L, 2, "queued")),
    answer(paste0("/jobs/", job_id(2), "/points"), ended)
  )
  sweep <- map_jobs(mean, 1:2)
  shown <- capture.output(wait(sweep, progress = TRUE), type = "message")
  expect_equal(
    strsplit(paste(shown, collapse = "\n"), "\r", fixed = TRUE)[[1]],
    c("", "0 of 2 points", sprintf("fit: %s", note), "2 of 2 points")
  )
})

test_that("a failed environment is the gateway's sentence with the build's last lines", {
  error <- list(
    type = "environment", classes = list("environment"), message = "No package of R is called rangr.",
    hint = "Did you mean ranger?", log_tail = list(build = list("E: Unable to locate package r-cran-rangr"))
  )
  local_gateway(job_answer(1, "failed", cause = "environment", error = error))
  problem <- catch_error(result(job_id(1)))
  expect_s3_class(problem, "landbridge_job_failed")
  expect_equal(c(problem$message, problem$hint), c("No package of R is called rangr.", "Did you mean ranger?"))
  expect_equal(problem$detail$remote$log_tail$build, list("E: Unable to locate package r-cran-rangr"))
  expect_equal(strsplit(conditionMessage(problem), "\n")[[1]], c(
    sprintf("Job %s failed.", job_id(1)), "environment: No package of R is called rangr.", "Last lines of build:",
    "  E: Unable to locate package r-cran-rangr", "Did you mean ranger?"
  ))
})
