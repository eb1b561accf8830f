"""The Docker engine. The only file that starts containers through the Docker SDK."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound

from landbridge_gateway.engines.abilities import known_runtime
from landbridge_gateway.engines.cgroups import UsageWatch
from landbridge_gateway.engines.ends import Ends
from landbridge_gateway.engines.interface import EngineError, Order, PrepareFailed
from landbridge_gateway.engines.outbound import NETWORK_LABEL, OutboundNetwork
from landbridge_gateway.engines.packed import Packed, label_of, path_of
from landbridge_gateway.engines.pipes import Pipes
from landbridge_gateway.environments.environment import Environment
from landbridge_gateway.environments.images import BuildFailed, ImageBuilder
from landbridge_gateway.environments.places import split_place
from landbridge_gateway.environments.reaching import engine_client
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.shelf import Shelf
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import Exit, Gone, Json, Limits, RuntimeState, Usage

GATEWAY_LABEL = "landbridge.gateway"
ATTEMPT_LABEL = "landbridge.attempt"
JOB_USER = 64000
TMPFS_SHARE = 4  # a quarter of the memory limit: what is written to /tmp counts against that limit anyway
BYTES_A_FILE = 8192  # of the memory limit, for each file that /tmp may have: the kernel needs some for an empty one

_DOWN = "The Docker engine does not answer."
_DOWN_HINT = "Start it (`sudo systemctl start docker`), or install it with `make setup`; see `landbridge doctor`."


class DockerEngine:
    """Containers with one set of hardened settings each; nothing that a job says changes them but its limits."""

    name = "docker"
    warms = near = True  # containers have folders of this machine mounted

    def __init__(
        self,
        gateway_id: str,
        runtimes: Runtimes,
        builder: Callable[[docker.DockerClient], ImageBuilder],
        address: str = "",
        container_runtime: str = "",
        shelf: Callable[[docker.DockerClient, ImageBuilder], Shelf] | None = None,
    ) -> None:
        """``address`` is the engine's, ``container_runtime`` one of the runtimes that it knows; empty for its own.

        ``shelf`` makes what has the runtimes with packages.
        """
        self._gateway_id = gateway_id
        self._runtimes = runtimes
        try:
            self._client = engine_client(address)
            told = self._client.info()
        except (DockerException, requests.RequestException) as error:
            raise EngineError(_DOWN, _DOWN_HINT) from error
        self._container_runtime = known_runtime(told, container_runtime)
        self._api: Any = self._client.api
        self._builder = builder(self._client)
        self._packed = Packed(shelf(self._client, self._builder) if shelf else None)
        self._outbound = OutboundNetwork(
            self._api, {GATEWAY_LABEL: gateway_id}, self._container_runtime, self._network_image
        )
        self._images: dict[str, str] = {}
        self._building: set[str] = set()
        self._failed: set[str] = set()
        self._starting: set[str] = set()
        self._given_up: set[str] = set()
        self._pipes = Pipes()
        self._usage = UsageWatch()
        self._ends = Ends(self._inspect_exit)
        self._closed = threading.Event()

    def runtimes(self) -> list[RuntimeState]:
        return [
            RuntimeState(
                runtime.name,
                runtime.language,
                runtime.default,
                *self._image_state(runtime.name),
                languages=tuple(runtime.versions),
                without=runtime.without,
            )
            for runtime in self._runtimes
        ]

    def _image_state(self, name: str) -> tuple[str, str | None]:
        if name in self._building:
            return "building", None
        image = self._images.get(name) or self._builder.find(self._runtimes[name])
        if image:
            self._images[name] = image
            return "ready", image
        return ("failed" if name in self._failed else "absent"), None

    def prepare(self, runtime: str, progress: Callable[[str], None], wanted: Json | None = None) -> str:
        if split_place(runtime)[1]:
            return self._packed.prepare(runtime, progress, wanted).image
        self._building.add(runtime)
        try:
            image = self._builder.ensure(self._runtimes[runtime], progress)
        except BuildFailed as error:
            self._failed.add(runtime)
            raise PrepareFailed(str(error), error.hint or "", error.log_tail) from error
        except (DockerException, requests.RequestException) as error:
            raise EngineError(_DOWN, _DOWN_HINT) from error
        finally:
            self._building.discard(runtime)
        self._failed.discard(runtime)
        self._images[runtime] = image
        return image

    def there(self, runtime: str) -> bool:
        if split_place(runtime)[1]:
            return self._packed.there(runtime)
        return self._builder.find(self._runtimes[runtime]) is not None

    def abandon(self, runtime: str) -> None:
        self._packed.abandon(runtime)

    def built(self, runtime: str) -> Json | None:
        return self._packed.built(runtime)

    def image(self, runtime: str) -> str | None:
        return self._packed.image(runtime) if split_place(runtime)[1] else self._images.get(runtime)

    def refresh(self, runtime: str) -> None:
        if split_place(runtime)[1]:
            self._packed.refresh(runtime)
            return
        with suppress(DockerException, requests.RequestException):
            image = self._builder.find(self._runtimes[runtime])
            if image:
                self._images[runtime] = image

    def _network_image(self) -> str:
        try:
            return self._builder.ensure_network(lambda _: None)
        except BuildFailed as error:
            raise PrepareFailed(str(error), error.hint or "", error.log_tail) from error

    def start(self, order: Order) -> str:
        if not split_place(order.runtime)[1]:
            image = self._images.get(order.runtime) or self.prepare(order.runtime, lambda _: None)
            return self._start(order, image, None)
        with self._packed.held(order) as environment:
            return self._start(order, environment.image, environment)

    def _start(self, order: Order, image: str, environment: Environment | None) -> str:
        name = self._container_name(order.attempt)
        reach("image resolved")
        self._starting.add(order.attempt)
        try:
            outbound = order.limits.network != "none"
            network = self._outbound.open(order.attempt, name) if outbound else "none"
            reach("create sent")
            made = self._api.create_container(
                image,
                command=["--warm", "/job"] if order.warm else ["/job"],
                entrypoint=self._runtimes[split_place(order.runtime)[0]].start(order.language),
                name=name,
                user=f"{JOB_USER}:{JOB_USER}",
                environment=_threads(order.limits) | path_of(environment),
                labels={GATEWAY_LABEL: self._gateway_id, ATTEMPT_LABEL: order.attempt} | label_of(environment),
                host_config=self._host_config(order, network, environment),
            )
            reach("created")
            self._usage.expect(order.attempt, made["Id"])
            self._api.start(name)
            reach("start sent")
            self._usage.add(order.attempt, made["Id"])
        except ImageNotFound as error:
            self._images.pop(order.runtime, None)
            self._packed.refresh(order.runtime)
            raise EngineError(f"The image of {order.runtime} is gone.", "Run `landbridge images build`.") from error
        except (DockerException, requests.RequestException) as error:
            # It may exist all the same, or come to exist when the engine gets round to it.
            self._given_up.add(order.attempt)
            self.remove(order.attempt)
            raise EngineError(f"Docker could not start the container: {_words(error)}", _DOWN_HINT) from error
        except EngineError:
            self.remove(order.attempt)
            raise
        finally:
            self._starting.discard(order.attempt)
        return image

    def _host_config(self, order: Order, network: str, environment: Environment | None) -> Any:
        folder, limits = order.folder, order.limits
        binds = [f"{folder}:/job:ro", f"{folder / 'out'}:/job/out:rw"]
        if order.held:
            # What is not to be changed there is not the container user's.
            binds.append(f"{folder / 'calls'}:/job/calls:rw")
        if environment and environment.bind:
            binds.append(environment.bind)
        # The same hardened settings for every container, every time: see SECURITY in the README.
        return self._api.create_host_config(
            binds=binds,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            tmpfs={"/tmp": _tmpfs(limits.memory)},
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            nano_cpus=int(min(limits.cpus, os.cpu_count() or 1) * 1e9),
            pids_limit=limits.pids,
            network_mode=network,
            runtime=self._container_runtime,
            init=True,
            ulimits=[
                docker.types.Ulimit(name="core", soft=0, hard=0),
                docker.types.Ulimit(name="fsize", soft=limits.disk, hard=limits.disk),
            ],
            log_config=docker.types.LogConfig(type="none"),
        )

    def _container_name(self, attempt: str) -> str:
        return f"landbridge-{self._gateway_id}-{attempt}"

    def watch(self, ended: Callable[[str, Exit], None], paused: Callable[[str], None]) -> None:
        while not self._closed.is_set():
            # A broken stream means an engine that stops or stopped: what ended meanwhile is found by listing.
            with suppress(DockerException, requests.RequestException):
                self._follow_events(ended, paused)
            self._ends.engine_went()
            self._closed.wait(1)

    def _follow_events(self, ended: Callable[[str, Exit], None], paused: Callable[[str], None]) -> None:
        filters = {
            "label": f"{GATEWAY_LABEL}={self._gateway_id}",
            "event": ["create", "start", "die", "destroy", "pause", "kill"],
            "type": "container",
        }
        stream = self._api.events(filters=filters, decode=True, since=int(time.time()) - 1)
        for attempt, known in self.found().items():
            if known:
                ended(attempt, known)
        self._ends.engine_came()
        # Their events may have been missed: of a slot that was handed out since, nobody would ever know.
        for attempt in self._paused():
            paused(attempt)
        for event in stream:
            attempt = event["Actor"]["Attributes"].get(ATTEMPT_LABEL)
            if not attempt:
                continue
            action = event.get("Action")
            if action in ("create", "start"):
                if attempt in self._given_up:
                    self.remove(attempt)
            elif action == "pause":
                paused(attempt)
            else:
                self._ends.heard(attempt, str(action), ended)

    def _inspect_exit(self, attempt: str) -> Exit:
        try:
            state = self._api.inspect_container(self._container_name(attempt))["State"]
        except NotFound:
            return Exit(None, gone=Gone.REMOVED)
        return Exit(int(state["ExitCode"]), bool(state.get("OOMKilled")), usage=self._usage.usage(attempt))

    def usage(self, attempt: str) -> Usage | None:
        return self._usage.usage(attempt)

    def found(self) -> dict[str, Exit | None]:
        containers = self._api.containers(all=True, filters={"label": f"{GATEWAY_LABEL}={self._gateway_id}"})
        labelled = {found["Labels"].get(ATTEMPT_LABEL, ""): found for found in containers}
        for attempt, found in labelled.items():
            if attempt and found["State"] == "running":
                self._usage.add(attempt, found["Id"])  # of an earlier warden's
        for network in {found["Labels"].get(NETWORK_LABEL, "") for found in containers} - {"", *self._starting}:
            self._outbound.found(self._container_name(network))
            if network not in labelled:
                self._outbound.close(self._container_name(network))
        return {attempt: self._exit_in(attempt, found["State"]) for attempt, found in labelled.items() if attempt}

    def _paused(self) -> list[str]:
        filters = {"label": f"{GATEWAY_LABEL}={self._gateway_id}", "status": "paused"}
        found = self._api.containers(all=True, filters=filters)
        return [one["Labels"][ATTEMPT_LABEL] for one in found if ATTEMPT_LABEL in one["Labels"]]

    def _exit_in(self, attempt: str, state: str) -> Exit | None:
        if state == "created":
            # Either its start is under way here, or an earlier warden died between the two calls.
            return None if attempt in self._starting else Exit(None)
        return self._ends.found(self._inspect_exit(attempt)) if state in ("exited", "dead") else None

    def tell(self, attempt: str, pipe: Path, line: str) -> None:
        self._pipes.tell(attempt, pipe, line)

    def give(self, attempt: str, pipe: Path, line: str) -> None:
        self._pipes.give(attempt, pipe, line)

    def forget(self, attempt: str) -> None:
        self._pipes.forget(attempt)

    def interrupt(self, attempt: str) -> None:
        self._ends.ours(attempt)
        with suppress(DockerException, requests.RequestException):
            self._api.kill(self._container_name(attempt), signal="SIGINT")

    def resume(self, attempt: str) -> None:
        # Where the engine is away it is listed as paused, and told of again, when it is back.
        with suppress(DockerException, requests.RequestException):
            self._api.unpause(self._container_name(attempt))

    def stop(self, attempt: str, grace: int) -> None:
        self._ends.ours(attempt)
        with suppress(DockerException, requests.RequestException):
            self._api.stop(self._container_name(attempt), timeout=grace)

    def remove(self, attempt: str) -> None:
        self._pipes.forget(attempt)
        self._ends.forget(attempt)
        self._usage.forget(attempt)
        # While the engine is away nothing can be removed: what has ended is listed, and told again, when it is back.
        with suppress(DockerException, requests.RequestException):
            self._api.remove_container(self._container_name(attempt), force=True, v=True)
        self._outbound.close(self._container_name(attempt))

    def close(self) -> None:
        self._closed.set()
        self._pipes.close()
        self._client.close()


def _tmpfs(memory: int) -> str:
    return f"rw,exec,nosuid,nodev,size={memory // TMPFS_SHARE},nr_inodes={memory // BYTES_A_FILE},mode=1777"


def _threads(limits: Limits) -> dict[str, str]:
    # Numeric libraries count the machine's cores, not the container's share of them.
    count = str(max(1, math.ceil(limits.cpus)))
    return {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}


def _words(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)[:500]
