"""Runtimes with packages: found by the hash of what they are made of, built when they are not there, each once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from landbridge_gateway.environments.build import BuildFailed
from landbridge_gateway.environments.environment import Environment, Notes, Package
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.installing import Installer, Site, tag_of
from landbridge_gateway.environments.places import split_place
from landbridge_gateway.environments.runtimes import Runtime, Runtimes
from landbridge_gateway.environments.wanted import Wanted
from landbridge_gateway.environments.workshop import Abandoned, Workshop

ENVIRONMENT_LABEL = "landbridge.environment"
_DEEPEST = 20  # layers of environments on each other; Docker stacks 127 in all
_TOLD = 2.0  # seconds between two words about a build
_THREADS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

Progress = Callable[[str], None]


class Shelf:
    """``root`` is the folder of all environments of a gateway, ``most`` how many are kept."""

    def __init__(
        self,
        client: docker.DockerClient,
        builder: ImageBuilder,
        runtimes: Runtimes,
        root: Path,
        tools: Path,
        uv: Path,
        gateway_id: str,
        seconds: float,
        most: int,
        host: Callable[[], Host],
    ) -> None:
        self._api: Any = client.api
        self._builder, self._runtimes, self._most, self._host = builder, runtimes, most, host
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.notes = Notes(root)
        self._workshop = Workshop(client, gateway_id, seconds, root)
        self._installer = Installer(self._api, self._workshop, Site(root, tools, uv))

    def sweep(self) -> None:
        """Remove what an earlier process was building."""
        self._workshop.sweep()

    def abandon(self, place: str) -> None:
        """Nobody waits for it: a build that is under way is ended."""
        image = self._builder.find(self._runtime(place))
        if image:
            self._workshop.abandon(self.name_of(place, image))

    def name_of(self, place: str, runtime_image: str) -> str:
        """An environment's id: of the place, the runtime's image, which has its worker in it, and the machine."""
        described = json.dumps([place, runtime_image, platform.machine()])
        return f"env_{hashlib.sha256(described.encode()).hexdigest()[:16]}"

    def find(self, place: str) -> Environment | None:
        """What was built for the place on the runtime's image as it is now, if it is all there."""
        image = self._builder.find(self._runtime(place))
        return self._there(self.name_of(place, image)) if image else None

    def ensure(self, place: str, wanted: Wanted, progress: Progress) -> Environment:
        """The environment, built now if need be; a build that is under way is waited for. Raises BuildFailed."""
        runtime = self._runtime(place)
        below = self._builder.ensure(runtime, progress)
        name = self.name_of(place, below)
        self._workshop.begin(name)
        if wanted.image:
            return self._of_image(name, place, wanted)
        if found := self._there(name) or self._same(wanted):
            return found
        began = time.monotonic()
        with self._alone(name), self._telling(runtime, wanted, began, progress):
            if found := self._there(name):
                return found
            environment = self._build(name, place, runtime, below, wanted, began)
        if environment.folder:
            threading.Thread(target=self._compile, args=(environment,), daemon=True).start()
        self.prune(self._most)
        return environment

    def _build(self, name: str, place: str, runtime: Runtime, below: str, wanted: Wanted, began: float) -> Environment:
        log = self.notes.log(name)
        log.unlink(missing_ok=True)
        host, folder, depth = self._host(), "", 0
        parent = None
        try:
            if wanted.language == "python":
                solved = self._installer.python(name, below, wanted, host, log)
                image, folder = below, str(self.notes.root / name)
            else:
                parent = self._parent(below, wanted)
                on, depth = (parent.image, parent.depth + 1) if parent else (below, 0)
                labels = [f"LABEL {ENVIRONMENT_LABEL}={name}"]
                image, solved = self._installer.r(name, on, wanted, host, log, runtime.name, labels)
        except BaseException:
            for half in (name, f"{name}.work"):
                shutil.rmtree(self.notes.root / half, ignore_errors=True)
            raise
        environment = Environment(
            *(name, place, wanted, image, below, tuple(_with_system(parent, solved.packages)), folder),
            version=solved.version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - began, 3),
            depth=depth,
        )
        self.notes.write(environment)
        return environment

    def _compile(self, environment: Environment) -> None:
        with suppress(BuildFailed, DockerException, requests.RequestException):
            self._installer.compile(environment.id, environment.image, self.notes.log(environment.id))

    def _of_image(self, name: str, place: str, wanted: Wanted) -> Environment:
        try:
            image = str(self._api.inspect_image(wanted.image)["Id"])
        except ImageNotFound:
            raise BuildFailed(
                f"The image {wanted.image[:19]}… is not on this machine.", "Have it pulled by the administrator."
            ) from None
        return Environment(name, place, wanted, image, image)

    def _there(self, name: str) -> Environment | None:
        environment = self.notes.read(name)
        if environment is None:
            return None
        if environment.folder:
            return environment if Path(environment.folder).is_dir() else None
        try:
            self._api.inspect_image(environment.image)
        except ImageNotFound:
            return None
        return environment

    def _same(self, wanted: Wanted) -> Environment | None:
        """The environment that an earlier job had, if it is there and still what it was."""
        found = self._there(wanted.of) if wanted.of else None
        return found if found and found.packages == wanted.solved else None

    def _parent(self, below: str, wanted: Wanted) -> Environment | None:
        """The largest environment that all which it was asked for is wanted of here as well."""
        asked = set(wanted.packages)
        fit = [
            one
            for one in self.notes.all()
            if one.runtime_image == below
            and one.wanted.language == wanted.language
            and one.wanted.packages
            and set(one.wanted.packages) < asked
            and one.depth < _DEEPEST
            and self._there(one.id)
        ]
        return max(fit, key=lambda one: len(one.wanted.packages), default=None)

    def _runtime(self, place: str) -> Runtime:
        return self._runtimes[split_place(place)[0]]

    # Keeping.

    def current(self, environment: Environment) -> bool:
        """Is it there, and on the runtime's image as it is now? An image that was named is what it is."""
        if environment.wanted.image:
            return True
        below = self._builder.find(self._runtime(environment.place))
        return below == environment.runtime_image and self._there(environment.id) == environment

    def whole(self, environment: Environment) -> bool:
        """Is it still there? Of an image the engine says so itself."""
        return not environment.folder or Path(environment.folder).is_dir()

    @contextmanager
    def held(self, environment: Environment) -> Iterator[None]:
        """While a container is made of it, it is not removed."""
        with self._lock("use", fcntl.LOCK_SH):
            self.notes.used(environment.id)
            yield

    def prune(self, most: int, dry: bool = False) -> list[Environment]:
        """Remove those that were not used for the longest time, until ``most`` are left; never one that is in use."""
        removed = []
        with self._lock("use", fcntl.LOCK_EX):
            in_use = self._in_use()
            for environment in self.notes.all()[most:]:
                if environment.id not in in_use and (dry or self._removed(environment)):
                    removed.append(environment)
            if not dry:
                self.notes.forget_logs(most)
        return removed

    def _in_use(self) -> Collection[str]:
        containers = self._api.containers(filters={"label": ENVIRONMENT_LABEL})
        return {found["Labels"][ENVIRONMENT_LABEL] for found in containers}

    def _removed(self, environment: Environment) -> bool:
        if environment.folder:
            self.notes.path(environment.id).unlink(missing_ok=True)
            shutil.rmtree(environment.folder, ignore_errors=True)
        else:
            try:
                self._api.remove_image(tag_of(environment.id))
            except ImageNotFound:
                pass
            except APIError:
                return False  # a container has it
            self.notes.path(environment.id).unlink(missing_ok=True)
        self.notes.log(environment.id).unlink(missing_ok=True)
        return True

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """One at a time, among this process's threads and among processes."""
        with _THREADS[f"{self.notes.root}/{name}"], self._lock(name, fcntl.LOCK_EX):
            yield

    @contextmanager
    def _lock(self, name: str, how: int) -> Iterator[None]:
        with (self.notes.root / f"{name.replace(':', '-')}.lock").open("a") as lock:
            fcntl.flock(lock, how)
            yield

    @contextmanager
    def _telling(self, runtime: Runtime, wanted: Wanted, began: float, progress: Progress) -> Iterator[None]:
        """Tell every now and then how long it has taken."""
        done = threading.Event()

        def tell() -> None:
            while True:
                progress(f"building {runtime.name} + {wanted.label}, {time.monotonic() - began:.0f} s")
                if done.wait(_TOLD):
                    return

        threading.Thread(target=tell, daemon=True).start()
        try:
            yield
        finally:
            done.set()


def _with_system(parent: Environment | None, packages: list[Package]) -> list[Package]:
    """What came with an environment below is of this one as well."""
    if parent is None:
        return packages
    names = {one["name"] for one in packages}
    return packages + [one for one in parent.packages if one.get("system") and one["name"] not in names]


__all__ = ["ENVIRONMENT_LABEL", "Abandoned", "Shelf"]
