"""The network of a job that may reach out: open to the public internet, closed to everything that is nearer.

Docker's own bridge would show a job the host's ports, the machines around it and a cloud's metadata. So a container
of ours holds the network first, and closes it from inside before the job's container joins it: the rules live in the
namespace of this one job, where the job has no right to change them, and nothing of the host's own rules is touched.
See docs/decisions/0015-outbound.md.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException, NotFound

from landbridge_gateway.engines.interface import EngineError

NETWORK_LABEL = "landbridge.network"
# Runtimes that use the kernel's own network, where the rules are. gVisor brings one of its own, past these.
_KERNELS_OWN = ("runc", "crun", "youki")
_MEMORY, _PIDS = 64 * 1024**2, 16


class OutboundNetwork:
    """``image`` gives the id of the image whose ``close`` closes a network; ``runtime`` is what runs the jobs."""

    def __init__(self, api: Any, labels: dict[str, str], runtime: str, image: Callable[[], str]) -> None:
        self._api, self._labels, self._runtime, self._image = api, labels, runtime, image
        self._open: set[str] = (
            set()
        )  # containers that have one: most have none, and ending them asks the engine nothing

    def open(self, attempt: str, container: str) -> str:
        """Have a network for the attempt's container, closed and tried; gives its mode. Raises :class:`EngineError`."""
        if self._runtime not in _KERNELS_OWN:
            raise EngineError(
                f'A job cannot have network = "outbound" under the container runtime `{self._runtime}`: '
                "what is to be closed to it would stay open.",
                'Run it with network = "none", or on a gateway whose containers run under runc.',
            )
        name = _holder(container)
        self._open.add(container)
        self._api.create_container(
            self._image(),
            name=name,
            user="0:0",  # of its own namespaces; the one capability is for its own network
            labels=self._labels | {NETWORK_LABEL: attempt},
            host_config=self._api.create_host_config(
                cap_drop=["ALL"],
                cap_add=["NET_ADMIN"],
                security_opt=["no-new-privileges"],
                read_only=True,
                mem_limit=_MEMORY,
                memswap_limit=_MEMORY,
                pids_limit=_PIDS,
                network_mode="bridge",
                init=True,
                runtime=self._runtime,
            ),
        )
        self._api.start(name)
        self._close(name)
        return f"container:{name}"

    def _close(self, name: str) -> None:
        run = self._api.exec_create(name, ["sh", "/close.sh", *own_addresses()])
        told = self._api.exec_start(run).decode("utf-8", "replace").strip()
        if self._api.exec_inspect(run)["ExitCode"] != 0:
            raise EngineError(
                f"The job's network could not be closed to private addresses: {told[-300:]}",
                'Run the job with network = "none", or give the host a kernel with nftables.',
            )

    def found(self, container: str) -> None:
        """An earlier warden opened one for this container."""
        self._open.add(container)

    def close(self, container: str) -> None:
        """Remove the network of a container. One that is gone, or never was, is fine."""
        if container not in self._open:
            return
        try:
            self._api.remove_container(_holder(container), force=True, v=True)
        except NotFound:
            pass
        except (DockerException, requests.RequestException):
            return  # it is being removed, or the engine is away and lists it when it is back
        self._open.discard(container)


def _holder(container: str) -> str:
    return f"{container}-net"


def own_addresses(network: Path = Path("/proc/net")) -> list[str]:
    """Every address of this machine: whatever listens there is not for jobs, the gateway first of all."""
    found: list[str] = []
    with suppress(OSError):
        text = (network / "fib_trie").read_text()
        found += re.findall(r"\|-- (\S+)\n\s*/32 host LOCAL", text)
    with suppress(OSError):
        lines = (network / "if_inet6").read_text().splitlines()
        found += [str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines]
    return sorted({address for address in found if not ipaddress.ip_address(address).is_loopback})
