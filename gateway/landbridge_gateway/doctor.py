"""What the gateway needs on this machine, looked at one by one; each failure with its remedy."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from landbridge_gateway.environments.reaching import engine_environment
from landbridge_gateway.errors import GatewayError
from landbridge_gateway.local import Local
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.database import SAFE_WAL
from landbridge_gateway.warden.pool import SLOT_MEMORY, slots_in_words

_LEAST_FREE = 5 * 1024**3


@dataclass(frozen=True)
class Finding:
    about: str
    fine: bool
    told: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    checks: list[Callable[[Settings], Finding]] = [_docker, _container_runtime, _disk, _sqlite, _mmdebstrap, _pool]
    return [check(settings) for check in checks]


def _docker(settings: Settings) -> Finding:
    remedy = "Install and start Docker (`make setup` does both on Debian), then try again."
    if shutil.which("docker") is None:
        return Finding("engine", False, "there is no `docker` command", remedy)
    version = _asked(settings, "version", "{{.Server.Version}}")
    if version is None:
        return Finding("engine", False, f"the Docker engine{_place(settings)} does not answer", remedy)
    rootless = "rootless" in (_asked(settings, "info", "{{json .SecurityOptions}}") or "")
    return Finding("engine", True, f"Docker {version}{', rootless' if rootless else ''}{_place(settings)}")


def _container_runtime(settings: Settings) -> Finding:
    """What runs the containers: the kernel itself, or something that stands between it and the jobs."""
    told = _asked(settings, "info", "[{{json .Runtimes}}, {{json .DefaultRuntime}}]")
    known, default = json.loads(told) if told else ({}, "")
    wanted = settings.container_runtime or default
    if not known:
        return Finding(
            "container runtime", False, "the Docker engine tells of no container runtime", "Start the engine."
        )
    if wanted not in known:
        remedy = f"It knows {', '.join(sorted(known))}. Install it, or leave LANDBRIDGE_CONTAINER_RUNTIME unset."
        return Finding("container runtime", False, f"the Docker engine knows no container runtime `{wanted}`", remedy)
    gvisor = "" if wanted == "runsc" or "runsc" in known else "; gVisor (runsc) is not installed"
    return Finding("container runtime", True, f"containers run under {wanted}{gvisor}")


def _asked(settings: Settings, verb: str, form: str) -> str | None:
    """What the engine says to one question; None where it does not answer."""
    if shutil.which("docker") is None:
        return None
    asked = subprocess.run(
        ["docker", verb, "--format", form],
        capture_output=True,
        text=True,
        check=False,
        env=engine_environment(settings.docker_host),
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


def _place(settings: Settings) -> str:
    return f" at {settings.docker_host}" if settings.docker_host else ""


def _pool(settings: Settings) -> Finding:
    bound = f"at most {settings.pool_memory / 1024**2:,.0f} MiB of containers wait for jobs"
    if settings.pool_memory < SLOT_MEMORY:
        why = f"less than one of them holds ({SLOT_MEMORY // 1024**2} MiB)"
        return Finding("pool", True, f"{bound}, {why}: every job starts a container of its own then")
    try:
        waiting = Local(settings.home).call("GET", "")["pool"]
    except GatewayError:
        return Finding("pool", True, f"{bound}; the gateway does not run")
    return Finding("pool", True, f"{slots_in_words(waiting) or 'none wait now'}; {bound}")


def _disk(settings: Settings) -> Finding:
    place = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / 1024**3:,.0f} GiB free at {place}"
    return Finding("disk", free >= _LEAST_FREE, told, "Free some space, or choose another folder with --home.")


def _sqlite(_: Settings) -> Finding:
    version = sqlite3.sqlite_version_info
    told = f"SQLite {sqlite3.sqlite_version}"
    if version < SAFE_WAL:
        told += ", safe here because one connection writes; never open the database with other programs while it runs"
    return Finding("database", version >= (3, 38, 0), told, "Use a Python with SQLite 3.38 or newer.")


def _mmdebstrap(_: Settings) -> Finding:
    found = shutil.which("mmdebstrap") is not None
    told = "mmdebstrap is there, so images can be made without a registry" if found else "there is no mmdebstrap"
    return Finding("images", found, told, "Install mmdebstrap, or build where the base image can be pulled.")
