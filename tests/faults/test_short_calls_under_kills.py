"""A short call of a session, which the thread that was asked for it begins and ends, in a gateway that is killed:
its code runs once, and its end is told to whoever submitted it.
"""

from __future__ import annotations

import threading

import landbridge as lb
import pytest

from tests.faults.killing import Killing
from tests.patience import joined

# Those that such a call comes by in the gateway, in their order.
STEPS = (
    "request read",
    "job row committed",
    "lease taken",
    "running",
    "result validated",
    "result renamed",
    "end committed",
    "before the answer",
    "after the answer",
)
CODE = {
    "python": lb.python("def f(path, word):\n    open(path, 'a').write(word + '\\n')\n    return word\n"),
    "r": lb.r("f <- function(path, word) {\n  cat(word, '\\n', sep = '', file = path, append = TRUE)\n  word\n}"),
}


@pytest.fixture(scope="module")
def killing(tmp_path_factory):
    with Killing(tmp_path_factory.mktemp("short") / "calls") as made:
        lb.connect(made.serving.url, made.serving.token)
        yield made
    assert not made.tally.broken


@pytest.fixture(scope="module", params=CODE)
def held(request, killing):
    with lb.session(request.param) as session:
        yield session, CODE[request.param]
    assert session.job.wait().state == "succeeded"


@pytest.mark.parametrize("step", STEPS)
def test_it_runs_once_and_its_end_is_told(killing, held, tmp_path, step):
    session, code = held
    path = tmp_path / "ran"
    for number in range(3):  # the clients ask for the end with the acceptance where the call before was short
        assert session.submit(code, str(path), f"before {number}").result() == f"before {number}"
    found = []
    killing.meeting.want(step)
    asking = threading.Thread(target=lambda: found.append(session.submit(code, str(path), "it")))
    asking.start()
    met = killing.meeting.met()
    assert met.who == "gateway"
    assert met.kill()
    met.let_go()
    joined(asking, "the submission")
    assert found[0].result() == "it"
    assert session.submit(code, str(path), "after").result() == "after"
    assert path.read_text().splitlines() == ["before 0", "before 1", "before 2", "it", "after"]
    assert [one["number"] for one in found[0].attempts()] == [1]
