"""What is known after a restart of an attempt that was begun before."""

from __future__ import annotations

from landbridge_gateway.model import Limits, State
from landbridge_gateway.scheduler.decisions import Flight
from landbridge_gateway.scheduler.sessions import session_attempt
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs


def recovered_flight(jobs: Jobs, attempt: Row, job: Row, now: float) -> Flight:
    """The flight of an open attempt; ``now`` is on the monotonic clock."""
    limits = Limits(**job["limits"])
    state, function = State(job["state"]), job["task"]["function"]
    held = function["type"] == "session"
    spent = seconds_between(job["started"], timestamp()) or 0.0
    return Flight(
        attempt["job"],
        job["owner"],
        attempt["number"],
        attempt["runtime"],
        limits,
        running=state is State.RUNNING,
        published=state.ended,
        stop_reason=attempt["stop_reason"],
        deadline=now + limits.seconds - spent if state is State.RUNNING and not held else None,
        image=attempt["image"],
        held=held,
        idle=function.get("idle"),
        session=session_attempt(jobs, job["session"]) if job["session"] else None,
    )
