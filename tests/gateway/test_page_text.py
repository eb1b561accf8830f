"""How pages word what they show."""

import pytest
from landbridge_gateway.web.pages.text import duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.0014, "1 ms"),
        (0.0994, "99 ms"),
        (0.1, "0.1 s"),
        (59.9, "59.9 s"),
        (61, "1 min 01 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_short_times_are_told_in_milliseconds(seconds, shown):
    assert duration(seconds) == shown
