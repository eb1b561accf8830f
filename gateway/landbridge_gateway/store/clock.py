"""Times as the record writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def timestamp(moment: datetime | None = None) -> str:
    """ISO time in UTC with microseconds and ``Z``: text that sorts as time does."""
    moment = moment.astimezone(UTC) if moment else datetime.now(UTC)
    # Five times as fast as strftime, and it is called for each point of a sweep.
    return moment.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def later(seconds: float) -> str:
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def seconds_between(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
