"""What a task says of its packages and its image, and what becomes of that in the contract."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge.errors import InvalidField
from landbridge.kinds import Json
from landbridge.packages import LANGUAGES, requirements

if TYPE_CHECKING:
    from landbridge.tasks import Task

AUTO = "auto"
_IMAGE = re.compile(r"sha256:[0-9a-f]{64}")
_FORM = 'It is a name, a list of names such as ["{}"], the path of a file such as "{}", or "auto".'
_EXAMPLES = {"python": ("polars>=1.0", "requirements.txt"), "r": ("dplyr>=1.1.0", "renv.lock")}


@dataclass(frozen=True)
class Packages:
    """The option ``packages``. ``environment`` is the contract's, None where it is found from the imports.

    ``wants`` are comparisons with the language's version, such as ``>=3.11``, and ``file`` is what says so.
    """

    environment: Json | None
    wants: str = ""
    file: str | None = None

    def __repr__(self) -> str:
        return repr(self.file or (AUTO if self.environment is None else self.environment["packages"]))


def packages_option(value: Any, language: str) -> Packages | None:
    """Names, a file, or "auto". Raises ``InvalidField`` that names the item, or the file with its line or key."""
    from landbridge.lockfiles import is_file_name, read_packages

    if value is None:
        return None
    if isinstance(value, str) and value.strip() == AUTO:
        return Packages(None)
    if isinstance(value, os.PathLike) or (isinstance(value, str) and is_file_name(value)):
        return read_packages(Path(value), language)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Iterable | Mapping) or isinstance(value, bytes):
        hint = _FORM.format(*_EXAMPLES[language])
        raise InvalidField(f"`packages` cannot be `{value!r}`.", hint, field="packages")
    return Packages({"packages": requirements(value, language)})


def image_option(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and _IMAGE.fullmatch(value)):
        hint = 'It is an image\'s id, "sha256:" and 64 digits, as an earlier job tells it.'
        raise InvalidField(f"`image` cannot be `{value!r}`.", hint, field="image")
    return value


def chosen(options: Json, language: str) -> Json:
    """The options of one call of ``task()`` with ``packages`` and ``image`` checked; only one of them can be."""
    found = dict(options)
    if found.get("packages") is not None and found.get("image") is not None:
        hint = "An image has its packages already: leave one of them out."
        raise InvalidField("`packages` and `image` cannot both be.", hint, field="packages")
    if "packages" in found:
        found["packages"] = packages_option(found["packages"], language)
    if "image" in found:
        found["image"] = image_option(found["image"])
    return found


def without_other(options: Json, newer: Json) -> Json:
    """Options of a task that is changed: the newer of ``packages`` and ``image`` takes the place of the other."""
    names = ("packages", "image")
    named = any(newer.get(name) is not None for name in names)
    return {name: value for name, value in options.items() if not (named and name in names)}


def settled(made: Task, function: Json | None) -> Json:
    """The fields ``environment`` and ``runtime`` of a task, as far as its packages decide them.

    A script of Python that names its packages itself is taken at its word, unless the task says more. Raises
    ``InvalidField``.
    """
    packages, image = made.options.get("packages"), made.options.get("image")
    if made.options.get("session"):
        _refuse_in_session(packages, image)
        return {}
    if image is not None:
        return {"environment": {"image": image}}
    if packages is None:
        packages = _own(made, function)
    if packages is None:
        return {}
    environment = packages.environment or _found(made, function)
    fields: Json = {"environment": environment} if environment else {}
    if packages.wants:
        fields |= fitting_runtime(packages, made.language, made.options.get("runtime"))
    return fields


def _refuse_in_session(packages: Packages | None, image: str | None) -> None:
    name = "packages" if packages is not None else "image"
    if packages is not None or image is not None:
        hint = f"Give `{name}` to session()."
        raise InvalidField(f"A job in a session has the session's packages, and no `{name}`.", hint, field=name)


def _own(made: Task, function: Json | None) -> Packages | None:
    from landbridge.lockfiles import packages_of_script

    if made.language != "python" or function is None or function["type"] != "script":
        return None
    return packages_of_script(function["text"], str(function.get("file") or "The script"))


def _found(made: Task, function: Json | None) -> Json | None:
    from landbridge.imports import imported_packages

    if function is None or function["type"] == "session":
        hint = "Name the packages: the imports of its jobs are not known yet."
        raise InvalidField('A session cannot have packages = "auto".', hint, field="packages")
    found = imported_packages(made.language, function)
    sys.stderr.write(f"packages of {made.name}: {', '.join(found) or 'none'}\n")
    return {"packages": found} if found else None


def fitting_runtime(packages: Packages, language: str, named: str | None) -> Json:
    """The runtime that a file's ``requires-python``, or its bounds of R, ask for; nothing where the default fits.

    Raises ``InvalidField`` that says which runtimes there are.
    """
    from landbridge.client import current

    wanted = f"`{packages.file}` wants {LANGUAGES[language]} {packages.wants}"
    if named is not None:
        if not _fits(named, packages.wants):
            hint = f"Leave `runtime` out, or change `{packages.file}`."
            raise InvalidField(f"{wanted}, and the task has the runtime {named}.", hint, field="runtime")
        return {}
    offered = [one for one in current().describe().get("runtimes") or [] if one.get("language") == language]
    fitting = [one for one in offered if _fits(one["name"], packages.wants)]
    if any(one.get("default") for one in fitting) or not offered:
        return {}
    if not fitting:
        there = ", ".join(one["name"] for one in offered)
        message = f"{wanted}, and the gateway has {there}."
        raise InvalidField(message, f"Change `{packages.file}`, or name the packages.", field="runtime")
    return {"runtime": max(fitting, key=lambda one: _numbers(one["name"].partition(":")[2]))["name"]}


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"v?(\d+(?:[.-]\d+)*)", version)
    return tuple(int(part) for part in re.split(r"[.-]", release[1])) if release else ()


def _fits(runtime: str, wants: str) -> bool:
    """Can this runtime be meant? Its name has no more than the minor version, and a patch is not held against it."""
    has = _numbers(runtime.partition(":")[2])
    return not has or all(_holds(has, comparison.strip()) for comparison in wants.split(",") if comparison.strip())


def _holds(has: tuple[int, ...], comparison: str) -> bool:
    sign = re.match(r"[=<>!~]+", comparison)
    version = comparison.lstrip("=<>!~ ")
    asked = _numbers(version)
    shown, begins = asked[: len(has)], has[: len(asked)]
    match sign[0] if sign else "==":
        case ">=" | ">":
            return has >= shown
        case "<=":
            return has <= asked
        case "<":
            return has < asked
        case "!=":
            return not (version.endswith(".*") and begins == shown)
        case "~=":
            return has >= shown and has[: len(asked) - 1] == asked[:-1]
        case _:
            return begins == shown
