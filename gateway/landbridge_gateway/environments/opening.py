"""The shelf of a gateway's environments, as its settings say."""

from __future__ import annotations

from pathlib import Path

import docker
import uv

from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.shelf import Shelf
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.settings import Settings


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
        lambda: Host.read(settings.ca_bundle),
    )
