"""What the Docker engine must be able to do before a job is given to it, read from what it tells of itself."""

from __future__ import annotations

from typing import Any

from landbridge_gateway.engines.interface import EngineError

_LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "processors", "PidsLimit": "processes"}


def known_runtime(told: dict[str, Any], wanted: str) -> str:
    """The container runtime of all jobs; empty wants the engine's own.

    Raises :class:`EngineError` where the engine does not know it, or would run a container without its limits: Docker
    itself starts such a container with a warning that nobody sees.
    """
    known = sorted(told.get("Runtimes") or ())
    if wanted and wanted not in known:
        raise EngineError(
            f"The Docker engine knows no container runtime `{wanted}`.",
            f"It knows: {', '.join(known)}. Install the runtime and name it in the engine's daemon.json, or leave "
            "LANDBRIDGE_CONTAINER_RUNTIME unset.",
        )
    missing = [word for key, word in _LIMITS.items() if told.get(key) is False]
    if missing:
        raise EngineError(
            f"The Docker engine cannot limit {' and '.join(missing)}, so a job could take the whole machine.",
            "A rootless engine needs cgroup v2, with its controllers handed to the user (systemd: `Delegate=yes`).",
        )
    return wanted or str(told.get("DefaultRuntime") or "runc")
