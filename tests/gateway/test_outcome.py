import pytest
from landbridge_gateway.depot.outcome import Facts, decide
from landbridge_gateway.model import Cause, Exit, Limits, State

RESULT = {"kind": "null"}
ERROR = {"type": "ValueError", "classes": ["ValueError"], "message": "no"}
LIMITS = Limits().as_json()


@pytest.mark.parametrize(
    ("facts", "state", "cause"),
    [
        (Facts(result=RESULT), State.SUCCEEDED, None),
        (Facts(result=RESULT, exit=Exit(137, oom=True)), State.SUCCEEDED, None),
        (Facts(result=RESULT, stop_reason="cancel", exit=Exit(143)), State.SUCCEEDED, None),
        (Facts(error=ERROR), State.FAILED, Cause.ERROR),
        (Facts(stop_reason="cancel", exit=Exit(143)), State.CANCELLED, None),
        (Facts(error=ERROR, stop_reason="timeout", exit=Exit(0), limits=LIMITS), State.FAILED, Cause.TIMEOUT),
        (Facts(exit=Exit(137, oom=True), limits=LIMITS), State.FAILED, Cause.MEMORY),
        (Facts(exit=Exit(137)), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(1, oom=True)), State.FAILED, Cause.KILLED),
        (Facts(exit=Exit(0)), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(64)), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(0), unreadable="result.json is not whole JSON"), State.FAILED, Cause.PROTOCOL),
        (Facts(exit=Exit(None)), State.LOST, None),
    ],
)
def test_every_end_has_one_state_and_the_right_cause(facts, state, cause):
    outcome = decide(facts)
    assert (outcome.state, outcome.cause) == (state, cause)


@pytest.mark.parametrize("facts", [Facts(), Facts(stop_reason="cancel"), Facts(error=ERROR, stop_reason="timeout")])
def test_there_is_no_outcome_before_the_end(facts):
    assert decide(facts) is None


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (Facts(exit=Exit(3)), "The job's process ended with exit code 3 before it had a result."),
        (Facts(exit=Exit(139)), "The job's process was ended by SIGSEGV (exit code 139) before it had a result."),
        (Facts(exit=Exit(137, True), limits=LIMITS), "The job needed more memory than its limit of 2,048 MiB."),
        (Facts(exit=Exit(0)), "The job ended without a result."),
        (Facts(exit=Exit(0), unreadable="x"), "The job's outcome cannot be read: x."),
        (
            Facts(exit=Exit(143), stop_reason="timeout", limits=LIMITS),
            "The job ran longer than its limit of 3600 s.",
        ),
    ],
)
def test_a_death_is_told_in_a_sentence_with_a_way_out(facts, sentence):
    error = decide(facts).error
    assert error["message"] == sentence
    assert error["hint"]
