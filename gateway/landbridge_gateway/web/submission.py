"""From the body of a submission to a job that can be stored: every reference checked, every default filled in."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import PurePath

from landbridge_gateway.environments.places import split_place
from landbridge_gateway.errors import InvalidField, Overloaded, UnknownRuntime
from landbridge_gateway.model import SEEDS, Json, Limits, RuntimeState, new_id
from landbridge_gateway.nodes import NEW, jobs_in, natives_of, nodes_of, objects_in
from landbridge_gateway.store.jobs import NewJob
from landbridge_gateway.web.access import Caller
from landbridge_gateway.web.environments import place_for
from landbridge_gateway.web.held import session_of
from landbridge_gateway.web.natives import check_natives
from landbridge_gateway.web.services import Services
from landbridge_gateway.web.syntax import check_syntax

MOST_INPUTS = 1000
MOST_OBJECTS = 10_000


def new_job(services: Services, body: Json, caller: Caller, key: str | None) -> NewJob:
    """Check the body of a submission and make it a job; whatever is wrong is an error that names the field.

    The body was held against its schema by the caller.
    """
    task, values = body["task"], body["values"]
    session = session_of(services, task, caller.sees)
    if session or task["function"]["type"] == "session":
        refuse_retries(task, "A job of a session" if session else "A session")
    wanted = split_place(session["runtime"])[0] if session else task.get("runtime")
    runtime = choose_runtime(services.scheduler.runtimes, task["language"], wanted)
    nodes = list(nodes_of(task, values))
    named = jobs_in(nodes)
    if len(named) > MOST_INPUTS:
        raise InvalidField(f"A job takes at most {MOST_INPUTS} other jobs as values.", "Gather them in steps.")
    inputs = check_inputs(services, named, caller.sees)
    check_objects(services, objects_in(nodes), caller.sees)
    check_natives(services, natives_of(task, values), caller)
    check_secrets(services, task, caller.name)
    check_syntax(task["language"], runtime, task["function"])
    seed = task.get("seed")
    place = place_for(services, task, runtime, session)
    return NewJob(
        id=new_id("job"),
        owner=caller.name,
        client=body.get("client"),
        key=key or secrets.token_hex(16),
        body_digest=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        name=task.get("name") or _own_name(task["function"]),
        language=task["language"],
        runtime=place,
        experiment=task.get("experiment"),
        seed=secrets.randbelow(SEEDS) if seed is None else seed,
        limits=(Limits(**session["limits"]) if session else Limits()).with_given(task.get("limits") or {}).as_json(),
        task=task,
        values=values,
        tags=task.get("tags") or {},
        inputs=inputs,
        session=session["id"] if session else None,
        objects=sorted(objects_in(nodes)),
        ready=not inputs and services.scheduler.is_ready(place),
    )


def refuse_retries(task: Json, what: str) -> None:
    """What holds a state, or has many ends of its own, is not tried again by itself."""
    if task.get("retries"):
        raise InvalidField(
            f"{what} is not tried again.", "Leave `retries` out, and submit again what failed.", field="task.retries"
        )


def choose_runtime(known: list[RuntimeState], language: str, wanted: str | None) -> str:
    """The runtime asked for, or the language's default."""
    if not known:
        raise Overloaded("The engine has not said yet what it offers.", "Try again in a second.")
    offered = [runtime for runtime in known if runtime.runs(language)]
    names = ", ".join(f"`{runtime.name}`" for runtime in offered) or "none"
    if wanted is None:
        found = next((runtime.name for runtime in offered if runtime.default), None)
        if found is None:
            raise UnknownRuntime(f"There is no runtime for {language} here.", "Install one, or use another gateway.")
        return found
    if wanted not in [runtime.name for runtime in offered]:
        raise UnknownRuntime(
            f"There is no runtime `{wanted}` for {language}.", f"There are: {names}.", field="task.runtime"
        )
    return wanted


def check_inputs(services: Services, wanted: set[str], owner: str | None) -> list[str]:
    """The jobs whose results are wanted, each of which must be this owner's (None: anybody's)."""
    for job in sorted(wanted):
        services.jobs.get(job, owner)
    return sorted(wanted)


def check_objects(services: Services, references: set[str], owner: str | None) -> None:
    if len(references) > MOST_OBJECTS:
        raise InvalidField(f"A job takes at most {MOST_OBJECTS:,} objects as values.", "Bind tables into fewer.")
    for reference in sorted(references):
        if reference.startswith(NEW):
            raise InvalidField(f"`{reference}` is a name for workers.", "Upload the object and use its id.")
    services.objects.formats(sorted(references), owner)
    services.settling.wait(references)


def check_secrets(services: Services, task: Json, owner: str) -> None:
    """The secrets that a task names, each of which must be this owner's."""
    names = task.get("secrets") or []
    if names and task["function"]["type"] == "session":
        raise InvalidField(
            "A session is given no secrets.", "Give them to the jobs that run in it.", field="task.secrets"
        )
    for name in names:
        services.secrets.get(owner, name)


def _own_name(function: Json) -> str:
    if function["type"] == "session":
        return "session"
    if function["type"] == "script":
        return PurePath(function.get("file") or "script").name
    return str(function["name"])
