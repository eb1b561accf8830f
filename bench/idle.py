"""P11: what gateway and warden hold when nothing happens, as resident memory of both processes together."""

from __future__ import annotations

from pathlib import Path

from bench.figures import Figure
from tests.serving import Serving


def measure(serving: Serving) -> list[Figure]:
    held = sum(_resident(serving.child(name)) for name in ("gateway", "warden"))
    return [Figure("gateway and warden, idle", [held], "MB", 120)]


def _resident(pid: int) -> float:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Vm")
    )
    return int(fields["VmRSS"].split()[0]) / 1000
