"""The way to the Docker engine: by setting, by ``DOCKER_HOST``, or the usual socket."""

from __future__ import annotations

import os
from collections.abc import Mapping

import docker


def engine_environment(address: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which Docker's own tools reach the engine; an empty ``address`` leaves it as it is."""
    return {**environ, "DOCKER_HOST": address} if address else dict(environ)


def engine_client(address: str) -> docker.DockerClient:
    """Raises what ``docker.from_env`` raises, also for an address that is none."""
    return docker.from_env(timeout=120, environment=engine_environment(address))
