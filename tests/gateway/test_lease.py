"""When a warden that does not answer is thought to be stalled, by a clock of ours."""

from landbridge_gateway.warden.lease import Lease


def beats(lease, start, end):
    """Beat as the link does; the times at which it asked, and whether the lease ran out."""
    asked, out, now = [], [], start
    while now <= end:
        if lease.ask(now):
            asked.append(now)
        if lease.ran_out(now):
            out.append(now)
        now += lease.pause
    return asked, out


def test_one_question_is_open_at_a_time_and_an_answer_renews_the_lease():
    lease = Lease(3)
    assert beats(lease, 0, 2) == ([0], [])
    assert not lease.heard()
    assert beats(lease, 3, 5) == ([3], [])


def test_a_warden_that_stays_silent_is_suspected_once_and_trusted_when_it_answers():
    lease = Lease(3)
    assert beats(lease, 0, 20) == ([0], [4])
    assert lease.heard()
    assert not lease.suspected
    assert beats(lease, 21, 22) == ([21], [])


def test_a_gateway_that_was_stalled_itself_suspects_nobody():
    lease = Lease(3)
    assert lease.ask(0)
    # It slept for a night, and finds the answer only after its own beat.
    assert not lease.ask(28_800)
    assert not lease.ran_out(28_800)
    assert not lease.heard()
    assert lease.ask(28_801)
