"""What `landbridge images` does, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import requests
from docker.errors import DockerException

from landbridge_gateway.environments.images import BuildFailed, ImageBuilder
from landbridge_gateway.environments.reaching import engine_client
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.settings import Settings


def build(names: Iterable[str], say: Callable[[str], None], whole: bool = False) -> Iterator[tuple[str, str]]:
    """Give each runtime's name and image id as it is there.

    No names mean those that are not left to the first job that wants them, and the network's image with them; ``whole``
    means every runtime. Raises BuildFailed, UnknownRuntime.
    """
    runtimes = Runtimes.load(packaged_folder("containers"))
    named = [runtimes[name] for name in names]
    with _builder() as builder:
        try:
            for runtime in runtimes if whole else named or (one for one in runtimes if not one.on_demand):
                yield runtime.name, builder.ensure(runtime, say)
            if whole or not named:
                yield "network", builder.ensure_network(say)
        except BuildFailed as error:
            for line in error.log_tail:
                say(f"  {line}")
            raise


def listing() -> Iterator[str]:
    """One line for each runtime: name, Debian suite, size, tag, and what it is without."""
    runtimes = Runtimes.load(packaged_folder("containers"))
    with _builder() as builder:
        for image in builder.list():
            runtime = runtimes[image.runtime]
            size = "absent" if image.size is None else f"{image.size / 1e6:.0f} MB"
            without = f"  without {', '.join(runtime.without)}" if runtime.without else ""
            yield f"{image.runtime:<12} {runtime.suite:<9} {size:>8}  {image.tag}{without}"


def prune() -> list[str]:
    """Remove what no runtime uses any more; gives what was removed."""
    with _builder() as builder:
        return builder.prune()


@contextmanager
def _builder() -> Iterator[ImageBuilder]:
    try:
        client = engine_client(Settings.load().docker_host)
    except (DockerException, requests.RequestException) as error:
        raise BuildFailed(
            "The Docker engine does not answer.",
            "Start it (`sudo systemctl start docker`), or install it with `make setup`; see `landbridge doctor`.",
        ) from error
    try:
        yield ImageBuilder(client)
    finally:
        client.close()
