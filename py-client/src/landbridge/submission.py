"""``submit()``: check, capture, encode, send."""

from __future__ import annotations

import os
from typing import Any

from landbridge.capture import capture
from landbridge.client import Client, UploadSink, current
from landbridge.environments import settled
from landbridge.errors import MissingArgument, UnknownArgument, ValueCannotCross
from landbridge.events import ENDED
from landbridge.job import Job, job_in
from landbridge.kinds import Json
from landbridge.objects import Crossing
from landbridge.r_objects import capture_r
from landbridge.tasks import Task, as_task, nearest, parameters_of
from landbridge.values import encode

_CLIENT = "landbridge for Python"
_SHORT = 0.05  # seconds of a job that is waited for with its submission


def submit(what: Any, /, *args: Any, **kwargs: Any) -> Job:
    """Run a function as a job; every argument after the first belongs to the function. Returns its handle at once, or
    with the job's end: where the last job was short and was waited for, up to 50 ms are waited for this one's.

    ``what`` is a Python function, a task, or a function of ``r()`` or ``python()``. A job, or a part of one, may be an
    argument: its result goes there without passing through this client.

    Raises ``UnknownArgument``, ``MissingArgument``, ``FunctionNotCaptured``, ``ValueCannotCross``, ``CodeDoesNotParse``
    before anything runs, and the gateway's own refusals.
    """
    made = as_task(what)
    paths = check_arguments(made, args, kwargs)
    client = current()
    return send(client, document(made, args, kwargs, paths, sink_for(client, made)))


def send(client: Client, body: Json) -> Job:
    """Submit under a fresh key: however often the connection breaks, it becomes one job."""
    session = body["task"].get("session")
    query = {"wait": _SHORT} if _is_short(client.last.get(session)) else {}
    answer = client.post("/jobs", body, key=os.urandom(16).hex(), **query)
    client.last[session] = job = Job(client, *job_in(client, answer))
    return job


def _is_short(last: Job | None) -> bool:
    """Was the last job waited for, and short? Then the next one's end may come with its acceptance."""
    if last is None or last.known_state not in ENDED:
        return False
    seconds = last.document.get("seconds")
    return isinstance(seconds, int | float) and seconds < _SHORT


def sink_for(client: Client, made: Task) -> UploadSink:
    """Takes the values of a task, as its options say."""
    on_loss, decimal = (
        str(made.options.get(name) or usual) for name, usual in (("on_loss", "warn"), ("decimal", "double"))
    )
    return UploadSink(client, Crossing(made.language, on_loss, decimal))


def document(made: Task, args: tuple[Any, ...], kwargs: dict[str, Any], paths: list[str], sink: UploadSink) -> Json:
    """The body of a submission; values and captured names are uploaded on the way."""
    function = made.document if made.function is None else _captured(made, sink)
    given = [(None, value) for value in args] + list(kwargs.items())
    items = [[key, encode(value, sink, path)] for (key, value), path in zip(given, paths, strict=True)]
    if function is not None and function["type"] == "script":
        _check_script(items)
    return {
        "protocol": 1,
        "client": _CLIENT,
        "task": made.fields() | settled(made, function) | {"function": function},
        "values": {"items": items},
    }


def _captured(made: Task, sink: UploadSink) -> Json:
    return capture_r(made.function, made.name, sink) if made.language == "r" else capture(made.function, sink)


def _check_script(items: list[list[Any]]) -> None:
    for position, (key, node) in enumerate(items, 1):
        if key is None and node["kind"] not in ("scalar", "job"):
            raise ValueCannotCross(
                f"argument {position}",
                "a script's command line takes single values",
                "Give it a name: it becomes a variable.",
            )


def check_arguments(made: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """How each argument is called in messages. Raises when the function does not take them so."""
    known = parameters_of(made)
    numbered = [f"argument {position}" for position in range(1, len(args) + 1)]
    if known is None:
        return numbered + list(kwargs)
    if len(args) > len(known.positional) and not known.any_positional:
        raise UnknownArgument(
            f"`{made.name}` takes {_arguments(len(known.positional))}, and {_given(len(args))}.",
            _takes(known.positional),
        )
    by_position = known.positional[: len(args)]
    for name in kwargs:
        if name in by_position and name in known.named:
            raise UnknownArgument(f"`{made.name}` got the argument `{name}` twice.", "Give it by position or by name.")
        if name not in known.named and not known.any_named:
            meant = nearest(name, known.named)
            hint = f"Did you mean `{meant}`?" if meant else _takes((*known.positional, *known.named))
            raise UnknownArgument(f"`{made.name}` has no argument `{name}`.", hint, argument=name)
    for name in known.required:
        if name not in by_position and not (name in kwargs and name in known.named):
            raise MissingArgument(f"`{made.name}` needs the argument `{name}`.", None, argument=name)
    return [*by_position, *numbered[len(by_position) :], *kwargs]


def _arguments(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"


def _given(count: int) -> str:
    return "1 was given" if count == 1 else f"{count} were given"


def _takes(names: tuple[str, ...]) -> str:
    return "It takes: " + ", ".join(f"`{name}`" for name in dict.fromkeys(names)) + "." if names else "It takes none."
