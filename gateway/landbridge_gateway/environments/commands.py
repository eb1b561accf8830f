"""What `landbridge images` does, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import DockerException

from landbridge_gateway.environments.images import BuildFailed, ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder


def build(names: Iterable[str], say: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Give each runtime's name and image id as it is there; no names mean all. Raises BuildFailed, UnknownRuntime."""
    runtimes = Runtimes.load(packaged_folder("containers"))
    wanted = [runtimes[name] for name in names] or list(runtimes)
    with _builder() as builder:
        for runtime in wanted:
            try:
                yield runtime.name, builder.ensure(runtime, say)
            except BuildFailed as error:
                for line in error.log_tail:
                    say(f"  {line}")
                raise


def listing() -> Iterator[str]:
    """One line for each runtime: name, tag, size."""
    with _builder() as builder:
        for image in builder.list():
            size = "absent" if image.size is None else f"{image.size / 1e6:.0f} MB"
            yield f"{image.runtime:<12} {size:>8}  {image.tag}"


def prune() -> list[str]:
    """Remove what no runtime uses any more; gives what was removed."""
    with _builder() as builder:
        return builder.prune()


@contextmanager
def _builder() -> Iterator[ImageBuilder]:
    try:
        client = docker.from_env(timeout=120)
    except (DockerException, requests.RequestException) as error:
        raise BuildFailed(
            "The Docker engine does not answer.",
            "Start it (`sudo systemctl start docker`), or install it with `make setup`; see `landbridge doctor`.",
        ) from error
    try:
        yield ImageBuilder(client)
    finally:
        client.close()
