"""A real estimator of scikit-learn and a real ggplot: held, shown, handed on, and loaded only on request.

Beside the jobs of `test_native.py`, by the engine of plain processes: this machine has both packages.
"""

from __future__ import annotations

import subprocess

import landbridge as lb
import numpy as np
import pandas as pd
import pytest

from tests.serving import Serving

IRIS = pd.DataFrame({"length": [1.4, 1.3, 4.7, 4.5, 6.0, 5.1], "width": [0.2, 0.2, 1.4, 1.5, 2.5, 1.9]})
SPECIES = ["setosa", "setosa", "versicolor", "versicolor", "virginica", "virginica"]

FROM_R = """
library(landbridge)
options(warn = 2)
model <- result(get_job(commandArgs(TRUE)[[1]]))
stopifnot(inherits(model, "landbridge_native"), model$facts$params$C == 0.5)
predict <- python("def f(model, frame):\\n    return list(model.predict(frame))\\n")
cat(unlist(result(submit(predict, model, data.frame(length = c(1.4, 5.9), width = c(0.2, 2.4))))))
plot <- result(get_job(commandArgs(TRUE)[[2]]), trust = TRUE)
stopifnot(inherits(plot, "ggplot"), nrow(plot$data) == 32)
"""

PLOT = """f <- function() {
  ggplot2::ggplot(datasets::mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point() + ggplot2::labs(title = "Cars")
}"""
BUILT = "f <- function(p) list(class(p), nrow(ggplot2::ggplot_build(p)$data[[1]]), p$labels$title)"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("models") / "home", "process") as made:
        yield made


@pytest.fixture(autouse=True)
def connected(serving):
    lb.connect(serving.url, serving.token)


def fit(frame, species):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.5).fit(frame, species)


def listed(model):
    return [model]


def predict(model, frame):
    return model.predict_proba(frame)


def test_a_fitted_estimator_and_a_plot_are_used_by_later_jobs_of_any_client(serving, tmp_path):
    job = lb.submit(fit, IRIS, SPECIES)
    with pytest.raises(lb.errors.NeedsTrust, match="LogisticRegression"):
        job.result()
    model = lb.submit(listed, job).result()[0]
    assert isinstance(model, lb.Native)
    assert model.classes[0] == "sklearn.linear_model._logistic.LogisticRegression"
    assert (model.facts["params"]["C"], model.facts["n_features_in_"]) == (0.5, 2)
    assert model.facts["classes_"] == ["setosa", "versicolor", "virginica"]
    expected = fit(IRIS, SPECIES).predict_proba(IRIS)
    for given in (model, job):
        np.testing.assert_allclose(lb.submit(predict, given, IRIS).result(), expected)
    np.testing.assert_allclose(job.result(trust=True).predict_proba(IRIS), expected)

    drawn = lb.submit(lb.r(PLOT))
    plot = drawn.result()
    assert isinstance(plot, lb.Native)
    assert "ggplot" in plot.classes
    assert (plot.facts["labels"]["title"], plot.facts["rows"]) == ("Cars", 32)
    picture = plot.__landbridge_node__()["summary"]["picture"]
    data = lb.connect(serving.url, serving.token).download(picture).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (800, 500)
    classes, rows, title = lb.submit(lb.r(BUILT), plot).result()
    assert ("ggplot" in list(classes), rows, title) == (True, 32, "Cars")

    script = tmp_path / "client.R"
    script.write_text(FROM_R)
    done = subprocess.run(
        ["Rscript", str(script), job.id, drawn.id], env=serving.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "setosa virginica"
