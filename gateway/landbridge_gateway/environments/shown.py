"""Environments for people: a line each, all that is known of one, and as a file that tools outside read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import requests
from docker.errors import DockerException

from landbridge_gateway.environments.build import BuildFailed
from landbridge_gateway.environments.environment import Environment, Notes
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.opening import open_shelf
from landbridge_gateway.environments.reaching import engine_client
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import InvalidField, NotFound
from landbridge_gateway.home import Home
from landbridge_gateway.settings import Settings


def listing(home: str | None = None) -> Iterator[str]:
    """One line for each environment, the one that was used last first: id, runtime, what was asked for, when."""
    notes = _notes(home)
    for one in notes.all():
        used = datetime.fromtimestamp(notes.used_at(one.id), UTC)
        yield f"{one.id}  {one.runtime:<12} {used:%Y-%m-%d %H:%M}  {len(one.packages):>3} packages  {one.wanted.label}"


def showing(name: str, home: str | None = None) -> Iterator[str]:
    """What is known of an environment. Raises NotFound."""
    one = _named(name, home)
    place = one.folder or one.image
    for label, value in (
        ("id", one.id),
        ("runtime", f"{one.runtime}, {one.version}"),
        ("asked for", ", ".join(one.wanted.packages) or one.wanted.label),
        ("built", f"{one.created}, in {one.seconds:g} s"),
        ("folder" if one.folder else "image", place),
        ("packages", ""),
    ):
        yield f"{label:<10} {value}".rstrip()
    for package in one.packages:
        more = f"  ({package['package']} {package['debian']})" if package.get("debian") else ""
        yield f"  {package['name']} {package['version']}{more}"


def exported(name: str, home: str | None = None) -> str:
    """A ``requirements.txt``, or an ``renv.lock``, with the same versions. Raises NotFound."""
    one = _named(name, home)
    if one.wanted.language == "python":
        return "".join(f"{package['name']}=={package['version']}\n" for package in one.packages)
    packages = {
        package["name"]: {
            "Package": package["name"],
            "Version": package["version"],
            "Source": "Repository",
            "Repository": "CRAN",
        }
        for package in one.packages
        if not package.get("system")
    }
    document = {"R": {"Version": one.version, "Repositories": []}, "Packages": packages}
    return json.dumps(document, indent=2) + "\n"


def log_of(name: str, home: str | None = None) -> Path:
    """The output of its build. Raises NotFound."""
    path = _notes(home).log(name)
    if not name.startswith("env_") or not path.is_file():
        raise NotFound(f"There is no log of an environment `{name}`.", "See `landbridge env list`.")
    return path


def prune(keep: int, dry: bool, say: Callable[[str], None], home: str | None = None) -> None:
    """Remove all but the ``keep`` that were used last, and none that a container uses. Raises BuildFailed."""
    if keep < 0:
        raise InvalidField("How many are kept cannot be negative.", "Give 0 to remove all that are not in use.")
    settings = Settings.load(home=home)
    try:
        client = engine_client(settings.docker_host)
    except (DockerException, requests.RequestException) as error:
        raise BuildFailed("The Docker engine does not answer.", "Start it; see `landbridge doctor`.") from error
    try:
        runtimes = Runtimes.load(packaged_folder("containers"))
        identity = Home(settings.home).gateway_id()
        for one in open_shelf(client, ImageBuilder(client), runtimes, settings, identity).prune(keep, dry):
            say(f"{one.id}  {one.runtime}  {one.wanted.label}")
    finally:
        client.close()


def _notes(home: str | None) -> Notes:
    return Notes(Settings.load(home=home).home / "environments")


def _named(name: str, home: str | None) -> Environment:
    found = _notes(home).read(name) if name.startswith("env_") else None
    if found is None:
        raise NotFound(f"There is no environment `{name[:60]}`.", "See `landbridge env list`.")
    return found
