"""Far more than can be run, by clients that do not wait: what is accepted runs, the rest is told when to come back."""

from __future__ import annotations

import statistics
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.gateway.conftest import source_task, submission
from tests.load.flood import Flood
from tests.load.waiters import resident_megabytes
from tests.patience import joined, until
from tests.serving import Serving

SECONDS, CLIENTS, EACH = 6, 64, 10


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    bounds = {"LANDBRIDGE_MAX_QUEUED_EACH": str(EACH), "LANDBRIDGE_MAX_QUEUED": "100", "LANDBRIDGE_THREADS": "8"}
    with Serving(tmp_path_factory.mktemp("overload") / "home", engine="process", **bounds) as started:
        yield started


def until_ended(serving, cursor, jobs):
    """The state of each job, once all of them have ended."""
    states = {}

    def further():
        nonlocal cursor
        told = serving.call(f"/events?after={cursor}&wait=30&ends=only")
        states.update({event["job"]: event["state"] for event in told["events"]})
        cursor = told["cursor"]
        return told["events"]

    while not jobs <= states.keys():
        until(further, f"the end of another of {len(jobs - states.keys())} jobs")
    return {job: states[job] for job in jobs}


def one_job(serving, token):
    """Seconds from its submission to its end."""
    began = time.monotonic()
    cursor, mine = serving.call("/events?wait=0")["cursor"], Flood()
    mine.pour(urlsplit(serving.url).port, token, submission(source_task()), 60, 1, most=1)
    assert (len(mine.accepted), mine.refused) == (1, [])
    assert set(until_ended(serving, cursor, set(mine.accepted)).values()) == {"succeeded"}
    return time.monotonic() - began


def test_what_is_accepted_runs_and_the_rest_is_told_when_to_come_back(serving):
    other = serving.call("/tokens", "POST", {"name": "other", "role": "member"})["secret"]
    port, gateway = urlsplit(serving.url).port, serving.child("gateway")
    alone = statistics.median(one_job(serving, other) for _ in range(3))
    before, cursor = resident_megabytes(gateway), serving.call("/events?wait=0")["cursor"]
    flood, meanwhile = Flood(), []
    pouring = threading.Thread(
        target=flood.pour, args=(port, serving.token, submission(source_task()), SECONDS, CLIENTS)
    )
    began = time.monotonic()
    pouring.start()
    while pouring.is_alive():
        meanwhile.append(one_job(serving, other))
    joined(pouring, "the flood")
    # Far more than could be run; and however many ask again at once, no more are refused in a second than may be.
    assert len(flood.accepted) < len(flood.refused) < 50 * (time.monotonic() - began + 12)
    states = until_ended(serving, cursor, set(flood.accepted))
    assert set(states.values()) == {"succeeded"}
    assert len(states) == len(flood.accepted) >= EACH
    assert {status for status, _ in flood.refused} <= {429, 503}
    assert all(wait is not None and int(wait) >= 1 for _, wait in flood.refused)
    assert resident_megabytes(gateway) < before + 60
    # Somebody else's jobs take their turn all the same.
    assert statistics.median(meanwhile) < 20 * alone, (meanwhile, alone)
