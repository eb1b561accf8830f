"""A runtime with packages that was built, and the note of it on the disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.environments.places import split_place
from landbridge_gateway.environments.wanted import Wanted

IN_CONTAINERS = "/opt/environments"  # the programs of a folder name their interpreter by its path
Package = Mapping[str, Any]


@dataclass(frozen=True)
class Environment:
    """``packages`` are all that it came to, each with name and version; those asked for are marked.

    ``version`` is the language's own. ``folder`` is what containers see of its Python packages; R's are in ``image``.
    ``runtime_image`` is what it stands on, ``depth`` the number of environments below it, ``seconds`` how long its
    build took.
    """

    id: str
    place: str
    wanted: Wanted
    image: str
    runtime_image: str
    packages: tuple[Package, ...] = ()
    folder: str = ""
    version: str = ""
    created: str = ""
    seconds: float = 0.0
    depth: int = 0

    @property
    def runtime(self) -> str:
        return split_place(self.place)[0]

    @property
    def digest(self) -> str:
        """Of the packages: two environments with the same one have the same versions of everything."""
        return digest_of(self.packages)

    @property
    def bind(self) -> str | None:
        """The folder as Docker mounts it, read-only."""
        return f"{self.folder}:{IN_CONTAINERS}/{self.id}:ro" if self.folder else None

    @property
    def path(self) -> str | None:
        """The search path for programs in which its own come first."""
        return f"{IN_CONTAINERS}/{self.id}/bin:/opt/python/bin:/usr/local/bin:/usr/bin:/bin" if self.folder else None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "wanted": self.wanted.as_json(), "packages": [dict(one) for one in self.packages]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Environment:
        packages = tuple(told["packages"])
        return cls(**{**told, "wanted": Wanted.from_json(told["wanted"]), "packages": packages})


def digest_of(packages: tuple[Package, ...]) -> str:
    named = sorted([one["name"], one["version"], one.get("debian", "")] for one in packages)
    return "sha256:" + hashlib.sha256(json.dumps(named).encode()).hexdigest()


def differences(before: tuple[Package, ...], after: tuple[Package, ...]) -> list[str]:
    """What is not the same, a line each: ``ranger 0.16.0 is 0.17.0``."""
    old = {one["name"]: one.get("debian", one["version"]) for one in before}
    new = {one["name"]: one.get("debian", one["version"]) for one in after}
    told = [f"{name} {old[name]} is {new[name]}" for name in old if name in new and old[name] != new[name]]
    told += [f"{name} {old[name]} is not there" for name in old if name not in new]
    return told


class Notes:
    """One file for each environment, in a folder of the gateway's; its time is when the environment was used last."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        return self.root / f"{name}.json"

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def write(self, environment: Environment) -> None:
        """Written whole or not at all: an environment is there when its note is."""
        path = self.path(environment.id)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(environment.as_json(), indent=1), encoding="utf-8")
        part.replace(path)

    def read(self, name: str) -> Environment | None:
        try:
            return Environment.from_json(json.loads(self.path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def all(self) -> list[Environment]:
        """The one that was used last comes first."""
        times: dict[str, float] = {}
        for path in self.root.glob("env_*.json"):
            with suppress(OSError):
                times[path.stem] = path.stat().st_mtime
        found = (self.read(name) for name in sorted(times, key=lambda name: -times[name]))
        return [environment for environment in found if environment]

    def forget_logs(self, most: int) -> None:
        """Of builds that came to nothing the newest logs are kept."""
        failed = [path for path in self.root.glob("env_*.log") if not path.with_suffix(".json").exists()]
        for path in sorted(failed, key=lambda one: -one.stat().st_mtime)[most:]:
            path.unlink(missing_ok=True)

    def used(self, name: str) -> None:
        with suppress(OSError):
            os.utime(self.path(name))

    def used_at(self, name: str) -> float:
        return self.path(name).stat().st_mtime
