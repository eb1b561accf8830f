"""Landbridge: submit R and Python functions to a gateway, and report from inside a job.

Names are loaded when they are first used: a job that only logs a metric never waits for the client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from landbridge import errors

if TYPE_CHECKING:
    from landbridge import bridge
    from landbridge.client import connect
    from landbridge.content_keys import content_key
    from landbridge.foreign import python, r
    from landbridge.in_job import context, log_metric, log_param, log_plot, progress, save_file, save_value, set_tag
    from landbridge.job import Job, as_completed, get, jobs, wait
    from landbridge.kinds import LossWarning, Missing, NamedList, Native, RemoteWarning, as_file
    from landbridge.secret_file import secret
    from landbridge.sessions import Session, session
    from landbridge.submission import submit
    from landbridge.sweeps import Sweep, map
    from landbridge.tasks import Task, task
    from landbridge.varying import combinations, common, each

__version__ = "0.1.0"

_PLACES = {
    "client": ("connect",),
    "content_keys": ("content_key",),
    "foreign": ("python", "r"),
    "in_job": ("context", "log_metric", "log_param", "log_plot", "progress", "save_file", "save_value", "set_tag"),
    "job": ("Job", "as_completed", "get", "jobs", "wait"),
    "kinds": ("LossWarning", "Missing", "NamedList", "Native", "RemoteWarning", "as_file"),
    "secret_file": ("secret",),
    "sessions": ("Session", "session"),
    "submission": ("submit",),
    "sweeps": ("Sweep", "map"),
    "tasks": ("Task", "task"),
    "varying": ("combinations", "common", "each"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Job",
    "LossWarning",
    "Missing",
    "NamedList",
    "Native",
    "RemoteWarning",
    "Session",
    "Sweep",
    "Task",
    "__version__",
    "as_completed",
    "as_file",
    "bridge",
    "combinations",
    "common",
    "connect",
    "content_key",
    "context",
    "each",
    "errors",
    "get",
    "jobs",
    "log_metric",
    "log_param",
    "log_plot",
    "map",
    "progress",
    "python",
    "r",
    "save_file",
    "save_value",
    "secret",
    "session",
    "set_tag",
    "submit",
    "task",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name == "bridge":
        return import_module("landbridge.bridge")
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'landbridge' has no attribute {name!r}")
    found = getattr(import_module(f"landbridge.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
