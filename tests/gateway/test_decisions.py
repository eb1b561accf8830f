from landbridge_gateway.model import Cause, Exit, Limits, RuntimeState, State
from landbridge_gateway.scheduler.decisions import Flight, free_slots, may_start, next_deadline, overdue, reconcile

READY = RuntimeState("r:4.6", "r", True, "ready")
ABSENT = RuntimeState("r:4.6", "r", True, "absent")


def flight(**more):
    return Flight("job_a", 1, "r:4.6", Limits(), **more)


def test_a_job_waits_for_its_inputs_and_its_runtime():
    assert may_start({}, READY) is True
    assert may_start({}, ABSENT) is False
    assert may_start({}, None) is False
    assert may_start({"job_a": State.RUNNING}, READY) is False
    assert may_start({"job_a": State.SUCCEEDED}, READY) is True


def test_a_failed_input_fails_the_job_and_names_the_input():
    outcome = may_start({"job_a": State.CANCELLED, "job_b": State.RUNNING}, READY)
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
