"""Whose turn it is: everybody's, whatever the others have in line."""

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st
from landbridge_gateway.scheduler.fairness import Turns, whose_turn


class Lines:
    """Queued jobs by owner and experiment, in memory."""

    def __init__(self, jobs):
        self.jobs = {group: deque(line) for group, line in jobs.items() if line}
        self.turns = Turns(self.owners, self.experiments)
        self.running = Counter()

    @staticmethod
    def in_round(names, last):
        ordered = sorted(set(names))
        return [n for n in ordered if last is None or n > last] + [n for n in ordered if last is not None and n <= last]

    def owners(self, last):
        return self.in_round([owner for owner, _ in self.jobs], last)

    def experiments(self, owner, last):
        return self.in_round([name for other, name in self.jobs if other == owner], last)

    def start(self):
        group = self.turns.next(self.running)
        if group is None:
            return None
        job = self.jobs[group].popleft()
        if not self.jobs[group]:
            del self.jobs[group]
        self.running[group] += 1
        return group, job

    def end(self, group):
        self.running[group] -= 1


GROUPS = st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y", "z"]))
LINES = st.dictionaries(GROUPS, st.integers(1, 30), min_size=1).map(
    lambda counts: {group: list(range(count)) for group, count in counts.items()}
)


def test_the_fewest_running_first_and_else_the_round():
    assert whose_turn(["b", "c", "a"], {"b": 1}) == "c"
    assert whose_turn(["b", "c", "a"], {}) == "b"
    assert whose_turn([], {}) is None


@given(LINES)
def test_every_job_is_started_once_and_in_the_order_of_its_group(jobs):
    lines, started = Lines(jobs), {}
    while found := lines.start():
        started.setdefault(found[0], []).append(found[1])
        lines.end(found[0])
    assert started == jobs


@given(LINES, GROUPS, st.integers(0, 25))
def test_a_single_job_waits_for_a_round_however_many_others_have(jobs, group, before):
    jobs = {other: line for other, line in jobs.items() if other != group} | {("z", "burst"): list(range(50_000))}
    lines = Lines(jobs)
    for _ in range(before):
        lines.end(lines.start()[0])
    owners = len({owner for owner, _ in lines.jobs} | {group[0]})
    experiments = len({name for owner, name in lines.jobs if owner == group[0]} | {group[1]})
    lines.jobs[group] = deque(["single"])
    starts = 0
    while True:
        starts += 1
        found = lines.start()
        lines.end(found[0])
        if found == (group, "single"):
            break
    assert starts <= owners * experiments


@settings(max_examples=50)
@given(st.integers(2, 5), st.integers(1, 8), st.randoms(use_true_random=False))
def test_owners_with_enough_to_do_share_the_places_evenly(count, places, random):
    lines = Lines({(str(owner), str(name)): list(range(200)) for owner in range(count) for name in range(owner + 1)})
    open_jobs = []
    for _ in range(100):
        while len(open_jobs) < places:
            open_jobs.append(lines.start()[0])
        shares = Counter(owner for owner, _ in open_jobs)
        # An end may take from whoever has fewest; the next start gives it back.
        assert max(shares.values()) <= -(-places // count) + 1
        lines.end(open_jobs.pop(random.randrange(len(open_jobs))))


def test_a_group_that_turns_out_to_have_nothing_is_passed_over():
    lines = Lines({("a", ""): [1], ("b", ""): [1]})
    assert lines.turns.next(Counter(), frozenset({("a", "")})) == ("b", "")
    assert lines.turns.next(Counter(), frozenset({("a", ""), ("b", "")})) is None
