"""A build container: one program of ours in a runtime's image, its output kept, its time and its disk watched."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from landbridge_gateway.environments.build import TAIL_LINES, BuildFailed, hint_for

_LOG_BYTES = 5 * 1024**2
_MEMORY, _PIDS = 4 * 1024**3, 1024
_LEAST_FREE = 256 * 1024**2  # bytes of disk that a build leaves to the gateway
_LOOK = 1.0


@dataclass(frozen=True)
class Work:
    """What to run: ``binds`` in Docker's own words, ``capabilities`` beyond none at all."""

    name: str
    image: str
    command: Sequence[str]
    binds: Sequence[str]
    user: str
    network: str
    environment: Mapping[str, str] = field(default_factory=dict)
    capabilities: Sequence[str] = ()
    read_only: bool = True
    by_itself: bool = False  # nothing is lost with it: it goes when it ends, whoever is there then


class Abandoned(BuildFailed):
    """Nobody waits for it any more."""


class Workshop:
    """Runs one container for each piece of work, and ends it when it takes too long or too much."""

    def __init__(self, client: docker.DockerClient, gateway_id: str, seconds: float, disk: Path) -> None:
        self._api: Any = client.api
        self._gateway_id, self._seconds, self._disk = gateway_id, seconds, disk
        self._abandoned: set[str] = set()

    def sweep(self) -> None:
        """Remove what an earlier warden was building: half of an environment is none."""
        # By name: a label would be in the images that are made of these containers, and in the containers of those.
        for found in self._api.containers(all=True, filters={"name": f"^/?{self._container('')}"}):
            self._remove(found["Id"])

    def abandon(self, name: str) -> None:
        """End the work of this name, if it is under way."""
        self._abandoned.add(name)
        with suppress(DockerException, requests.RequestException):
            self._api.kill(self._container(name))

    def begin(self, name: str) -> None:
        """It is wanted, also if it was abandoned before."""
        self._abandoned.discard(name)

    def run(self, work: Work, log: Path, keep: bool = False) -> int:
        """Run it to its end; gives its exit code. Its output is at the end of ``log``.

        With ``keep`` the container is there afterwards, for :meth:`commit` and :meth:`drop`.
        Raises BuildFailed when it was ended, or could not be started.
        """
        container = self._container(work.name)
        self._remove(container)
        self._check_wanted(work.name)
        ended = threading.Event()
        told: list[str] = []
        try:
            self._start(work, container)
            watch = threading.Thread(target=self._watch, args=(container, ended, told), daemon=True)
            watch.start()
            self._keep_output(container, log)
            code = int(self._api.wait(container)["StatusCode"])
        except (DockerException, requests.RequestException) as error:
            self._remove(container)
            raise BuildFailed(
                f"The build container could not be run: {error}", "Look at `landbridge doctor`."
            ) from error
        finally:
            ended.set()
        if told or not keep or work.name in self._abandoned:
            self._remove(container)
        self._check_wanted(work.name)
        if told:
            raise BuildFailed(told[0], told[1], tail_of(log))
        return code

    def _check_wanted(self, name: str) -> None:
        if name in self._abandoned:
            raise Abandoned("Nobody waits for the environment any more.", "Submit the job again.")

    def commit(self, name: str, tag: str, changes: Sequence[str]) -> str:
        """Make an image of a container that was kept; gives its id."""
        repository, _, version = tag.rpartition(":")
        made = self._api.commit(self._container(name), repository=repository, tag=version, changes=list(changes))
        return str(made["Id"])

    def drop(self, name: str) -> None:
        self._remove(self._container(name))

    def _start(self, work: Work, container: str) -> None:
        self._api.create_container(
            work.image,
            entrypoint=[work.command[0]],
            command=list(work.command[1:]),
            name=container,
            user=work.user,
            environment=dict(work.environment),
            host_config=self._api.create_host_config(
                binds=list(work.binds),
                cap_drop=["ALL"],
                cap_add=list(work.capabilities),
                security_opt=["no-new-privileges"],
                read_only=work.read_only,
                tmpfs={"/tmp": "rw,exec,nosuid,nodev,mode=1777"},
                mem_limit=_MEMORY,
                memswap_limit=_MEMORY,
                pids_limit=_PIDS,
                network_mode=work.network,
                auto_remove=work.by_itself,
                init=True,
            ),
        )
        self._api.start(container)
        # It may have been abandoned before there was anything to end.
        if work.name in self._abandoned:
            self.abandon(work.name)

    def _keep_output(self, container: str, log: Path) -> None:
        left = _LOG_BYTES
        # At once: whoever looks at it meanwhile sees what it waits for.
        with log.open("ab", buffering=0) as file:
            for part in self._api.logs(container, stream=True, follow=True):
                file.write(part[:left])
                left -= min(left, len(part))

    def _watch(self, container: str, ended: threading.Event, told: list[str]) -> None:
        deadline = time.monotonic() + self._seconds
        while True:
            if time.monotonic() >= deadline:
                told += [
                    f"The environment was not ready after {self._seconds:g} s.",
                    "Ask for fewer packages, or raise LANDBRIDGE_BUILD_SECONDS.",
                ]
            elif shutil.disk_usage(self._disk).free < _LEAST_FREE:
                told += ["The disk is full.", "Free some: `landbridge env prune`, then `landbridge images prune`."]
            if told:
                with suppress(DockerException, requests.RequestException):
                    self._api.kill(container)
            if told or ended.wait(_LOOK):
                return

    def _remove(self, container: str) -> None:
        with suppress(NotFound):
            try:
                self._api.remove_container(container, force=True, v=True)
            except APIError as error:
                if error.status_code != 409:  # it is being removed
                    raise

    def _container(self, name: str) -> str:
        return f"landbridge-{self._gateway_id}-build-{name}"


def own_user() -> str:
    """The user of this process: what a build leaves on the disk is the gateway's own."""
    return f"{os.getuid()}:{os.getgid()}"


def tail_of(log: Path) -> list[str]:
    """The last lines of a build's output."""
    with suppress(OSError), log.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip() for line in deque(file, TAIL_LINES) if line.strip()]
    return []


def way_out(log: Path) -> str:
    """What the end of a build's output hints at."""
    return hint_for(tail_of(log))
