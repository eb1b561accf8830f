"""What is known after a restart of an attempt that was begun before."""

from __future__ import annotations

from landbridge_gateway.model import Limits, State
from landbridge_gateway.scheduler.decisions import Flight, causes_of
from landbridge_gateway.scheduler.sessions import session_attempt
from landbridge_gateway.store.clock import seconds_between, timestamp
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs


def recovered_flight(jobs: Jobs, attempt: Row, job: Row, now: float) -> Flight:
    """The flight of an open attempt; ``now`` is on the monotonic clock."""
    limits = Limits(**job["limits"])
    state, task = State(job["state"]), job["task"]
    held = task["function"]["type"] == "session"
    return Flight(
        attempt["job"],
        job["owner"],
        attempt["number"],
        attempt["runtime"],
        limits,
        attempt["token"] or "",
        retries=task.get("retries") or 0,
        retry_on=causes_of(task.get("retry_on")),
        running=state is State.RUNNING,
        published=state.ended,
        stop_reason=attempt["stop_reason"],
        deadline=now + limits.seconds - _spent(attempt, job, now) if state is State.RUNNING and not held else None,
        image=attempt["image"],
        held=held,
        idle=task["function"].get("idle"),
        session=session_attempt(jobs, job["session"]) if job["session"] else None,
    )


def _spent(attempt: Row, job: Row, now: float) -> float:
    """How long it has run. By the clock of the machine, which does not count what it slept and never jumps."""
    if attempt["began"] is not None:
        return max(0.0, now - float(attempt["began"]))
    return seconds_between(job["started"], timestamp()) or 0.0
