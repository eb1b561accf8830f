"""P11: what gateway and warden hold when nothing happens, as resident memory of both processes together."""

from __future__ import annotations

from pathlib import Path

from bench.figures import OURS, PROVIDES, Budget, Contender, Figure
from bench.run import Run


def measure(run: Run) -> list[Figure]:
    held = sum(_resident(run.serving.child(name)) for name in ("gateway", "warden"))
    ours = Contender(OURS, [held], PROVIDES)
    return [Figure("P11", "gateway and warden, idle, resident memory", "MB", [ours], [Budget(120)], "memory")]


def _resident(pid: int) -> float:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Vm")
    )
    return int(fields["VmRSS"].split()[0]) / 1000
