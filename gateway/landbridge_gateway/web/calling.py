"""Submissions that are answered with the end of their job, where that comes soon."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from flask import Response

from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Json
from landbridge_gateway.scheduler.calling import Call
from landbridge_gateway.scheduler.hub import NoPlace
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import ends_of
from landbridge_gateway.web import present
from landbridge_gateway.web.services import Services
from landbridge_gateway.web.waiting import answer_when

LONGEST = 1  # second that a submission waits for the end of its job
_ATTENDED = 0.05  # seconds for which a thread waits for a call; after that nobody does


def answer_call(here: Services, call: Call, wait: float) -> Response:
    """The answer to the submission of a call that has begun. It is on the disk by then, with its end or without."""
    try:
        answer = _attended(here, call, wait)
    except BaseException:
        here.scheduler.wake()  # for what follows, as no answer will be sent
        raise
    answer.call_on_close(lambda: here.scheduler.calls.follow(call))  # when it is sent
    return answer


def _attended(here: Services, call: Call, wait: float) -> Response:
    until = time.monotonic() + wait
    try:
        here.scheduler.calls.attend(call, min(wait, _ATTENDED))
    finally:
        here.scheduler.calls.leave(call)
    answer = _end(here, call.job, present.address(), 201)
    if answer is None:
        here.database.bring_to_disk()
    reach("before the answer")
    return answer or answer_with_end(here, call.job, until - time.monotonic(), 201)


def may_wait(here: Services, row: Row) -> bool:
    """Is it worth waiting for? Not for a call that stands behind others, nor for what holds or gathers jobs."""
    if row["ended"] or row["unassigned"] is not None or row["task"]["function"]["type"] == "session":
        return False
    return not row["session"] or here.jobs.open_calls(row["session"]) == 1


def answer_with_end(here: Services, job: str, wait: float, status: int) -> Response:
    """The answer to a submission once the job has ended, or the time is over. The job is stored either way."""
    host = present.address()

    def look() -> bool | None:
        return here.jobs.state(job).ended or None

    def render(_: bool | None) -> Response:
        return _end(here, job, host, status) or _answer(_told(here, here.jobs.get(job), host), status)

    with suppress(NoPlace):  # then it is answered as any other
        return answer_when(look, render, wait, [ends_of(job)])
    return render(None)


def _end(here: Services, job: str, host: str, status: int) -> Response | None:
    """The answer for a job that has ended, as most that are asked about here have a moment ago."""
    with here.database.at_hand():
        row = here.jobs.get(job)
        told = _told(here, row, host) if row["ended"] else None
    return None if told is None else _answer(told, status)


def _told(here: Services, row: Row, host: str) -> Json:
    return {"job": present.whole(here, row, host), "cursor": row["cursor"]}


def _answer(told: Json, status: int) -> Response:
    return Response(json.dumps(told), status, content_type="application/json")
