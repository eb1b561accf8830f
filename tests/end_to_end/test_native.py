"""Models and plots stay what they are: fitted in one job, used in the next, from whichever client."""

from __future__ import annotations

import landbridge as lb
import pytest

pytestmark = pytest.mark.docker

FIT_IN_R = """
library(landbridge)
fit <- function() stats::lm(dist ~ speed, datasets::cars)
job <- submit(fit)
handle <- tryCatch(result(job), landbridge_needs_trust = function(error) conditionMessage(error))
stopifnot(grepl("class lm", handle), inherits(result(job, trust = TRUE), "lm"))
cat(job$id)
"""

USE_IN_R = """
library(landbridge)
job <- get_job(commandArgs(TRUE)[[1]])
model <- result(job)
stopifnot(inherits(model, "landbridge_native"), model$language == "python", model$facts$params$alpha == 0.5)
predict <- python("def f(model, x):\\n    return model.alpha * x\\n")
stopifnot(result(submit(predict, model, 4)) == 2)
stopifnot(result(submit(predict, job, 8)) == 4)
"""

PLOT = """f <- function() {
  grDevices::pdf(NULL)
  grDevices::dev.control('enable')
  graphics::plot(1:10)
  list(plot = grDevices::recordPlot(), n = 10L)
}"""

PREDICT = "f <- function(model, speed) unname(predict(model, data.frame(speed = speed)))"


class Ridge:
    """A fitted estimator, as far as its parameters go."""

    def __init__(self, alpha):
        self.alpha = alpha

    def get_params(self, deep=True):
        return {"alpha": self.alpha}


def fit():
    return Ridge(0.5)


@pytest.mark.usefixtures("client")
def test_an_r_model_of_an_r_client_predicts_for_a_python_client(run_r):
    job = lb.get(run_r(FIT_IN_R).strip())
    model = job.result()
    assert isinstance(model, lb.Native)
    assert model.facts["formula"] == "dist ~ speed"
    predict = lb.r(PREDICT)
    expected = -17.579095 + 3.932409 * 10
    for given in (model, job):
        assert lb.submit(predict, given, 10.0).result() == pytest.approx(expected, abs=1e-4)


@pytest.mark.usefixtures("client")
def test_a_python_model_of_a_python_client_predicts_for_an_r_client(run_r):
    job = lb.submit(fit)
    job.wait()
    assert run_r(USE_IN_R, job.id) == ""


@pytest.mark.usefixtures("client")
def test_a_forged_object_is_refused(gateway, run_r):
    model = lb.get(run_r(FIT_IN_R).strip()).result()
    node = model.__landbridge_node__()
    for change in ({"signature": None}, {"language": "python"}, {"signature": "hmac-sha256:" + "0" * 64}):
        with pytest.raises(lb.errors.InvalidField, match="without a valid signature of this gateway"):
            lb.submit(lb.r("f <- function(x) 1"), [lb.Native(node | change)])
    key = (gateway.home / "signing_key").read_text().strip()
    assert key not in gateway.logs()


@pytest.mark.usefixtures("client")
def test_a_plot_of_r_has_a_picture_that_goes_along(gateway):
    given = lb.submit(lb.r(PLOT)).result()["plot"]
    picture = given.__landbridge_node__()["summary"]["picture"]
    assert lb.connect(gateway.url, gateway.token).download(picture).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    same = lb.submit(lb.r("f <- function(x) {\n  stopifnot(inherits(x, 'recordedplot'))\n  1L\n}"), given)
    assert same.result() == 1
    passed = lb.submit(passed_on, given).result()
    assert passed.__landbridge_node__()["summary"]["picture"] == picture


def passed_on(x):
    return x
