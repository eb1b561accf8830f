from landbridge_gateway.model import Cause, Exit, Limits, State
from landbridge_gateway.scheduler.decisions import Flight, failed_input, free_slots, next_deadline, overdue, reconcile


def flight(**more):
    return Flight("job_a", "me", 1, "r:4.6", Limits(), **more)


def test_inputs_that_did_well_or_are_not_over_fail_nobody():
    assert failed_input({}) is None
    assert failed_input({"job_a": State.RUNNING, "job_b": State.SUCCEEDED}) is None


def test_a_failed_input_fails_the_job_and_names_the_input():
    outcome = failed_input({"job_a": State.CANCELLED, "job_b": State.RUNNING})
    assert outcome.state is State.FAILED
    assert outcome.cause is Cause.INPUT
    assert outcome.error["message"] == "Its input job_a did not succeed: it is cancelled."


def test_slots_are_held_until_the_container_has_exited():
    assert free_slots([], 2) == 2
    assert free_slots([flight(published=True)], 2) == 1
    assert free_slots([flight(), flight(), flight()], 2) == 0


def test_only_what_runs_and_was_not_stopped_has_a_deadline():
    flights = {"a": flight(deadline=5.0), "b": flight(deadline=3.0, stop_reason="cancel"), "c": flight()}
    assert next_deadline(flights.values()) == 5.0
    assert overdue(flights, 4.9) == []
    assert overdue(flights, 5.0) == ["a"]
    flights["a"].published = True
    assert overdue(flights, 9.0) == []


def test_containers_and_attempts_are_compared_both_ways():
    seen = reconcile(["a", "b", "c"], {"a": None, "b": Exit(0), "z": None})
    assert (seen.gone, seen.running, seen.stray) == (["c"], ["a"], ["z"])
    assert seen.ended == {"b": Exit(0)}
