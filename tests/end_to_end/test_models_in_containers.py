"""A fitted estimator of scikit-learn, an lm and a ggplot through real containers, from client to client.

Our images have neither scikit-learn nor ggplot2, so the gateway is one whose owner has added a runtime that has: its
entry in `containers/runtimes.toml` is all there is to that.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import landbridge as lb
import numpy as np
import pytest

from tests.end_to_end.test_models import BUILT, IRIS, PLOT, SPECIES, fit, listed, predict
from tests.serving import COMMAND, Serving

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = f"""
[[runtime]]
name = "models"
unites = ["r:4.6", "python:3.14"]
apt = ["r-cran-ggplot2"]
pip = ["scikit-learn=={version("scikit-learn")}"]
"""

FROM_R = """
library(landbridge)
options(warn = 2)
given <- commandArgs(TRUE)

# What Python fitted: read by its summary, used by a later job of Python.
model <- result(get_job(given[[1]]))
stopifnot(
  inherits(model, "landbridge_native"), model$language == "python", model$facts$params$C == 0.5,
  identical(unlist(model$facts$classes_), c("setosa", "versicolor", "virginica")),
  grepl("LogisticRegression(C=0.5)", model$summary, fixed = TRUE)
)
predict <- python("def f(model, frame):\\n    return list(model.predict(frame))\\n")
flowers <- data.frame(length = c(1.4, 5.9), width = c(0.2, 2.4))
for (handle in list(model, get_job(given[[1]]))) {
  stopifnot(identical(
    unlist(result(submit(task(predict, runtime = "models"), handle, flowers))), c("setosa", "virginica")
  ))
}

# What R drew for a client of Python, used by a later job of R.
built <- result(submit(task(r(given[[3]]), runtime = "models"), get_job(given[[2]])))
stopifnot("ggplot" %in% built[[1]], built[[2]] == 32, built[[3]] == "Cars")

# An lm of the image that everybody has; a plot of it, with the model inside, of the one that was added.
line <- submit(function() stats::lm(dist ~ speed, datasets::cars))
drawn <- submit(task(function(model) {
  frame <- data.frame(speed = datasets::cars$speed, fitted = stats::fitted(model))
  plot <- ggplot2::ggplot(frame, ggplot2::aes(speed, fitted)) + ggplot2::geom_line() + ggplot2::labs(title = "Fit")
  list(plot = plot, model = model)
}, runtime = "models"), line)
handles <- result(drawn)
stopifnot(inherits(handles$plot, "landbridge_native"), handles$model$facts$formula == "dist ~ speed")
refused <- tryCatch(result(line), landbridge_needs_trust = function(error) "needs trust")
stopifnot(identical(refused, "needs trust"), inherits(result(line, trust = TRUE), "lm"))
cat(line$id, drawn$id)
"""
PREDICT = "f <- function(model, speed) unname(predict(model, data.frame(speed = speed)))"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway from a checkout of its owner's, with one entry more in ``runtimes.toml``."""
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in ("gateway", "containers", "py-client", "r-client"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (checkout / "containers" / "runtimes.toml").open("a") as file:
        file.write(RUNTIME)
    serving = Serving(tmp_path_factory.mktemp("models") / "home", PYTHONPATH=str(checkout / "gateway"))
    subprocess.run([*COMMAND, "images", "build"], check=True, env=serving.environ)
    with serving:
        yield serving


@pytest.fixture(autouse=True)
def connected(serving: Serving) -> None:
    lb.connect(serving.url, serving.token)


@pytest.fixture(scope="module")
def from_r(serving: Serving, tmp_path_factory: pytest.TempPathFactory):
    """Runs the script of the R client on jobs of this one's; gives its jobs."""

    def run(*arguments: str) -> list[lb.Job]:
        script = tmp_path_factory.mktemp("r") / "client.R"
        script.write_text(FROM_R)
        done = subprocess.run(
            ["Rscript", str(script), *arguments], env=serving.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [lb.get(job) for job in done.stdout.split()]

    return run


def test_models_and_plots_go_from_client_to_client(serving, from_r):
    job = lb.submit(lb.task(fit, runtime="models"), IRIS, SPECIES)
    model = lb.submit(lb.task(listed, runtime="models"), job).result()[0]
    assert isinstance(model, lb.Native)
    assert model.classes[0] == "sklearn.linear_model._logistic.LogisticRegression"
    assert (model.facts["params"]["C"], model.facts["n_features_in_"]) == (0.5, 2)
    expected = fit(IRIS, SPECIES).predict_proba(IRIS)
    for given in (model, job):
        np.testing.assert_allclose(lb.submit(lb.task(predict, runtime="models"), given, IRIS).result(), expected)
    with pytest.raises(lb.errors.NeedsTrust, match="LogisticRegression"):
        job.result()

    drawn = lb.submit(lb.task(lb.r(PLOT), runtime="models"))
    plot = drawn.result()
    assert isinstance(plot, lb.Native)
    assert (plot.facts["labels"]["title"], plot.facts["rows"]) == ("Cars", 32)
    assert png_size(serving, plot) == (800, 500)
    for given in (plot, drawn):
        classes, rows, title = lb.submit(lb.task(lb.r(BUILT), runtime="models"), given).result()
        assert ("ggplot" in list(classes), rows, title) == (True, 32, "Cars")

    fitted, more = from_r(job.id, drawn.id, BUILT)
    handles = more.result()
    assert handles["plot"].facts["labels"]["title"] == "Fit"
    assert png_size(serving, handles["plot"]) == (800, 500)
    for given in (handles["model"], fitted.result(), fitted):
        # In the image without ggplot2 as well: a model needs its own packages only.
        predicted = lb.submit(lb.r(PREDICT), given, 10.0).result()
        assert predicted == pytest.approx(-17.579095 + 3.932409 * 10, abs=1e-4)


def test_an_image_without_the_package_is_named(serving):
    job = lb.submit(lb.task(fit, runtime="models"), IRIS, SPECIES)
    with pytest.raises(lb.errors.JobFailed, match="No module named 'sklearn'"):
        lb.submit(predict, job, IRIS).result()


def png_size(serving: Serving, handle: lb.Native) -> tuple[int, int]:
    """Width and height of the picture that a handle carries."""
    picture = handle.__landbridge_node__()["summary"]["picture"]
    data = lb.connect(serving.url, serving.token).download(picture).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
