"""A builder's messages: steps told, and a failure with its log's end and a way out."""

from __future__ import annotations

import pytest
from landbridge_gateway.environments.build import TAIL_LINES, BuildFailed, follow, hint_for


def test_steps_are_told_and_the_rest_is_kept_quiet() -> None:
    told: list[str] = []
    follow(
        [{"stream": "Step 1/2 : FROM x\n"}, {"stream": " ---> 1\n"}, {"stream": "Step 2/2 : RUN y"}], "x", told.append
    )
    assert told == ["step 1 of 2", "step 2 of 2"]


def test_a_failure_carries_the_end_of_the_log() -> None:
    messages = [{"stream": f"\x1b[91mline {number}\n\x1b[0m"} for number in range(500)]
    with pytest.raises(BuildFailed) as caught:
        follow([*messages, {"error": "The command returned a non-zero code: 100"}], "landbridge/r-4.6", lambda _: None)
    assert caught.value.message == (
        "The image landbridge/r-4.6 could not be built: The command returned a non-zero code: 100."
    )
    assert len(caught.value.log_tail) == TAIL_LINES
    assert caught.value.log_tail[-2:] == ["line 499", "The command returned a non-zero code: 100"]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("write /var/lib: no space left on device", "prune"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "LANDBRIDGE_CA_BUNDLE"),
        ("E: Release file for x is expired (invalid since 3 d)", "Check-Valid-Until"),
        ("Temporary failure resolving 'mirror.example'", "network"),
        ("E: Unable to locate package r-cran-nothing", "runtimes.toml"),
        ("the suite carries R 4.7, not 4.6", "runtimes.toml"),
        ("failed to create endpoint x: could not find bridge docker0", "restart"),
        ("E: unable to pick chroot mode automatically (use --mode for manual selection)", "uidmap"),
        ("Step 5/9 : RUN test || echo the suite carries another", "landbridge images build"),
        ("something else", "landbridge images build"),
    ],
)
def test_each_known_failure_has_its_way_out(line: str, word: str) -> None:
    assert word in hint_for(["before", line, "after"])
