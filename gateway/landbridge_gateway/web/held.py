"""What a submission that opens a session, or goes to one, must fulfil."""

from __future__ import annotations

from landbridge_gateway.environments.places import split_place
from landbridge_gateway.errors import Conflict, InvalidField, Overloaded
from landbridge_gateway.model import Json, State
from landbridge_gateway.store.database import Row
from landbridge_gateway.web.services import Services


def session_of(services: Services, task: Json, owner: str | None) -> Row | None:
    """The session that the task is for; None for any other."""
    wanted = task.get("session")
    if task["function"]["type"] == "session":
        _check_new(services, wanted)
    if wanted is None:
        return None
    session = services.jobs.get(wanted, owner)
    if session["task"]["function"]["type"] != "session":
        raise InvalidField(f"`{wanted}` is a job, not a session.", "Start one with session().", field="task.session")
    if State(session["state"]).ended or session["end_requested"]:
        state = session["state"] if State(session["state"]).ended else "ending"
        raise Conflict(f"The session `{wanted}` takes no more jobs: it is {state}.", "Start another session.")
    _check_fit(task, session)
    return session


def _check_new(services: Services, within: str | None) -> None:
    if within is not None:
        raise InvalidField("A session cannot run in a session.", "Start it by itself.", field="task.session")
    most = services.settings.sessions
    if services.jobs.open_sessions() >= most:
        raise Overloaded(
            f"There are {most} sessions already, which is as many as this gateway holds.",
            "End one that is not needed, or raise LANDBRIDGE_SESSIONS.",
        )


def _check_fit(task: Json, session: Row) -> None:
    if task["language"] != session["language"]:
        raise InvalidField(
            f"The session `{session['id']}` is of {session['language']}, and the task of {task['language']}.",
            "Start a session of its language.",
            field="task.session",
        )
    runtime = split_place(session["runtime"])[0]
    if task.get("runtime") not in (None, runtime):
        raise InvalidField(
            f"The session `{session['id']}` runs {runtime}, not {task['runtime']}.",
            "Leave `runtime` out, or start another session.",
            field="task.runtime",
        )
    for name in sorted(set(task.get("limits") or {}) - {"seconds"}):
        raise InvalidField(
            f"`{name}` is the session's own, and cannot change from job to job.",
            f"Give `{name}` to session() itself.",
            field=f"task.limits.{name}",
        )
