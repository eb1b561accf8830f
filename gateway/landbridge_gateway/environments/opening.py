"""The shelf of a gateway's environments, as its settings say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import docker
import uv

from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.shelf import Shelf
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.settings import Settings


def host_of(settings: Settings) -> Host:
    """How builds reach packages: this machine's own ways, and the repository of R packages of the settings."""
    host = Host.read(settings.ca_bundle)
    return replace(host, arguments={**host.arguments, "LANDBRIDGE_CRAN": settings.cran}) if settings.cran else host


def open_shelf(
    client: docker.DockerClient, builder: ImageBuilder, runtimes: Runtimes, settings: Settings, gateway_id: str
) -> Shelf:
    """Environments live in the home, beside the depot."""
    return Shelf(
        client,
        builder,
        runtimes,
        settings.home / "environments",
        packaged_folder("containers") / "environments",
        Path(uv.find_uv_bin()),
        gateway_id,
        settings.build_seconds,
        settings.environments,
        lambda: host_of(settings),
    )
