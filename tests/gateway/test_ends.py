"""The same exit code, and what it means by what the engine told around it."""

import threading

import pytest
from landbridge_gateway.engines import ends
from landbridge_gateway.engines.ends import Ends
from landbridge_gateway.model import Exit, Gone

KILLED = Exit(137)
ATTEMPT = "job_0000000000000000.1"


class Told(list):
    """What was said of attempts, and whether a word more has come."""

    def __init__(self):
        self.more = threading.Semaphore(0)

    def __call__(self, attempt, how):
        self.append((attempt, how))
        self.more.release()


@pytest.fixture
def told():
    return Told()


def test_a_death_of_its_own_is_told_at_once(told):
    Ends(lambda _: KILLED).heard(ATTEMPT, "die", told)
    assert told == [(ATTEMPT, KILLED)]


def test_a_removal_by_force_is_no_death_of_the_job(told):
    made = Ends(lambda _: KILLED)
    for action in ("kill", "die", "destroy"):
        made.heard(ATTEMPT, action, told)
    assert told == [(ATTEMPT, Exit(None, gone=Gone.REMOVED))]


def test_a_signal_by_hand_without_a_removal_is_told_a_moment_later(told, monkeypatch):
    monkeypatch.setattr(ends, "_REMOVAL", 0.01)
    made = Ends(lambda _: KILLED)
    made.heard(ATTEMPT, "kill", told)
    made.heard(ATTEMPT, "die", told)
    assert told.more.acquire(timeout=30)
    assert told == [(ATTEMPT, KILLED)]


def test_a_stop_of_ours_waits_for_nothing(told):
    made = Ends(lambda _: Exit(143))
    made.ours(ATTEMPT)
    made.heard(ATTEMPT, "kill", told)
    made.heard(ATTEMPT, "die", told)
    assert told == [(ATTEMPT, Exit(143))]


@pytest.mark.parametrize("code", [137, 143, 255])
def test_what_ended_while_the_engine_was_away_ended_with_it(code):
    made = Ends(lambda _: KILLED)
    assert made.found(Exit(code)).gone is None
    made.engine_went()
    assert made.found(Exit(code)).gone is Gone.ENGINE
    made.engine_came()
    assert made.found(Exit(code)).gone is None


@pytest.mark.parametrize("ended", [Exit(0), Exit(3), Exit(137, oom=True)])
def test_an_end_of_its_own_while_the_engine_was_away_stays_its_own(ended):
    made = Ends(lambda _: KILLED)
    made.engine_went()
    assert made.found(ended) == ended
