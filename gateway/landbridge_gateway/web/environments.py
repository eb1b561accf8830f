"""The place of a job: its runtime, with the packages that its task wants."""

from __future__ import annotations

from landbridge_gateway.environments.environment import differences
from landbridge_gateway.environments.places import place_of, split_place
from landbridge_gateway.environments.wanted import Wanted, wanted
from landbridge_gateway.errors import InvalidField
from landbridge_gateway.model import Json
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.services import Services


def place_for(services: Services, task: Json, runtime: str, session: Row | None) -> str:
    """Where a task runs; what it wants is written down. Raises InvalidField."""
    asked = task.get("environment")
    if session:
        if asked:
            raise InvalidField(
                f"The session `{session['id']}` has its packages already.",
                "Give `packages` to session() itself.",
                field="task.environment",
            )
        return str(session["runtime"])
    if not asked:
        return runtime
    return _remembered(services, runtime, wanted(task["language"], _version(runtime), asked, services.images))


def place_again(services: Services, row: Row) -> str:
    """Where a job runs once more: with the very packages that it had, where that is known."""
    runtime, key = split_place(row["runtime"])
    attempt = services.jobs.attempt_of(row) if key else None
    packages = services.environments.packages(attempt["solution"]) if attempt else None
    before = services.environments.wanted(row["runtime"]) if packages else None
    if attempt is None or packages is None or before is None or before.get("image") or before.get("solved"):
        return str(row["runtime"])
    again = Wanted(
        row["language"],
        packages=tuple(before.get("packages", ())),
        digests=before.get("digests", {}),
        of=attempt["environment"],
        solved=tuple(packages),
    )
    return _remembered(services, runtime, again)


def packages_of(services: Services, row: Row) -> Json | None:
    """What the packages came to that a job ran with; None of a runtime alone."""
    if not split_place(row["runtime"])[1]:
        return None
    attempt = services.jobs.attempt_of(row)
    asked = services.environments.wanted(row["runtime"]) or {}
    packages = services.environments.packages(attempt["solution"]) if attempt else None
    told = {
        "environment": attempt["environment"] if attempt else None,
        "asked": list(asked.get("packages", ())),
        "packages": packages or [],
    }
    if asked.get("solved") and packages is not None:
        told["differences"] = differences(tuple(asked["solved"]), tuple(packages))
    return told


def _remembered(services: Services, runtime: str, found: Wanted) -> str:
    place = place_of(runtime, found.key)
    services.environments.remember(place, found.as_json())
    return place


def _version(runtime: str) -> str:
    return runtime.partition(":")[2]
