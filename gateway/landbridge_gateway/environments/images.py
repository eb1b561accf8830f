"""The images of the runtimes: found by the hash of their recipe, built when they are not there."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound

from landbridge_gateway.environments.base import MADE, SUITE, BaseImage
from landbridge_gateway.environments.build import (
    IMAGE_LABEL,
    RECIPE_LABEL,
    RUNTIME_LABEL,
    BuildFailed,
    run_build,
)
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.recipe import (
    CLIENT_FOLDERS,
    NAMESPACE,
    Recipe,
    base_recipe,
    network_recipe,
    runtime_recipe,
)
from landbridge_gateway.environments.runtimes import Base, Runtime, Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import InternalError
from landbridge_gateway.settings import Settings

__all__ = ["BuildFailed", "ImageBuilder", "RuntimeImage"]

Progress = Callable[[str], None]

_THREADS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_PULL_SECONDS = 20.0


@dataclass(frozen=True)
class RuntimeImage:
    """A runtime, the tag that its image has or would have, and the image's id and size in bytes if it is there."""

    runtime: str
    tag: str
    id: str | None
    size: int | None


class ImageBuilder:
    """Finds and builds images through one Docker client. Methods may be called from several threads and processes.

    What is not given comes from the installation and the settings (``LANDBRIDGE_CA_BUNDLE``, ``LANDBRIDGE_HOME``,
    ``LANDBRIDGE_BASE_IMAGE``: an image's name, in which ``{suite}`` stands for the Debian suite, or ``made`` to make
    the bases without asking a registry).
    """

    def __init__(
        self,
        client: docker.DockerClient,
        *,
        containers: Path | None = None,
        clients: Mapping[str, Path] | None = None,
        locks: Path | None = None,
        ca_bundle: str | None = None,
        base_image: str | None = None,
        pull_seconds: float = _PULL_SECONDS,
        namespace: str = NAMESPACE,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        settings = Settings.load(environ)
        self._api: Any = client.api
        self._environ, self._namespace = environ, namespace
        self._containers = containers or packaged_folder("containers")
        self._clients = dict(clients or {})
        self._locks = locks or settings.home / "locks"
        self._ca_bundle: str = settings.ca_bundle if ca_bundle is None else ca_bundle
        self._runtimes = Runtimes.load(self._containers)
        choice = environ.get("LANDBRIDGE_BASE_IMAGE", "") if base_image is None else base_image
        default = self._runtimes.base.suite
        self._bases = {
            suite: BaseImage(client, base, _chosen(choice, base, default), pull_seconds, namespace)
            for suite, base in self._runtimes.bases.items()
        }

    def find(self, runtime: Runtime) -> str | None:
        """The id of the image of exactly this recipe, or None."""
        try:
            recipe = self._recipe(runtime)
        except BuildFailed:
            return None
        return self._id(recipe.tag)

    def ensure(self, runtime: Runtime, progress: Progress) -> str:
        """The image's id, built now if need be; a build that is under way elsewhere is waited for.

        ``progress`` gets lines such as ``building r:4.6: step 3 of 9``. Raises BuildFailed.
        """
        return self._ensured(runtime.name, runtime.suite, self._recipe(runtime), progress)

    def ensure_network(self, progress: Progress) -> str:
        """The same for the image that holds the networks of jobs which may reach out."""
        return self._ensured("network", self._runtimes.base.suite, self._network_recipe(), progress)

    def _ensured(self, name: str, suite: str, recipe: Recipe, progress: Progress) -> str:
        if found := self._id(recipe.tag):
            return found

        def told(text: str) -> None:
            progress(f"building {name}: {text}")

        with self._alone(name, told):
            return self._id(recipe.tag) or self._build(name, suite, recipe, told)

    def prune(self) -> list[str]:
        """Remove our images that no runtime uses now; gives their tags, or ids where they had none.

        An image stays while a container uses it or another image stands on it, and so does one that somebody else
        has built on ours: that has our labels, but not our name.
        """
        with ExitStack() as stack:
            for runtime in self._runtimes:
                stack.enter_context(self._alone(runtime.name, lambda _: None))
            return [name for name in self._outdated(self._current()) if self._removed(name)]

    def list(self) -> list[RuntimeImage]:
        """One entry for each runtime, in the file's order."""
        return [self._described(runtime) for runtime in self._runtimes]

    def _build(self, name: str, suite: str, recipe: Recipe, told: Progress) -> str:
        host = Host.read(self._ca_bundle, self._environ)
        with self._alone(f"base-{suite}", told):
            self._ensure_base(suite, host, told)
        arguments = {**host.arguments, "RECIPE": recipe.tag}
        run_build(self._api, recipe, arguments, {RUNTIME_LABEL: name}, host.network, told)
        built = self._id(recipe.tag)
        if built is None:
            raise BuildFailed(f"The image of {name} was built and is gone already.", "Build it again.")
        told("done")
        return built

    def _ensure_base(self, suite: str, host: Host, told: Progress) -> None:
        recipe = self._base_recipe(suite)
        if self._id(recipe.tag):
            return
        below = self._bases[suite].ensure(host, told)

        def base_told(text: str) -> None:
            told(f"base, {text}")

        arguments, labels = {**host.arguments, "BASE": below}, {RUNTIME_LABEL: "base"}
        run_build(self._api, recipe, arguments, labels, host.network, base_told, host.files())

    def _base_recipe(self, suite: str) -> Recipe:
        return base_recipe(self._runtimes.bases[suite], self._containers, self._bases[suite].wanted, self._namespace)

    def _network_recipe(self) -> Recipe:
        return network_recipe(self._base_recipe(self._runtimes.base.suite), self._containers)

    def _recipe(self, runtime: Runtime) -> Recipe:
        try:
            clients = {language: self._client_folder(language) for language in runtime.versions}
            return runtime_recipe(runtime, self._base_recipe(runtime.suite), self._containers, clients)
        except (InternalError, OSError) as error:
            raise BuildFailed(
                f"The recipe of {runtime.name} is not complete: {error}",
                "Install landbridge-gateway again, or run it from a whole checkout.",
            ) from error
        except KeyError as error:
            raise BuildFailed(
                f"There is no client package for `{error.args[0]}`.", "Take the runtime out of runtimes.toml."
            ) from None

    def _client_folder(self, language: str) -> Path:
        return self._clients.get(language) or packaged_folder(CLIENT_FOLDERS[language])

    def _described(self, runtime: Runtime) -> RuntimeImage:
        tag = self._recipe(runtime).tag
        try:
            image = self._api.inspect_image(tag)
        except ImageNotFound:
            return RuntimeImage(runtime.name, tag, None, None)
        return RuntimeImage(runtime.name, tag, image["Id"], image["Size"])

    def _id(self, tag: str) -> str | None:
        try:
            return str(self._api.inspect_image(tag)["Id"])
        except ImageNotFound:
            return None

    def _current(self) -> set[str]:
        bases = [self._base_recipe(suite) for suite in self._bases]
        recipes = [*bases, self._network_recipe(), *(self._recipe(runtime) for runtime in self._runtimes)]
        return {*(base.made_tag for base in self._bases.values()), *(recipe.tag for recipe in recipes)}

    def _outdated(self, current: set[str]) -> Iterator[str]:
        ours = f"{self._namespace}/"
        for image in self._api.images(filters={"label": f"{IMAGE_LABEL}=1"}):
            names = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
            # The stages of a build have no tag; those of the current recipes are its cache.
            recipe = (image.get("Labels") or {}).get(RECIPE_LABEL, "")
            if not names and recipe.startswith(ours) and recipe not in current:
                yield image["Id"]
            yield from (tag for tag in names if tag.startswith(ours) and tag not in current)

    def _removed(self, name: str) -> bool:
        try:
            self._api.remove_image(name)
        except (APIError, ImageNotFound):
            return False
        return True

    @contextmanager
    def _alone(self, name: str, told: Progress) -> Iterator[None]:
        """One build of a name at a time: among this process's threads, and among processes with the same folder."""
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._locks / f"build-{name.replace(':', '-')}.lock"
        with _THREADS[str(path)], path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told("waiting for a build that is under way")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _chosen(choice: str, base: Base, default: str) -> str:
    """What the setting says about one base: an image that is named without its suite is the default base's alone."""
    of_this = choice == MADE or SUITE in choice or base.suite == default
    return choice.replace(SUITE, base.suite) if of_this else ""
