"""Sessions in real containers, from both clients: the same story in the words of each."""

from __future__ import annotations

import time

import landbridge as lb
import pandas as pd
import pytest

from tests.patience import LONG, until

pytestmark = pytest.mark.docker


def remember(n):
    global kept
    kept = n
    print("kept it")
    return n


def recall(more):
    return kept + more  # an earlier call made it


def where():
    import os
    import socket

    return [socket.gethostname(), os.getpid()]


def draw():
    import random

    import numpy as np

    return [random.random(), float(np.random.rand())]


def spin(started):
    import time

    import landbridge as lb

    lb.set_tag("spins", "yes")
    for _ in range(started):
        time.sleep(0.05)


def crash():
    import os

    os._exit(7)


def leave():
    raise SystemExit(3)


@pytest.fixture(scope="module")
def held(gateway):
    lb.connect(gateway.url, gateway.token)
    with lb.session(name="tests", idle=600) as session:
        yield session
    assert session.job.wait().state == "succeeded"


def test_globals_stay_and_all_calls_share_one_process(held):
    assert held.submit(remember, 40).result() == 40
    assert held.submit(recall, 2).result() == 42
    script = lb.python("def read():\n    import __main__\n    return __main__.kept\n")
    assert held.submit(script).result() == 40
    assert held.submit(where).result() == held.submit(where).result()


def test_each_call_has_a_record_and_a_log_of_its_own(held):
    job = held.submit(remember, 1).wait()
    assert job.logs("stdout") == "kept it\n"
    assert (job.document["session"], job.document["runtime"]) == (held.id, held.runtime)
    assert held.submit(recall, 1).wait().logs("stdout") == ""


def test_the_end_of_a_short_call_comes_with_its_acceptance(held):
    def ended_at_once():
        held.submit(where).result()
        return held.submit(where).known_state == "succeeded"

    assert until(ended_at_once, "a call that has ended when it is accepted")


def test_tables_go_in_and_come_back(held):
    frame = pd.DataFrame({"n": pd.array([1, None], "Int32"), "f": pd.Categorical(["b", None], ["a", "b"])})
    pd.testing.assert_frame_equal(held.submit(lambda df: df, frame).result(), frame)


def test_a_seed_is_the_calls_own(held):
    one, same, other = (held.submit(lb.task(draw, seed=seed)).result() for seed in (5, 5, 6))
    assert one == same != other


def test_an_error_and_an_exit_end_the_call_alone(held):
    with pytest.raises(lb.errors.JobFailed, match="kept"):
        held.submit(lambda: {}["kept"]).result()
    with pytest.raises(lb.errors.JobFailed):
        held.submit(leave).result()
    assert held.submit(remember, 3).result() == 3


def test_cancelling_a_call_leaves_the_session_and_its_state(held):
    held.submit(remember, 9).result()
    job = held.submit(spin, 2000)
    spinning(job)
    job.cancel()
    assert job.wait().state == "cancelled"
    assert held.submit(recall, 1).result() == 10


def spinning(job):
    deadline = time.monotonic() + LONG
    while "spins" not in job.refresh().document["tags"]:
        assert time.monotonic() < deadline


def test_a_session_whose_process_dies(client):
    session = lb.session()
    died, waiting = session.submit(crash), session.submit(remember, 1)
    with pytest.raises(lb.errors.JobFailed, match="exit code 7") as caught:
        died.result()
    assert caught.value.cause == "killed"
    with pytest.raises(lb.errors.JobFailed, match=f"The session {session.id} has ended"):
        waiting.result()
    assert session.job.wait().state == "failed"
    with pytest.raises(lb.errors.Conflict, match="takes no more jobs"):
        session.submit(remember, 1)


def test_one_that_nobody_uses_ends_by_itself(client):
    session = lb.session(idle=3)  # long enough for the call to reach it on a busy machine
    assert session.submit(remember, 1).result() == 1
    assert session.job.wait(LONG).state == "succeeded"


