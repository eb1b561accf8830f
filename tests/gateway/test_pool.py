"""How many containers wait, and for what: decided without IO."""

from hypothesis import given
from hypothesis import strategies as st
from landbridge_gateway.model import Limits
from landbridge_gateway.warden.pool import LARGE, SLOT_MEMORY, Kind, Pool, slots_in_words, to_close, to_open

R = Kind.of("r:4.6", "r", Limits())
PYTHON = Kind.of("python:3.14", "python", Limits())
BIG = Kind.of("python:3.14", "python", Limits(memory=2**33))


def pool(slots=4, idle=600, processors=2):
    return Pool(slots * SLOT_MEMORY, idle, processors)


def started(made, *begun):
    """Jobs of these kinds at these moments, each its own attempt."""
    for number, (kind, moment) in enumerate(begun):
        made.started(kind, f"job_{number}.1", moment)


def test_nothing_waits_before_anything_was_asked_for():
    assert pool().targets(0) == {}


def test_one_waits_for_each_kind_that_was_used():
    made = pool()
    started(made, (R, 0), (PYTHON, 1))
    assert made.targets(2) == {R: 1, PYTHON: 1}


def test_how_long_a_job_may_run_makes_no_other_kind_and_all_else_does():
    assert Kind.of("r:4.6", "r", Limits(seconds=5)) == R
    for changed in ({"cpus": 2.0}, {"memory": 2**30}, {"pids": 99}, {"disk": 2**30}, {"network": "outbound"}):
        assert Kind.of("r:4.6", "r", Limits(**changed)) != R


def test_more_wait_after_a_burst_and_fewer_when_it_is_over():
    made = pool(slots=8)
    started(made, *((R, moment) for moment in range(16)))
    assert made.targets(16) == {R: 4}
    assert made.targets(60) == {R: 1}
    assert made.targets(16 + 601) == {}


def test_memory_bounds_all_kinds_and_the_last_used_come_first():
    made = pool(slots=2)
    started(made, (BIG, 0), (R, 1), (PYTHON, 2))
    assert made.targets(3) == {PYTHON: 1, R: 1}


def test_too_little_memory_for_one_means_none():
    made = Pool(SLOT_MEMORY - 1, 600, 2)
    started(made, (R, 0))
    assert (made.most, made.targets(1)) == (0, {})


def test_slots_are_told_with_what_they_differ_in():
    plain = {"runtime": "r:4.6", "packages": False, "memory": 2 * 1024**3, "waiting": 2, "ready": 1}
    assert slots_in_words([]) == ""
    assert slots_in_words([plain, plain | {"packages": True}]) == (
        "1 of 2 ready for r:4.6, 1 of 2 ready for r:4.6 with packages"
    )
    assert slots_in_words([plain, plain | {"memory": 400 * 1024**2}]) == (
        "1 of 2 ready for r:4.6 with 2,048 MiB, 1 of 2 ready for r:4.6 with 400 MiB"
    )


def test_what_lacks_most_is_opened_first_and_the_oldest_are_closed():
    targets = {R: 1, PYTHON: 3}
    assert to_open(targets, [PYTHON]) == PYTHON
    assert to_open(targets, [PYTHON, PYTHON, PYTHON, R]) is None
    assert to_close(targets, [R, R, BIG, PYTHON]) == [0, 2]


def test_no_slot_is_opened_while_all_processors_have_young_jobs():
    made = pool(processors=2)
    started(made, (R, 10))
    assert made.room_in(10.5) == 0
    started(made, (R, 10), (PYTHON, 11))
    assert made.room_in(11.5) == 1.5  # until the older one is not young any more
    assert made.room_in(13) == 0
    assert made.room_in(14) == 0


def test_there_is_room_as_soon_as_a_job_ends_and_its_end_may_be_told_again():
    made = pool(processors=2)
    started(made, (R, 10), (R, 10), (R, 10))
    assert made.room_in(11) == 2
    made.over("job_0.1")
    assert made.room_in(11) == 2
    made.over("job_1.1")
    made.over("job_1.1")
    assert made.room_in(11) == 0


def test_a_job_that_is_given_much_counts_as_two_until_it_ends():
    made = pool(processors=2)
    made.started(R, "job_0.1", 10, LARGE)
    assert made.room_in(11) == 2
    made.over("job_0.1")
    assert made.room_in(11) == 0
    made.started(R, "job_1.1", 12, LARGE - 1)
    assert made.room_in(12) == 0
    wide = pool(processors=3)
    wide.started(R, "job_0.1", 10, LARGE)
    assert wide.room_in(11) == 0


def test_on_one_processor_a_single_young_job_puts_nothing_off():
    made = pool(processors=1)
    started(made, (R, 10))
    assert made.room_in(10) == 0
    started(made, (R, 10), (R, 10))
    assert made.room_in(10) == 3


@given(
    st.lists(st.tuples(st.sampled_from([R, PYTHON, BIG]), st.floats(0, 1000)), max_size=80),
    st.integers(0, 10),
    st.floats(1, 700),
    st.lists(st.sampled_from([R, PYTHON, BIG]), max_size=12),
)
def test_it_stays_within_its_bound_and_comes_to_rest(starts, most, idle, slots):
    made = pool(most, idle)
    started(made, *sorted(starts, key=lambda one: one[1]))
    targets = made.targets(1000)
    assert sum(targets.values()) <= most
    assert all(1000 - max(moment for one, moment in starts if one == kind) <= idle for kind in targets)
    kept = [kind for position, kind in enumerate(slots) if position not in to_close(targets, slots)]
    while (kind := to_open(targets, kept)) is not None:
        kept.append(kind)
    assert {kind: kept.count(kind) for kind in kept} == targets
