"""Turns in time, and who is turned away at a full queue's door."""

from landbridge_gateway.web.pace import Pace


def test_turns_are_apart_however_many_ask_and_none_is_saved_up():
    now = [100.0]
    pace = Pace(50, lambda: now[0])
    assert [round(pace.turn(), 3) for _ in range(3)] == [0.02, 0.04, 0.06]
    now[0] += 0.05
    assert round(pace.turn(), 3) == 0.03
    now[0] += 60
    assert round(pace.turn(), 3) == 0.02