def test_a_block_that_fails_cancels_its_session(client):
    with pytest.raises(ZeroDivisionError), lb.session() as session:
        session.submit(remember, 1).result()
        1 / 0  # noqa: B018
    assert session.job.wait().state == "cancelled"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"idle": 0}, "`idle` cannot be `0`"),
        ({"runtime": 4}, "`runtime` cannot be `4`"),
        ({"language": "julia"}, "`language` cannot be `'julia'`"),
        ({"memroy": "1g"}, "`memroy` is not an option of session"),
        ({"seconds": 3}, "`seconds` is not an option of session"),
        ({"runtime": "r:1.0"}, "There is no runtime `r:1.0` for r"),
    ],
)
def test_bad_input_is_refused_by_name(client, options, message):
    with pytest.raises(lb.errors.LandbridgeError, match=message):
        lb.session(**options)


def test_options_of_the_container_are_the_sessions_own(held):
    with pytest.raises(lb.errors.InvalidField, match="`memory` is the session's own"):
        held.submit(lb.task(remember, memory="1g"), 1)
    with pytest.raises(lb.errors.InvalidField, match="is of python, and the task of r"):
        held.submit(lb.r("function() 1"))


R_STORY = """
library(landbridge)
s <- session("r", name = "tests", idle = 600)
remember <- function(n) { kept <<- n; cat("kept it\\n"); n }
recall <- function(more) kept + more
stopifnot(identical(result(s$submit(remember, 40)), 40), identical(result(s$submit(recall, 2)), 42))
where <- function() paste(Sys.info()[["nodename"]], Sys.getpid())
stopifnot(identical(result(s$submit(where)), result(s$submit(where))))

job <- wait(s$submit(remember, 1))
stopifnot(identical(logs(job)$stdout, "kept it"), length(logs(wait(s$submit(recall, 1)))$stdout) == 0)

df <- data.frame(n = c(1L, NA), f = factor(c("b", NA), levels = c("a", "b")))
stopifnot(identical(result(s$submit(function(df) df, df)), df))

draw <- function() runif(2)
drawn <- function(seed) result(s$submit(task(draw, seed = seed)))
stopifnot(identical(drawn(5), drawn(5)), !identical(drawn(5), drawn(6)))

message_of <- function(job) tryCatch(result(job), error = conditionMessage)
stopifnot(grepl("no luck", message_of(s$submit(function() stop("no luck")))))
stopifnot(grepl("quit() was called with status 3", message_of(s$submit(function() quit(status = 3))), fixed = TRUE))
stopifnot(identical(result(s$submit(remember, 9)), 9))

spin <- function(n) { set_tag("spins", "yes"); for (i in seq_len(n)) Sys.sleep(0.05) }
job <- s$submit(spin, 2000)
until <- Sys.time() + 600
while (is.null(job_tags(job)$spins)) stopifnot(Sys.time() < until)
cancel(job)
stopifnot(identical(state(wait(job)), "cancelled"), identical(result(s$submit(recall, 1)), 10))

wrong <- tryCatch(s$submit(task(remember, memory = "1g"), 1), error = identity)
stopifnot(inherits(wrong, "landbridge_invalid_field"), grepl("`memory` is the session's own", conditionMessage(wrong)))
short <- function() {
  result(s$submit(recall, 1))
  landbridge:::has_ended(s$submit(recall, 1))
}
until <- Sys.time() + 60
while (!short()) stopifnot(Sys.time() < until)

close(s)
stopifnot(identical(state(wait(s$job)), "succeeded"))
gone <- tryCatch(s$submit(remember, 1), landbridge_conflict = conditionMessage)
stopifnot(grepl("takes no more jobs", gone))

dead <- session("r")
died <- dead$submit(function() tools::pskill(Sys.getpid(), 9))
stopifnot(grepl("SIGKILL", message_of(died)), identical(state(wait(dead$job)), "failed"))

# A session of the other language, whose globals stay as well.
other <- session("python")
load <- other$submit(python("def load(n):\\n    global table\\n    table = list(range(n))\\n"), 10L)
stopifnot(identical(result(other$submit(python("def total():\\n    return sum(table)\\n"))), 45L))
cancel(other)

for (bad in list(list(idle = 0), list(runtime = 4), list(language = "julia"), list(memroy = "1g"), list(seconds = 3))) {
  caught <- tryCatch(do.call(session, bad), landbridge_error = conditionMessage)
  stopifnot(is.character(caught), grepl(names(bad), caught))
}
cat("told")
"""


def test_the_same_from_r(run_r):
    code = R_STORY.replace("job_tags(job)", "landbridge:::look_up(job)$whole$tags")
    assert run_r(code) == "told"
